"""From a piecewise function to threshold constants of a kernel.

A plane of channel c is ``XOR_f [n >= t[f, c]] XOR inv[c]``. A two-valued step
function gives one plane; a three-valued one gives a positive and a negative
plane. Each plane has at most two flips on the lattice; more is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from hysteron.exact import Number
from hysteron.ir.types import LIMITS, Array
from hysteron.passes.pieces import Pieces, as_rational


class Plane(NamedTuple):
    """Flip points (ascending, at most two) and the bit below the first one."""

    flips: tuple[int, ...]
    start: bool


@dataclass(frozen=True)
class StepFunction:
    """Planes per channel and the values the codes stand for.

    Two-valued: ``planes[c]`` has one plane, code -1/+1 maps to ``low[c]`` /
    ``high[c]``. Three-valued: positive and negative plane, and the middle value
    is the mean of both. Lists have one entry per channel (or a single one).
    """

    planes: tuple[tuple[Plane, ...], ...]
    low: tuple[Fraction, ...]
    high: tuple[Fraction, ...]

    @property
    def ternary(self) -> bool:
        """True when three values occur."""
        return len(self.planes[0]) == 2

    @property
    def flips(self) -> int:
        """Largest number of flips in any plane, at least one."""
        return max(1, *(len(p.flips) for planes in self.planes for p in planes))


def step_function(pieces: Pieces, stride: int, residue: int) -> StepFunction:
    """Return the step function that ``pieces`` is on its lattice.

    Raises ValueError with the reason when it is none: slopes left, more than
    three values, unequal spacing, or more than two flips in a plane.
    """
    runs = [pieces.values(channel, stride, residue) for channel in pieces.channels]
    levels = [sorted({_rational(value) for _, value in run}) for run in runs]
    common = sorted({value for own in levels for value in own})
    if len(common) <= 3 and _spaced(common):
        levels = [common] * len(runs)
    low, high, ternary = _code_values(levels)
    planes = []
    for run, bottom, top in zip(runs, low, high, strict=True):
        plane = _plane(run, lambda v, top=top: v == top)
        planes.append(
            (plane, _plane(run, lambda v, bottom=bottom: v == bottom)) if ternary else (plane,)
        )
    return StepFunction(tuple(planes), tuple(low), tuple(high))


def _rational(value: Number) -> Fraction:
    rational = as_rational(value)
    if rational is None:
        raise ValueError("step values are not rational")
    return rational


def _spaced(values: list[Fraction]) -> bool:
    return len(values) < 3 or values[1] - values[0] == values[2] - values[1]


def _code_values(levels: list[list[Fraction]]) -> tuple[list[Fraction], list[Fraction], bool]:
    if any(len(own) > 3 or not _spaced(own) for own in levels):
        worst = max(levels, key=len)
        raise ValueError(f"{len(worst)} levels where two, or three equally spaced, are supported")
    ternary = any(len(own) == 3 for own in levels)
    low, high = [], []
    for own in levels:
        low.append(own[0])
        high.append(own[-1] if len(own) > 1 else own[0] + 1)
        if ternary and len(own) == 2 and levels.count(own) != len(levels):
            raise ValueError("channels with two and with three levels in one tensor")
    return low, high, ternary


def _plane(run: list[tuple[int, Number]], is_set: object) -> Plane:
    bits = [bool(is_set(value)) for _, value in run]  # type: ignore[operator]
    flips = [run[i][0] for i in range(1, len(run)) if bits[i] != bits[i - 1]]
    if len(flips) > 2:
        raise ValueError(f"{len(flips)} flip points in one channel; at most 2 are supported")
    return Plane(tuple(flips), bits[0])


def threshold_arrays(
    planes: list[list[Plane]], flips: int, channels: int, lo: int, hi: int
) -> tuple[Array, Array]:
    """Return ``t`` (P, F, C) and ``inv`` (P, C, +1 = invert) for a kernel.

    ``lo``/``hi`` bound n by shape and encoding, not by trained values. An unused
    flip gets the threshold hi + 1, which is never reached. Stored as i16 when
    every threshold of that range fits, else i32.
    """
    dtype = np.int16 if LIMITS["i16"][0] <= lo and hi + 1 <= LIMITS["i16"][1] else np.int32
    t = np.full((len(planes), flips, channels), hi + 1, dtype=dtype)
    inv = np.full((len(planes), channels), -1, dtype=np.int8)
    for p, row in enumerate(planes):
        for c in range(channels):
            plane = row[c % len(row)]
            inv[p, c] = 1 if plane.start else -1
            for f, flip in enumerate(plane.flips):
                t[p, f, c] = flip
    return t, inv
