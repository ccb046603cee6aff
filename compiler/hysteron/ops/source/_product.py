"""Sums of products with constant weights: enclosures shared by matmul and conv."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hysteron.ops.source._real import (
    EXACT32,
    EXACT64,
    FloatArray,
    Grid,
    Real,
    exact_real,
)

Product = Callable[[FloatArray, FloatArray], FloatArray]


def levels(w: FloatArray, axis: int) -> FloatArray | None:
    """Return a[o] when every weight of output o is -a, 0 or +a; None otherwise.

    ``axis`` is the output axis. The result has w's rank, size 1 elsewhere.
    """
    other = tuple(i for i in range(w.ndim) if i != axis)
    size = np.abs(w)
    top = size.max(axis=other, keepdims=True)
    return top if bool(np.all((size == top) | (size == 0))) else None


def product_real(
    x: Real, weights: Real, level: FloatArray | None, dot: Product, total: Callable[..., FloatArray]
) -> Real:
    """Return the enclosure of ``dot(x, w)``.

    ``total(values)`` adds up what each output reads, without the weights, with
    an output axis of size 1; ``level`` as from ``levels``. w's output axis is
    the last (matmul) or the first (conv), its other axes are summed over.
    """
    w = weights.raw
    terms = _terms(w)
    if not x.exact or x.grid is None or x.defined:
        values = x.val
        mag = _magnitude(x.magnitude, values.shape, w, level, dot, total)
        return Real(dot(values, w.astype(np.float64)), mag=mag, n=x.n + terms, exact=False)
    assert weights.grid is not None
    grid = _sum_grid(x.grid, w, weights.grid)
    if not grid.fits(EXACT64):
        mag = _magnitude(x.magnitude, x.raw.shape, w, level, dot, total)
        return Real(dot(x.val, w.astype(np.float64)), mag=mag, n=x.n + terms, exact=False)
    raw = _exact_product(x, weights, level, grid, dot)
    if x.n == 0 and grid.fits(EXACT32, x.unit):
        return exact_real(raw, x.unit, grid, 0, None)
    mag = _magnitude(x.magnitude, x.raw.shape, w, level, dot, total)
    return exact_real(raw, x.unit, grid, x.n + terms - 1, mag)


def _terms(w: FloatArray) -> int:
    return w.shape[0] if w.ndim == 2 else int(np.prod(w.shape[1:]))


def _out_axis(w: FloatArray) -> int:
    return 1 if w.ndim == 2 else 0


def _sum_grid(grid: Grid, w: FloatArray, weights: Grid) -> Grid:
    other = tuple(i for i in range(w.ndim) if i != _out_axis(w))
    heaviest = float(np.abs(w).sum(axis=other, dtype=np.float64).max()) if w.size else 0.0
    return Grid(grid.exponent + weights.exponent, grid.bound * heaviest)


def _spread(level: FloatArray, w: FloatArray) -> FloatArray:
    """Shape one number per output for the axis that the outputs have in the result."""
    flat = level.ravel().astype(np.float64)
    return flat if w.ndim == 2 else flat.reshape((-1,) + (1,) * (w.ndim - 2))


def _exact_product(
    x: Real, weights: Real, level: FloatArray | None, grid: Grid, dot: Product
) -> FloatArray:
    w = weights.raw
    assert x.grid is not None and weights.grid is not None
    if level is not None:
        signs = np.sign(w)
        if _sum_grid(x.grid, signs, Grid(0, 1.0)).fits(EXACT32):
            sums = dot(x.raw.astype(np.float32, copy=False), signs.astype(np.float32))
            if bool(np.all(level == 1)):
                return sums
            return np.asarray(sums.astype(np.float64) * _spread(level, w))
    if grid.fits(EXACT32) and weights.grid.fits(EXACT32):
        return dot(x.raw.astype(np.float32, copy=False), w.astype(np.float32))
    return dot(x.raw.astype(np.float64, copy=False), w.astype(np.float64))


def _magnitude(
    mag: FloatArray,
    shape: tuple[int, ...],
    w: FloatArray,
    level: FloatArray | None,
    dot: Product,
    total: Callable[..., FloatArray],
) -> FloatArray:
    full = np.broadcast_to(mag, shape)
    if level is not None:
        return np.asarray(total(full) * _spread(level, w))
    return dot(np.ascontiguousarray(full), np.abs(w).astype(np.float64))
