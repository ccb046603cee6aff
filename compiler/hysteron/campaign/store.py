"""Campaign results in SQLite: one row per condition and chip, exact resume.

Each chip is one transaction, so a killed campaign loses at most the chips that
were running; they are drawn again with the same errors.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from hysteron.errors import InputError

Correct = npt.NDArray[np.bool_]

SCHEMA: Final = 1
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS campaign (schema INTEGER, identity TEXT, about TEXT);
CREATE TABLE IF NOT EXISTS result (
    condition TEXT, chip INTEGER, correct INTEGER, samples BLOB, PRIMARY KEY (condition, chip)
) WITHOUT ROWID;
"""


class Store:
    """Results of one campaign; ``path`` None keeps them in memory.

    ``identity`` is a digest of everything that decides a result besides condition
    and chip: program, images, samples, labels, seed. Raises InputError for a file
    that is no store, or that belongs to another campaign; it is left as it was.
    """

    def __init__(self, path: Path | None, identity: str, samples: int, about: str = "") -> None:
        """Open or create the store of ``samples`` samples per chip."""
        self._samples = samples
        self._where = where = ":memory:" if path is None else str(path)
        try:
            self._db = sqlite3.connect(where)
            self._check(path, identity)
            with self._db:
                self._db.executescript(_TABLES)
                if not self._db.execute("SELECT 1 FROM campaign").fetchone():
                    self._db.execute(
                        "INSERT INTO campaign VALUES (?, ?, ?)", (SCHEMA, identity, about)
                    )
        except sqlite3.Error as error:
            raise InputError("not a campaign store", where=where, got=str(error)) from error

    def _check(self, path: Path | None, identity: str) -> None:
        tables = {row[0] for row in self._db.execute("SELECT name FROM sqlite_master")}
        if not tables:
            return
        where = str(path)
        if not {"campaign", "result"} <= tables:
            raise InputError("the database holds something else", where=where)
        row = self._db.execute("SELECT schema, identity, about FROM campaign").fetchone()
        if row is not None and (row[0], row[1]) != (SCHEMA, identity):
            raise InputError(
                "the store belongs to another campaign", where=where,
                got=str(row[2]) or str(row[1])[:16],
                wanted="the same model, version, inputs, labels and seed",
                fix="name another file",
            )  # fmt: skip

    def __enter__(self) -> Self:
        """Return the open store."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        self._db.close()

    def done(self, condition: str) -> set[int]:
        """Return the chips that have a result."""
        rows = self._query("SELECT chip FROM result WHERE condition = ?", condition)
        return {row[0] for row in rows}

    def add(self, chip: int, results: Mapping[str, Correct]) -> None:
        """Keep one chip's per-sample correctness, by condition, in one transaction."""
        rows = [
            (condition, chip, int(correct.sum()), np.packbits(correct).tobytes())
            for condition, correct in results.items()
        ]
        with self._told("cannot write the campaign store"), self._db:
            self._db.executemany("INSERT OR REPLACE INTO result VALUES (?, ?, ?, ?)", rows)

    def counts(self, condition: str, chips: Iterable[int]) -> list[int]:
        """Return the correct counts of chips, in their order."""
        query = "SELECT chip, correct FROM result WHERE condition = ?"
        found = dict(self._query(query, condition))
        return [found[chip] for chip in chips]

    def correct(self, condition: str, chips: Iterable[int]) -> Correct:
        """Return per-sample correctness (chips, samples)."""
        query = "SELECT chip, samples FROM result WHERE condition = ?"
        found: dict[int, bytes] = dict(self._query(query, condition))
        packed = [np.frombuffer(found[chip], dtype=np.uint8) for chip in chips]
        if not packed:
            return np.zeros((0, self._samples), dtype=np.bool_)
        if any(row.size != -(-self._samples // 8) for row in packed):
            raise InputError("the campaign store is damaged", where=self._where, got=condition[:80])
        bits = np.unpackbits(np.stack(packed), axis=1, count=self._samples)
        return bits.astype(np.bool_)

    def _query(self, query: str, condition: str) -> list[tuple[Any, ...]]:
        with self._told("cannot read the campaign store"):
            return self._db.execute(query, (condition,)).fetchall()

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            fix = "finished chips are kept; run the same command again"
            raise InputError(what, where=self._where, got=str(error), fix=fix) from error


def canonical(value: Any) -> str:
    """Return the JSON text that names a condition: the same for the same values."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
