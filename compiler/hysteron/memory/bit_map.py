"""Bits of one measured array that have error rates of their own.

A CSV ``row,column,p01,p10``; every array of the memory is taken to be like the measured one,
and the rates hold under all conditions.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hysteron.errors import InputError
from hysteron.memory.geometry import ArrayGeometry
from hysteron.memory.states.base import Vector

_HEADER = ["row", "column", "p01", "p10"]


@dataclass(frozen=True)
class BitMap:
    """``rates`` maps (row, column) to (p01, p10)."""

    geometry: ArrayGeometry
    rates: tuple[tuple[tuple[int, int], tuple[float, float]], ...]

    @property
    def share(self) -> float:
        """Share of an array's bits that are listed."""
        return len(self.rates) / (self.geometry.rows * self.geometry.columns)

    def mean(self) -> tuple[float, float]:
        """Return the mean (p01, p10) of the listed bits."""
        p01, p10 = np.array([rates for _, rates in self.rates]).mean(axis=0).tolist()
        return p01, p10

    def applied(self, count: int, p01: float, p10: float) -> tuple[Vector, Vector]:
        """Return p01 and p10 of memory bits 0 .. count-1; bits not listed have the given ones."""
        shape = (self.geometry.rows, self.geometry.columns)
        up, down = np.full(shape, p01), np.full(shape, p10)
        for (row, column), (own_01, own_10) in self.rates:
            up[row, column], down[row, column] = own_01, own_10
        place = self.geometry.locate(np.arange(count))
        rows: npt.NDArray[np.int64] = place.row
        return up[rows, place.column], down[rows, place.column]


def read_map(path: Path, geometry: ArrayGeometry) -> BitMap:
    """Return the map of a CSV. Raises InputError with the line number."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = [(n, row) for n, row in enumerate(csv.reader(file), 1) if any(row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError("cannot be read as CSV", where=path.name, got=str(error)) from error
    if len(lines) < 2 or [cell.strip() for cell in lines[0][1]] != _HEADER:
        raise InputError(
            "not a map of bits", where=path.name, wanted=",".join(_HEADER) + " and rows"
        )
    rates: dict[tuple[int, int], tuple[float, float]] = {}
    for number, row in lines[1:]:
        place, own = _row(row, geometry, f"{path.name}, line {number}")
        if place in rates:
            raise InputError("the same bit twice", where=f"{path.name}, line {number}")
        rates[place] = own
    return BitMap(geometry, tuple(sorted(rates.items())))


def _row(
    row: list[str], geometry: ArrayGeometry, where: str
) -> tuple[tuple[int, int], tuple[float, float]]:
    try:
        line, column = int(row[0]), int(row[1])
        p01, p10 = float(row[2]), float(row[3])
    except (ValueError, IndexError) as error:
        raise InputError("not a bit", where=where, got=",".join(row)) from error
    if not (0 <= line < geometry.rows and 0 <= column < geometry.columns):
        raise InputError(
            "no such bit", where=where, got=f"row {line}, column {column}",
            wanted=f"below {geometry.rows} and {geometry.columns}",
        )  # fmt: skip
    for p in (p01, p10):
        if not 0.0 <= p <= 1.0:  # true for NaN
            raise InputError("not a probability", where=where, got=f"{p:g}", wanted="0 to 1")
    return (line, column), (p01, p10)
