"""Which runtime files a model needs: found by following includes, never listed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from hysteron._assets import asset_dir
from hysteron.errors import InternalError

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+"(hyst/[a-z0-9_/]+\.h)"', re.MULTILINE)
#: What the variants of a source share; it never stands alone.
_SHARED = re.compile(r'^#include "(hyst/[a-z0-9_]+\.inc)"\n', re.MULTILINE)
_LICENCE = re.compile(r"^/\* SPDX-License-Identifier: [^\n]* \*/\n", re.MULTILINE)
_ABI = re.compile(r"^#define HYST_ABI (\d+)$", re.MULTILINE)


def runtime_files(
    headers: Iterable[str], stems: Iterable[str], suffixes: Sequence[str]
) -> dict[str, bytes]:
    """Return path -> content of the runtime files that a model uses.

    ``headers`` ("hyst/op_step.h") and source ``stems`` start the search; a header
    hyst/X.h brings the source X or op_X's kernel along where one exists. A source
    is the first of ``X_<suffix>.c``, ``X_portable.c``, ``X.c`` that exists.
    """
    root = asset_dir("runtime_c")
    found: dict[str, bytes] = {}
    queue = [f"include/{header}" for header in headers]
    for stem in stems:
        queue.append(_required(root, stem, suffixes))
    while queue:
        path = queue.pop()
        if path in found:
            continue
        content = source_text(root / path)
        found[path] = content
        queue += [f"include/{header}" for header in _INCLUDE.findall(content.decode())]
        if path.endswith(".h") and "/isa/" not in path:
            source = find_source(root, Path(path).stem, suffixes)
            queue += [source] if source else []
    return {path.removeprefix("include/"): found[path] for path in sorted(found)}


def find_source(root: Path, stem: str, suffixes: Sequence[str]) -> str | None:
    """Return the path of the best source with this stem below ``root``, if any."""
    names = [f"{stem}_{suffix}" for suffix in (*suffixes, "portable")] + [stem]
    return next((f"src/{name}.c" for name in names if (root / "src" / f"{name}.c").is_file()), None)


def source_text(path: Path) -> bytes:
    """Return a runtime file as it is delivered: what variants share (``.inc``) in its place."""

    def shared(include: re.Match[str]) -> str:
        return _LICENCE.sub("", _read(root / "include" / include[1]).decode())

    root = asset_dir("runtime_c")
    return _SHARED.sub(shared, _read(path).decode()).encode()


def _required(root: Path, stem: str, suffixes: Sequence[str]) -> str:
    source = find_source(root, stem, suffixes)
    if source is None:
        raise InternalError(f"the runtime has no source '{stem}'", wanted=f"src/{stem}_portable.c")
    return source


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InternalError(f"runtime file is missing: {path.name}", got=str(error)) from error


def abi_number() -> int:
    """Return HYST_ABI as hyst/abi.h defines it."""
    text = _read(asset_dir("runtime_c") / "include" / "hyst" / "abi.h").decode()
    match = _ABI.search(text)
    if match is None:
        raise InternalError("hyst/abi.h does not define HYST_ABI")
    return int(match.group(1))
