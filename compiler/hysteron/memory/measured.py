"""Error rates that a user measured: a CSV of conditions, p01 and p10.

The header names the conditions (units in the names, as in technology files), then ``p01``
and ``p10``. Rows form a full grid over the conditions. Between grid points ln p is
interpolated linearly along every axis; outside the grid nothing is known.
"""

from __future__ import annotations

import csv
import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from hysteron.errors import InputError
from hysteron.memory.bit_map import BitMap, read_map
from hysteron.memory.channel import Channel
from hysteron.memory.condition import Condition
from hysteron.memory.schema import MeasuredFile, described, unit_of
from hysteron.memory.states.base import Cells, Site
from hysteron.memory.states.level import MappedCells
from hysteron.memory.technology import Technology

_RATES = ("p01", "p10")
_Point = tuple[float, ...]


@dataclass(frozen=True)
class Grid:
    """A full grid of conditions: {point: (p01, p10)}."""

    names: tuple[str, ...]
    axes: tuple[tuple[float, ...], ...]
    rates: Mapping[_Point, tuple[float, float]]

    def at(self, point: _Point, where: str) -> tuple[float, float]:
        """Return (p01, p10), multilinear in ln p; raises InputError next to a rate of 0."""
        sides = [_bracket(axis, x) for axis, x in zip(self.axes, point, strict=True)]
        corners = []
        for corner in itertools.product(*sides):
            weight = math.prod(share for _, share in corner)
            corners.append((weight, self.rates[tuple(x for x, _ in corner)]))
        p01, p10 = (_log_mean([(w, p[k]) for w, p in corners], where) for k in (0, 1))
        return p01, p10


@dataclass(frozen=True, kw_only=True)
class Measured(Technology):
    """A grid of measured error rates of bits."""

    grid: Grid
    weak: BitMap | None = None

    physics = "measured"
    formula = "ln p01, ln p10 interpolated inside the user's table"

    @classmethod
    def from_file(cls, data: MeasuredFile, folder: Path) -> Self:
        """Return the technology of a TOML file that names a CSV beside it."""
        grid = read_grid(folder / data.csv)
        parts = described(data)
        parts["stated"] = _conditions(grid, data.status, data.source)
        weak = read_map(folder / data.bit_map, parts["geometry"]) if data.bit_map else None
        return cls(**parts, cells_per_bit=data.cells_per_bit.value, grid=grid, weak=weak)

    @property
    def has_places(self) -> bool:
        """Return whether bits are known by their place in the array."""
        return self.weak is not None

    def _channel(self, levels: int, values: Mapping[str, float]) -> Channel:
        rates = self._rates(values)
        if self.weak is not None:  # the mean over a whole array
            share = self.weak.share
            mixed = zip(rates, self.weak.mean(), strict=True)
            rates = tuple((1 - share) * all_ + share * own for all_, own in mixed)
        return Channel.binary(*rates)

    def _cells(self, levels: int, values: Mapping[str, float], site: Site) -> Cells:
        if self.weak is None:
            return super()._cells(levels, values, site)
        p01, p10 = self.weak.applied(site.count, *self._rates(values))
        return MappedCells(p01, p10, values, site)

    def _rates(self, values: Mapping[str, float]) -> tuple[float, ...]:
        """Return (p01, p10) of bits that are in no map."""
        return self.grid.at(tuple(values[name] for name in self.grid.names), self.name)


def load_csv(path: Path) -> Measured:
    """Return a technology from a bare CSV; raises InputError with the line number."""
    grid = read_grid(path)
    return Measured(
        name=path.stem,
        title=f"measured: {path.name}",
        cells_per_bit=1.0,
        stated=_conditions(grid, "measured", path.name),
        notes=("one device per bit is assumed; a .toml beside the CSV can say otherwise",),
        grid=grid,
    )


def read_grid(path: Path) -> Grid:
    """Read and check a CSV: a full grid, no duplicates, finite numbers, probabilities."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = [(n, row) for n, row in enumerate(csv.reader(file), 1) if any(row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError("cannot be read as CSV", where=path.name, got=str(error)) from error
    if len(lines) < 2:
        raise InputError("needs a header and a row", where=path.name)
    names = tuple(cell.strip() for cell in lines[0][1])
    if names[-2:] != _RATES or len(set(names)) < len(names) or "" in names:
        raise InputError(
            "wrong header", where=f"{path.name}, line {lines[0][0]}", got=",".join(names),
            wanted="CONDITION,...,p01,p10, each once",
        )  # fmt: skip
    rates: dict[_Point, tuple[float, float]] = {}
    first_seen: dict[_Point, int] = {}
    for number, row in lines[1:]:
        values = _numbers(row, names, f"{path.name}, line {number}")
        point = values[:-2]
        if point in rates:
            raise InputError(
                "the same conditions twice", where=f"{path.name}, line {number}",
                got=_spelled(names, point), wanted=f"once; first in line {first_seen[point]}",
            )  # fmt: skip
        rates[point], first_seen[point] = (values[-2], values[-1]), number
    axes = tuple(tuple(sorted(set(axis))) for axis in zip(*rates, strict=True))
    for point in itertools.product(*axes):
        if point not in rates:
            raise InputError(
                "the table has a hole", where=path.name, got=f"no row {_spelled(names, point)}",
                wanted="every combination of the conditions",
            )  # fmt: skip
    return Grid(names[:-2], axes, rates)


def _numbers(row: list[str], names: tuple[str, ...], where: str) -> _Point:
    if len(row) != len(names):
        raise InputError("wrong number of cells", where=where, got=f"{len(row)}",
                         wanted=f"{len(names)}")  # fmt: skip
    values = []
    for name, cell in zip(names, row, strict=True):
        try:
            value = float(cell)
        except ValueError as error:
            raise InputError(f"{name} is not a number", where=where, got=f"'{cell}'") from error
        if not math.isfinite(value):
            raise InputError(f"{name} is not finite", where=where, got=cell)
        if name in _RATES and not 0.0 <= value <= 1.0:
            raise InputError(f"{name} is not a probability", where=where, got=cell, wanted="0 to 1")
        values.append(value)
    return tuple(values)


def _conditions(grid: Grid, status: str, source: str) -> tuple[Condition, ...]:
    return tuple(
        Condition(
            name, unit_of(name), axis[0], axis[0], axis[-1],
            f"{len(axis)} measured values", status, source,
        )
        for name, axis in zip(grid.names, grid.axes, strict=True)
    )  # fmt: skip


def _spelled(names: tuple[str, ...], point: _Point) -> str:
    return ", ".join(f"{name} = {x:g}" for name, x in zip(names, point, strict=False)) or "(none)"


def _bracket(axis: tuple[float, ...], x: float) -> list[tuple[float, float]]:
    """Return the grid values around x with their shares; x lies inside the axis."""
    if x in axis:
        return [(x, 1.0)]
    above = next(k for k, value in enumerate(axis) if value > x)
    low, high = axis[above - 1], axis[above]
    share = (x - low) / (high - low)
    return [(low, 1.0 - share), (high, share)]


def _log_mean(corners: list[tuple[float, float]], where: str) -> float:
    rates = [p for _, p in corners]
    if len(set(rates)) == 1:
        return rates[0]
    if min(rates) == 0.0:
        raise InputError(
            "cannot interpolate ln p between 0 and a measured error rate", where=where,
            fix="enter the detection limit instead of 0",
        )  # fmt: skip
    return math.exp(math.fsum(weight * math.log(p) for weight, p in corners))
