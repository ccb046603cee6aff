"""Batches of real numbers in floating point, with proven distance to the truth.

A ``Real`` stands for the real numbers a source tensor holds. Floats decide
almost every sign; what lies inside the bound is decided exactly elsewhere.

The bounds follow Higham, Accuracy and Stability of Numerical Algorithms,
ch. 3: a value reached through n roundings differs from the truth by at most
n*u*(1 + O(n*u)) times the sum of the absolute values of everything that was
added up; ``n + SLACK`` absorbs the second order terms for n below 2^20.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating[Any]]

#: Unit roundoffs are half of these; the factor two is a safety margin.
STEP64: Final = 2.0**-52
STEP32: Final = 2.0**-24
SLACK: Final = 4

#: Integers up to here are exact, in any order of summation (one bit spare).
EXACT64: Final = 52
EXACT32: Final = 24


class Grid(NamedTuple):
    """All values are integer multiples of 2**exponent, none above bound."""

    exponent: int
    bound: float

    def fits(self, bits: int, factor: Fraction = Fraction(1)) -> bool:
        """Return True when values times ``factor`` are exact in ``bits`` bits."""
        if factor.denominator & (factor.denominator - 1):
            return False
        odd = factor.numerator >> _twos(factor.numerator)
        return math.ldexp(self.bound * odd, -self.exponent) <= 2.0**bits

    def times(self, factor: int) -> Grid:
        """Return the grid of the values times a positive integer."""
        return Grid(self.exponent + _twos(factor), self.bound * factor)


@dataclass(frozen=True, slots=True, eq=False)
class Real:
    """Values ``unit * raw`` of a tensor, batch axis first.

    ``mag`` (model units, broadcastable to raw; None: the absolute values) and
    ``n`` bound the error: the true value is within (n+4)*2^-52*mag of the float
    (equal to it when ``exact``), and any float32 evaluation of the same graph
    is within (n+4)*2^-24*mag of the truth (equal to it when n is 0).
    ``defined`` marks real-tier tensors: raw is the binary32 value itself.
    """

    raw: FloatArray
    unit: Fraction = Fraction(1)
    mag: FloatArray | None = None
    n: int = 0
    exact: bool = True
    grid: Grid | None = None
    defined: bool = False
    const: bool = False

    @property
    def val(self) -> FloatArray:
        """Values in model units, float64 (rounded when the unit is not dyadic)."""
        raw = self.raw.astype(np.float64, copy=False)
        return raw if self.unit == 1 else raw * float(self.unit)

    @property
    def magnitude(self) -> FloatArray:
        """Sum of the absolute values of all terms, float64, broadcastable."""
        return np.abs(self.val) if self.mag is None else self.mag

    def bound64(self) -> FloatArray:
        """Distance of ``val`` to the truth, at most."""
        if self.exact:
            return np.zeros((), dtype=np.float64)
        return (self.n + SLACK) * STEP64 * self.magnitude

    def bound32(self) -> FloatArray:
        """Distance of any float32 evaluation to the truth, at most."""
        if self.n == 0:
            return np.zeros((), dtype=np.float64)
        return (self.n + SLACK) * STEP32 * self.magnitude

    def fraction(self, index: tuple[int, ...]) -> Fraction:
        """Return one value of an exact tensor."""
        return Fraction(float(self.raw[index])) * self.unit

    def single(self) -> bool:
        """Return True when float32 holds every value exactly, without rounding."""
        return self.n == 0 and self.grid is not None and self.grid.fits(EXACT32, self.unit)


def _twos(value: int) -> int:
    return (value & -value).bit_length() - 1 if value else 0


def grid_of(values: FloatArray) -> Grid:
    """Return the coarsest dyadic grid that holds every element of an array."""
    flat = np.asarray(values, dtype=np.float64).ravel()
    flat = flat[flat != 0]
    if not flat.size:
        return Grid(0, 0.0)
    mantissa, exponent = np.frexp(flat)
    whole = np.abs(np.ldexp(mantissa, 53)).astype(np.int64)
    low = np.frexp((whole & -whole).astype(np.float64))[1] - 1
    return Grid(int((exponent - 53 + low).min()), float(np.abs(flat).max()))


def constant(values: npt.NDArray[Any]) -> Real:
    """Return a constant of the model as exact reals."""
    raw = np.asarray(values).astype(np.float64)
    return Real(raw, grid=grid_of(raw), const=True)


def compact(raw: FloatArray, grid: Grid | None) -> FloatArray:
    """Store as float32 what float32 holds exactly: half the memory traffic."""
    small = grid is not None and grid.fits(EXACT32)
    return raw.astype(np.float32 if small else np.float64, copy=False)


def exact_real(raw: FloatArray, unit: Fraction, grid: Grid, n: int, mag: FloatArray | None) -> Real:
    """Return an exact tensor; n and mag are dropped when float32 is exact too."""
    single = n == 0 and grid.fits(EXACT32, unit)
    return Real(
        compact(raw, grid), unit, None if single else mag, 0 if single else n + 1, True, grid
    )


def _align(a: Real, b: Real) -> tuple[Fraction, int, int] | None:
    """Return a common unit and both integer factors, None when none is exact."""
    if not (a.exact and b.exact) or a.grid is None or b.grid is None:
        return None
    if a.defined or b.defined:
        return None
    p, q = a.unit.denominator, b.unit.denominator
    unit = Fraction(math.gcd(a.unit.numerator * q, b.unit.numerator * p), p * q)
    return unit, int(a.unit / unit), int(b.unit / unit)


def add(a: Real, b: Real, sign: int = 1) -> Real:
    """Return a + sign*b, exactly on a common unit where double precision can."""
    common = _align(a, b)
    n = max(a.n, b.n)
    if common is not None:
        unit, p, q = common
        assert a.grid is not None and b.grid is not None
        left, right = a.grid.times(p), b.grid.times(q)
        grid = Grid(min(left.exponent, right.exponent), left.bound + right.bound)
        # Each factor must be exact as a float too, hence the second pair of tests.
        if grid.fits(EXACT64) and left.fits(EXACT64) and right.fits(EXACT64) and max(p, q) < 2**52:
            raw = a.raw.astype(np.float64) * p + (sign * q) * b.raw.astype(np.float64)
            single = n == 0 and grid.fits(EXACT32, unit)
            mag = None if single else a.magnitude + b.magnitude
            return exact_real(raw, unit, grid, n, mag)
    raw = a.val + sign * b.val
    return Real(raw, mag=a.magnitude + b.magnitude, n=n + 1, exact=False)


def started_with_bias(product: Real, bias: Real, total: Real, terms: int) -> Real:
    """Widen ``total`` = product + bias to sums that start with the bias.

    One node of the model adds both, in an order of the engine's own: an exact product of
    integers does not mean that the partial sums were integers.
    """
    if total.n == 0 or product.mag is not None or product.grid is None:
        return total
    reach = product.grid.bound * float(product.unit)
    return replace(total, n=max(total.n, terms + 1), mag=reach + bias.magnitude)


def mul(a: Real, b: Real) -> Real:
    """Return a * b, exactly where double precision can."""
    n = a.n + b.n
    if b.const and b.raw.size == 1 and a.exact and not a.defined:
        return scaled(a, b.fraction((0,) * b.raw.ndim), b.raw.shape)
    unit = a.unit * b.unit
    if a.exact and b.exact and a.grid and b.grid and not (a.defined or b.defined):
        grid = Grid(a.grid.exponent + b.grid.exponent, a.grid.bound * b.grid.bound)
        if grid.fits(EXACT64):
            raw = a.raw.astype(np.float64) * b.raw
            single = n == 0 and grid.fits(EXACT32, unit)
            return exact_real(raw, unit, grid, n, None if single else a.magnitude * b.magnitude)
    return Real(a.val * b.val, mag=a.magnitude * b.magnitude, n=n + 1, exact=False)


def scaled(a: Real, factor: Fraction, shape: tuple[int, ...] = ()) -> Real:
    """Return an exact tensor times a rational: only its unit changes.

    ``shape`` is the shape of the constant, for its broadcasting effect on rank.
    """
    raw = a.raw if factor > 0 else -a.raw if factor < 0 else np.zeros_like(a.raw)
    raw = raw.reshape((1,) * max(0, len(shape) - raw.ndim) + raw.shape)
    unit = a.unit * (abs(factor) or 1)
    single = a.n == 0 and a.grid is not None and a.grid.fits(EXACT32, unit)
    # A power of two only moves the exponent (subnormals aside).
    top, bottom = abs(factor.numerator), factor.denominator
    free = single or not (top & (top - 1) or bottom & (bottom - 1))
    mag = None if a.mag is None else a.mag * float(abs(factor))
    return Real(raw, unit, mag, a.n if free else a.n + 1, a.exact, a.grid)
