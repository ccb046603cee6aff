"""Movement of elements, the same for every kind of value an op may carry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from hysteron.ops.source._real import FloatArray, Grid, Real, constant, grid_of

Move = Callable[[Any], Any]


def moved(x: Real, move: Move) -> Real:
    """Apply a rearrangement of elements to values and magnitudes alike."""
    mag = None if x.mag is None else move(np.broadcast_to(x.mag, x.raw.shape))
    return replace(x, raw=move(x.raw), mag=mag)


def in_unit(x: Real, values: FloatArray) -> FloatArray | None:
    """Return model values divided by x's unit when that is exact, else None."""
    if not x.exact or x.defined:
        return None
    if x.unit == 1:
        return values
    if x.unit.numerator & (x.unit.numerator - 1):
        return None
    grid = grid_of(values)
    inverse = 1 / x.unit
    if inverse.denominator & (inverse.denominator - 1) or not grid.fits(52, inverse):
        return None
    return np.asarray(values * float(inverse), dtype=np.float64)


def inexact(x: Real) -> Real:
    """Return x in model units, as a rounded enclosure."""
    return Real(x.val, mag=x.magnitude, n=max(1, x.n), exact=False)


def union_grid(a: Grid | None, b: Grid | None) -> Grid | None:
    """Return a grid that holds the values of both."""
    if a is None or b is None:
        return None
    return Grid(min(a.exponent, b.exponent), max(a.bound, b.bound))


def same_unit(reals: list[Real]) -> list[Real]:
    """Bring tensors to one unit; rounded where no exact common unit is at hand."""
    units = {x.unit for x in reals if not x.const}
    if len(units) == 1 and all(x.exact for x in reals):
        unit = next(iter(units))
        model = next(x for x in reals if not x.const)
        out: list[Real] = []
        for x in reals:
            raw = x.raw if not x.const else in_unit(model, x.raw)
            if raw is None:
                return [inexact(y) for y in reals]
            out.append(x if not x.const else replace(constant(raw), unit=unit))
        return out
    if not units:
        return reals
    return [inexact(x) for x in reals]


def mixed(parts: list[Real], join: Callable[[list[Any]], Any]) -> Real:
    """Join several tensors into one; ``join`` takes the list of their arrays."""
    parts = same_unit(parts)
    grid = parts[0].grid
    for part in parts[1:]:
        grid = union_grid(grid, part.grid)
    plain = all(part.mag is None for part in parts)
    mags = [np.broadcast_to(p.magnitude, p.raw.shape) for p in parts]
    return Real(
        join([part.raw for part in parts]),
        parts[0].unit,
        None if plain else join(mags),
        max(part.n for part in parts),
        all(part.exact for part in parts),
        grid,
    )
