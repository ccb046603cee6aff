"""Where the files live that are data, not Python: C sources, TOML, models."""

from __future__ import annotations

from pathlib import Path

from hysteron.errors import InternalError

_PACKAGE = Path(__file__).resolve().parent


def asset_dir(kind: str) -> Path:
    """Return the folder ``runtime_c``, ``targets`` or ``models`` as a real path.

    An installed wheel holds it under ``hysteron/_assets``; a source checkout at
    its top level. Raises InternalError when neither exists.
    """
    for candidate in (_PACKAGE / "_assets" / kind, _PACKAGE.parents[1] / kind):
        if candidate.is_dir():
            return candidate
    raise InternalError(
        f"asset folder '{kind}' is missing", where=str(_PACKAGE), fix="reinstall hysteron"
    )
