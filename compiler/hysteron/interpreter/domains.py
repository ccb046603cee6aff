"""What the tier analysis knows about a tensor, and the step into binary32.

An integer-tier tensor is a ``Lattice`` (equally spaced values), a ``Pwa``
(piecewise-affine function of one lattice tensor) or ``Compared`` (a float32
input that only comparisons read). ``REAL`` marks the real tier.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hysteron.ops.source._real import Real
from hysteron.ops.source._rounding import to_binary32

ObjectArray = npt.NDArray[np.object_]
#: One rational for the whole tensor, or one per element up to broadcasting.
Rationals = Fraction | ObjectArray

#: Integers below this are exact in binary32.
SINGLE: Final = 2**24
#: Accumulators are 32 bits wide.
ACCUMULATOR: Final = 2**31


@dataclass(frozen=True, eq=False)
class Lattice:
    """Values ``offset + scale * n``, n an integer with lo <= n <= hi.

    ``root`` is a token: equal roots are functions of the same integers.
    """

    scale: Rationals
    offset: Rationals
    lo: int
    hi: int
    root: str

    @property
    def reach(self) -> int:
        """Largest |n|."""
        return max(abs(self.lo), abs(self.hi))

    def uniform(self) -> bool:
        """Return True when scale and offset serve the whole tensor."""
        return isinstance(self.scale, Fraction) and isinstance(self.offset, Fraction)

    def centred(self) -> bool:
        """Return True when the offset is zero everywhere."""
        if isinstance(self.offset, Fraction):
            return self.offset == 0
        return not np.any(self.offset != 0)


@dataclass(frozen=True)
class Pwa:
    """Piecewise-affine in one lattice; ``head``: summed, only affine from here."""

    root: str
    head: bool = False


@dataclass(frozen=True)
class Compared:
    """A float32 input up to exact per-element steps, read by comparisons only."""


@dataclass(frozen=True)
class RealTier:
    """Defined binary32."""


REAL: Final = RealTier()
Domain = Lattice | Pwa | Compared | RealTier


def rationals(values: npt.NDArray[Any]) -> Rationals:
    """Return constants as exact rationals: one when they are all equal."""
    flat = np.asarray(values).ravel()
    if flat.size and bool(np.all(flat == flat[0])):
        return Fraction(float(flat[0]))
    out = np.empty(flat.size, dtype=object)
    out[:] = [Fraction(float(v)) for v in flat]
    return out.reshape(np.shape(values))


def simplified(values: Rationals) -> Rationals:
    """Return one rational when all entries are equal."""
    if isinstance(values, Fraction):
        return values
    entries: list[Fraction] = values.ravel().tolist()
    return entries[0] if all(v == entries[0] for v in entries) else values


def make_lattice(scale: Rationals, offset: Rationals, lo: int, hi: int, root: str) -> Lattice:
    """Return a lattice whose offset is moved into n where it is a multiple of scale."""
    scale, offset = simplified(scale), simplified(offset)
    out = Lattice(scale, offset, lo, hi, root)
    if out.centred():
        return replace(out, offset=Fraction(0))
    steps = np.asarray(offset, dtype=object) / np.asarray(scale, dtype=object)
    shifts: list[Fraction] = np.asarray(steps, dtype=object).ravel().tolist()
    if any(s.denominator != 1 for s in shifts):
        return out
    return Lattice(scale, Fraction(0), lo + int(min(shifts)), hi + int(max(shifts)), root)


def lattice_of(values: set[Fraction], root: str) -> Lattice | None:
    """Return the lattice of finitely many values, centred where that is coarse.

    None when they are spread over more than 2^15 steps.
    """
    if len(values) == 1:
        only = next(iter(values))
        return Lattice(abs(only) or Fraction(1), Fraction(0), *_pair(only), root)
    centred = _gcd(values)
    low = min(values)
    spaced = _gcd({v - low for v in values})
    for step, offset in ((centred, Fraction(0)), (spaced, low)):
        steps = [int((v - offset) / step) for v in values]
        if max(map(abs, steps)) <= (4 if step is centred and step != spaced else 2**15):
            return Lattice(step, offset, min(steps), max(steps), root)
    return None


def _pair(only: Fraction) -> tuple[int, int]:
    step = (only > 0) - (only < 0)
    return step, step


def _gcd(values: set[Fraction]) -> Fraction:
    bottom = math.lcm(*(v.denominator for v in values))
    return Fraction(math.gcd(*(int(v * bottom) for v in values)), bottom)


@dataclass(frozen=True, eq=False)
class Boundary:
    """How a lattice enters the real tier.

    With ``den``: fl(numerator) / fl(den), both integers below 2^24, which is
    the correctly rounded value. Else fl(fl(n) * fl(scale)).
    """

    lattice: Lattice
    den: int = 0

    def convert(self, x: Real) -> Real:
        """Return the binary32 values of an exact integer-tier tensor."""
        if self.den:
            factor = float(x.unit * self.den)
            top = np.rint(x.raw.astype(np.float64) * factor).astype(np.float32)
            raw = top / np.float32(self.den)
        else:
            raw = self._scaled(x)
        return Real(raw, mag=np.abs(raw).astype(np.float64), n=x.n + 2, exact=False, defined=True)

    def _scaled(self, x: Real) -> npt.NDArray[np.float32]:
        scale = np.asarray(self.lattice.scale, dtype=object)
        exact = scale.astype(np.float64)
        rounded = np.array([to_binary32(s) for s in scale.flat], dtype=np.float32)
        n = np.rint(x.val / exact).astype(np.float32)
        return np.asarray(n * rounded.reshape(scale.shape), dtype=np.float32)


def boundary(lattice: Lattice) -> Boundary | None:
    """Return the conversion of a lattice, None when it has none."""
    if isinstance(lattice.scale, Fraction) and isinstance(lattice.offset, Fraction):
        scale, offset = lattice.scale, lattice.offset
        den = math.lcm(scale.denominator, offset.denominator)
        ends = [abs(int((scale * n + offset) * den)) for n in (lattice.lo, lattice.hi)]
        if max(*ends, den, abs(int(scale * den)), abs(int(offset * den))) < SINGLE:
            return Boundary(lattice, den)
    if lattice.centred() and lattice.reach < SINGLE:
        return Boundary(lattice)
    return None


def mapped(values: Rationals, shape: tuple[int, ...], move: Callable[[Any], Any]) -> Rationals:
    """Rearrange per-element rationals like the tensor they belong to."""
    if isinstance(values, Fraction):
        return values
    return np.asarray(move(np.broadcast_to(values, shape)), dtype=object)
