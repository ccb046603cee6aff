"""Per-channel piecewise-affine functions of one stored integer.

Whatever stands between an accumulator n and the next sign (BN in any spelling,
bias, PReLU of either slope sign, Clip, scales) is, channel by channel, a
function that is affine between finitely many integers. ``Pieces`` holds it with
exact coefficients; crossings are located by exact comparison, never by float.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from hysteron.errors import InternalError
from hysteron.exact import Number, floor, sign


class Segment(NamedTuple):
    """``slope * n + offset`` for every n from ``start`` to the next segment."""

    start: int
    slope: Number
    offset: Number

    def at(self, n: int) -> Number:
        """Return the exact value at ``n``."""
        return self.slope * n + self.offset


Channel = tuple[Segment, ...]
Rule = Callable[[Segment], Segment]


@dataclass(frozen=True, eq=False)
class Pieces:
    """One function per channel on lo <= n <= hi; a single channel serves all."""

    lo: int
    hi: int
    channels: tuple[Channel, ...]

    @staticmethod
    def identity(lo: int, hi: int) -> Pieces:
        """Return the function n -> n."""
        return Pieces(lo, hi, ((Segment(lo, Fraction(1), Fraction(0)),),))

    def widened(self, count: int) -> tuple[Channel, ...]:
        """Return one channel per entry; a multiple of their number repeats them in turn.

        Storage is channels-last, so entry e of per-position functions belongs to
        channel e modulo their number.
        """
        times, rest = divmod(count, len(self.channels))
        if rest:
            raise InternalError(f"{len(self.channels)} functions for {count} channels")
        return self.channels * times

    def affine(self, scale: Sequence[Number], offset: Sequence[Number]) -> Pieces:
        """Return scale * f + offset; lists of length 1 serve all channels."""
        count = max(len(self.channels), len(scale), len(offset))
        out = []
        for c, channel in enumerate(self.widened(count)):
            a, b = scale[c % len(scale)], offset[c % len(offset)]
            out.append(tuple(Segment(s.start, s.slope * a, s.offset * a + b) for s in channel))
        return Pieces(self.lo, self.hi, tuple(out))

    def by_sign(
        self,
        level: Sequence[Number],
        below: Callable[[int, Segment], Segment],
        equal: Callable[[int, Segment], Segment],
        above: Callable[[int, Segment], Segment],
    ) -> Pieces:
        """Apply one of three rules where f is below, at, above ``level``.

        A rule receives the channel number and the segment and returns the new
        segment. Raises nothing; the split is exact.
        """
        count = max(len(self.channels), len(level))
        out = []
        for c, channel in enumerate(self.widened(count)):
            parts: list[Segment] = []
            for i, seg in enumerate(channel):
                end = channel[i + 1].start - 1 if i + 1 < len(channel) else self.hi
                for side, piece in _split(seg, end, level[c % len(level)]):
                    parts.append((below, equal, above)[side + 1](c, piece))
            out.append(_merged(parts))
        return Pieces(self.lo, self.hi, tuple(out))

    def combine(self, other: Pieces, rule: Callable[[Segment, Segment], Segment]) -> Pieces:
        """Return the function built by ``rule`` where both are affine."""
        count = max(len(self.channels), len(other.channels))
        out = []
        for mine, theirs in zip(self.widened(count), other.widened(count), strict=True):
            starts = sorted({s.start for s in mine} | {s.start for s in theirs})
            parts = [
                rule(
                    _covering(mine, at)._replace(start=at), _covering(theirs, at)._replace(start=at)
                )
                for at in starts
            ]
            out.append(_merged(parts))
        return Pieces(self.lo, self.hi, tuple(out))

    def uniform_affine(self) -> tuple[Fraction, Fraction] | None:
        """Return rational (slope, offset) when every channel is that one line."""
        first = self.channels[0][0]
        for channel in self.channels:
            if len(channel) != 1 or (channel[0].slope, channel[0].offset) != first[1:]:
                return None
        pair = as_rational(first.slope), as_rational(first.offset)
        return None if pair[0] is None or pair[1] is None else (pair[0], pair[1])

    def direction(self, channel: Channel) -> int | None:
        """Return +1 if the channel never falls, -1 if it never rises, else None."""
        rises = falls = False
        for i, seg in enumerate(channel):
            end = channel[i + 1].start - 1 if i + 1 < len(channel) else self.hi
            slope = sign(seg.slope) if end > seg.start else 0
            jump = 0
            if i + 1 < len(channel):
                jump = sign(channel[i + 1].at(end + 1) - seg.at(end))
            rises |= slope > 0 or jump > 0
            falls |= slope < 0 or jump < 0
        if rises and falls:
            return None
        return -1 if falls else 1

    def values(self, channel: Channel, stride: int, residue: int) -> list[tuple[int, Number]]:
        """Return (first n, value) runs of a step function on the lattice.

        Lattice points are n = residue mod stride. A sloped segment counts as
        steps when it holds at most three lattice points. Raises ValueError when
        the channel still rises or falls between more.
        """
        runs: list[tuple[int, Number]] = []
        for i, seg in enumerate(channel):
            end = channel[i + 1].start - 1 if i + 1 < len(channel) else self.hi
            first = seg.start + (residue - seg.start) % stride
            if first > end:
                continue
            points = [first]
            if sign(seg.slope):
                if (end - first) // stride > 2:
                    raise ValueError("not a step function")
                points = list(range(first, end + 1, stride))
            for n in points:
                value = seg.at(n)
                if not runs or runs[-1][1] != value:
                    runs.append((seg.start if n == first else n, value))
        return runs


def as_rational(value: Number) -> Fraction | None:
    """Return the value as a Fraction, or None when a square root is left."""
    if isinstance(value, int | Fraction):
        return Fraction(value)
    return value.rational() if value.is_rational() else None


def constant(value: Number) -> Callable[[int, Segment], Segment]:
    """Return the rule that replaces a segment by a constant."""
    return lambda _, seg: Segment(seg.start, Fraction(0), value)


def keep(_: int, seg: Segment) -> Segment:
    """Return the segment unchanged (a rule)."""
    return seg


def _covering(channel: Channel, n: int) -> Segment:
    return next(seg for seg in reversed(channel) if seg.start <= n)


def _merged(parts: list[Segment]) -> Channel:
    out: list[Segment] = []
    for seg in parts:
        if out and out[-1].slope == seg.slope and out[-1].offset == seg.offset:
            continue
        out.append(seg)
    return tuple(out)


def _split(seg: Segment, end: int, level: Number) -> list[tuple[int, Segment]]:
    """Cut a segment where it crosses ``level``: [(side, part), ...] in order."""
    shifted = Segment(seg.start, seg.slope, seg.offset - level)
    rising = sign(seg.slope)
    if rising == 0 or end == seg.start:
        return [(sign(shifted.at(seg.start)), seg)]
    # Last integer strictly before the crossing, clamped to the segment.
    before = min(max(_last_before(shifted, rising), seg.start - 1), end)
    parts = []
    if before >= seg.start:
        parts.append((-rising, seg))
    here = before + 1
    if here <= end and sign(shifted.at(here)) == 0:
        parts.append((0, seg._replace(start=here)))
        here += 1
    if here <= end:
        parts.append((rising, seg._replace(start=here)))
    return parts


def _last_before(seg: Segment, rising: int) -> int:
    """Return the largest n with rising * seg.at(n) < 0."""
    slope, offset = as_rational(seg.slope), as_rational(seg.offset)
    if slope is not None and offset is not None:
        return math.ceil(-offset / slope) - 1
    try:
        guess = math.floor(-float(seg.offset) / float(seg.slope))
    except (OverflowError, ZeroDivisionError):
        guess = floor(Fraction(0))
    step = 1
    while rising * sign(seg.at(guess)) >= 0:
        guess, step = guess - step, step * 2
    high, step = guess + 1, 1
    while rising * sign(seg.at(high)) < 0:
        guess, high, step = high, high + step, step * 2
    while high - guess > 1:
        middle = (guess + high) // 2
        if rising * sign(seg.at(middle)) < 0:
            guess = middle
        else:
            high = middle
    return guess
