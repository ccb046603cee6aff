"""Archives that are the same bytes on every machine."""

from __future__ import annotations

import io
import zipfile
from typing import Final

from hysteron.codegen.emit import Files

#: The first day that a zip file can name.
_DATE: Final = (1980, 1, 1, 0, 0, 0)
_UNIX, _MODE = 3, 0o100644


def zipped(files: Files, folder: str = "") -> bytes:
    """Return a zip file of ``files`` below ``folder``: sorted, stored, one fixed date.

    Stored, because deflated bytes depend on the library that made them.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path, content in sorted(files.items()):
            entry = zipfile.ZipInfo(f"{folder}/{path}" if folder else path, _DATE)
            entry.create_system, entry.external_attr = _UNIX, _MODE << 16
            archive.writestr(entry, content)
    return buffer.getvalue()
