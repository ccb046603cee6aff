"""Sums and means: enclosures shared by pooling and reductions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from hysteron.ops.source._real import EXACT64, FloatArray, Grid, Real, exact_real


def sum_real(x: Real, raw: FloatArray, mag: FloatArray | None, terms: int) -> Real:
    """Return the enclosure of a sum of ``terms`` elements; raw in float64."""
    if x.exact and x.grid is not None and not x.defined:
        grid = Grid(x.grid.exponent, x.grid.bound * terms)
        if grid.fits(EXACT64):
            single = x.n == 0 and grid.fits(24, x.unit)
            return exact_real(raw, x.unit, grid, x.n + (0 if single else terms - 1), mag)
    return Real(raw * float(x.unit), mag=mag, n=x.n + terms, exact=False)


def mean_real(total: Real, counts: FloatArray) -> Real:
    """Divide a sum by positive counts; one count for all keeps it exact."""
    mag = total.magnitude / counts
    if total.exact and counts.size and bool(np.all(counts == counts.flat[0])):
        unit = total.unit / Fraction(int(counts.flat[0]))
        single = total.n == 0 and total.grid is not None and total.grid.fits(24, unit)
        n = 0 if single else total.n + 1
        return Real(total.raw, unit, None if single else mag, n, True, total.grid)
    return Real(total.val / counts, mag=mag, n=total.n + 1, exact=False)
