"""Small numerics shared by the device models: Gaussian tails, spread over cells, tables."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from hysteron.errors import InputError

Vector = npt.NDArray[np.float64]

_REACH, _STEPS_PER_SIGMA = 8.0, 8
_PIECE_REACH, _PIECE = 8.5, np.polynomial.legendre.leggauss(24)


def tail(x: npt.ArrayLike) -> Vector:
    """Return Q(x), the upper tail of the standard normal distribution."""
    return np.asarray(ndtr(-np.asarray(x, dtype=np.float64)))


def normal_pdf(x: npt.ArrayLike) -> Vector:
    """Return the standard normal density."""
    x = np.asarray(x, dtype=np.float64)
    return np.asarray(np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi))


def spread_nodes(sigma: float, per_sigma: int = _STEPS_PER_SIGMA) -> tuple[Vector, Vector]:
    """Return nodes z and weights of a normal average over cells; one node when sigma is 0.

    ``per_sigma`` 2 is enough where the integrand hardly changes in a sigma. The trapezoid
    rule converges geometrically for a Gaussian weight; 8 sigma cut 1e-15.
    """
    if sigma == 0.0:
        return np.zeros(1), np.ones(1)
    z = np.arange(-_REACH, _REACH + 1e-9, 1.0 / per_sigma)
    weights = normal_pdf(z)
    return z, weights / weights.sum()


@dataclass(frozen=True)
class Table:
    """Columns against one axis, piecewise linear; in ln(axis) where the whole axis is > 0."""

    axis: str
    at_axis: tuple[float, ...]
    columns: Mapping[str, tuple[float, ...]]

    @classmethod
    def from_rows(cls, rows: Sequence[msgspec.Struct], where: str) -> Table:
        """Return a table from structs whose first field is the axis.

        Raises InputError for fewer than two rows, a number that is not finite, or an axis
        that does not ascend strictly.
        """
        if len(rows) < 2:
            raise InputError("a table needs two rows", where=where, got=str(len(rows)))
        names = [entry.name for entry in msgspec.structs.fields(rows[0])]
        values = np.array([[getattr(row, name) for name in names] for row in rows], dtype=float)
        if not np.isfinite(values).all():
            raise InputError("a number is not finite", where=where)
        if not (np.diff(values[:, 0]) > 0).all():
            raise InputError(f"{names[0]} does not ascend from row to row", where=where)
        columns = {name: tuple(values[:, k].tolist()) for k, name in enumerate(names[1:], 1)}
        return cls(names[0], tuple(values[:, 0].tolist()), columns)

    def at(self, x: float) -> dict[str, float]:
        """Return all columns at x, which must lie inside the table (InputError)."""
        low, high = self.at_axis[0], self.at_axis[-1]
        if not low <= x <= high:
            raise InputError(
                f"{self.axis} is outside its table", got=f"{x:g}", wanted=f"{low:g} to {high:g}"
            )
        axis = np.array(self.at_axis)
        if low > 0:
            axis, x = np.log(axis), math.log(x)
        return {name: float(np.interp(x, axis, column)) for name, column in self.columns.items()}


def require(holds: bool, what: str, where: str) -> None:
    """Raise InputError(what) unless it holds."""
    if not holds:
        raise InputError(what, where=where)


def require_positive(values: Iterable[tuple[str, float]], where: str) -> None:
    """Raise InputError unless every named value is above zero."""
    for name, value in values:
        require(value > 0.0, f"{name} must be above 0, got {value:g}", where)


def split_nodes(
    mean: float, sigma: float, borders: Iterable[tuple[float, float]]
) -> tuple[Vector, Vector]:
    """Return nodes and weights of an average over N(mean, sigma^2); one node when sigma is 0.

    ``borders`` are (place, width) where the integrand steps: Gauss-Legendre runs piece by
    piece between them, so that a step costs no accuracy. 8.5 sigma cut 1e-17.
    """
    if sigma == 0.0:
        return np.full(1, mean), np.ones(1)
    low, high = mean - _PIECE_REACH * sigma, mean + _PIECE_REACH * sigma
    inner = {mean - 4 * sigma, mean + 4 * sigma, mean}
    inner |= {place + side * 7 * width for place, width in borders for side in (-1, 0, 1)}
    edges = [low, *sorted(edge for edge in inner if low < edge < high), high]
    nodes, weights = _PIECE
    halves = np.diff(edges) / 2
    x = (np.array(edges[:-1]) + halves)[:, None] + halves[:, None] * nodes
    density = normal_pdf((x - mean) / sigma) / sigma
    return x.reshape(-1), (halves[:, None] * weights * density).reshape(-1)
