"""Campaign results as tables for other programs: CSV and Parquet, one row per chip."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from hysteron.errors import InputError

KINDS: Final = (".csv", ".parquet")

Row = Mapping[str, Any]


def table_csv(rows: Sequence[Row]) -> bytes:
    """Return rows as CSV, lists joined by spaces; columns in order of first use."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns_of(rows), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(
            {k: " ".join(map(str, v)) if isinstance(v, list) else v for k, v in row.items()}
        )
    return text.getvalue().encode()


def table_parquet(rows: Sequence[Row]) -> bytes:
    """Return rows as Parquet; raises InputError without pyarrow."""
    pyarrow, parquet = _pyarrow()
    columns = {name: [row.get(name) for row in rows] for name in columns_of(rows)}
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(pyarrow.table(columns), sink)
    return bytes(sink.getvalue())


def columns_of(rows: Sequence[Row]) -> list[str]:
    """Return all columns, in order of first use."""
    return list(dict.fromkeys(name for row in rows for name in row))


def check_export(path: Path) -> None:
    """Raise InputError for a path that an export could not be written to: before a campaign."""
    if path.suffix not in KINDS:
        raise InputError("unknown kind of export", got=path.name, wanted=" or ".join(KINDS))
    if path.suffix == ".parquet":
        _pyarrow()
    if path.is_dir():
        raise InputError("the export is a folder", where=str(path), wanted="a file")
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise InputError("cannot write the export", where=str(path), fix="choose another folder")


def write_export(rows: Sequence[Row], path: Path) -> None:
    """Write the rows; the file appears whole or not at all. Raises InputError."""
    check_export(path)
    data = table_parquet(rows) if path.suffix == ".parquet" else table_csv(rows)
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        scratch.write_bytes(data)
        os.replace(scratch, path)
    except OSError as error:
        scratch.unlink(missing_ok=True)
        got = error.strerror or str(error)
        raise InputError("cannot write the export", where=str(path), got=got) from error


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        fix = "pip install 'hysteron[export]', or export to .csv"
        raise InputError("Parquet needs pyarrow, which is not installed", fix=fix) from error
    return pyarrow, pyarrow.parquet
