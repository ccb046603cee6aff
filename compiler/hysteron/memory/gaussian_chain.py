"""Channels of cells that are read as one normal number: write, verify, drift, sense, scrub.

The hidden state is the number, not the level, so mechanisms are integrated together: a
cell just past its verify threshold is the one that drift brings back over it.

    density after at most A pulses = phi(x) [V(x) (1 + F + .. + F^(A-1)) + (1 - V(x)) F^(A-1)]

V(x) is the chance that verify accepts x, F = 1 - E[V]; the last pulse stays as it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hysteron.memory.numerics import Vector, split_nodes, tail

_Refused = tuple[Vector, float, Vector, Vector]


@dataclass(frozen=True)
class Drift:
    """What happens to the number between write and read, per stored level."""

    shifts: tuple[float, ...]
    spreads: tuple[float, ...]


@dataclass(frozen=True)
class Readout:
    """A number per cell: level k lies between ``thresholds`` k-1 and k, both ascending.

    ``spreads`` come anew with every pulse, ``persistent`` stay with cell and chip,
    ``offset`` is the amplifier's and the same for all levels; all are standard deviations.
    """

    means: tuple[float, ...]
    spreads: tuple[float, ...]
    persistent: tuple[float, ...]
    thresholds: tuple[float, ...]
    offset: float = 0.0
    noise: float = 0.0
    attempts: int = 1
    verify: bool = False
    margin: float = 0.0

    def channel(self, scrubs: int, between: Drift, last: Drift) -> Vector:
        """Return P(read | stored): ``scrubs`` intervals that end in a rewrite, then the last.

        With scrubs the persistent spreads must be 0: they differ from level to level.
        """
        count = len(self.means)
        out = np.zeros((count, count))
        if scrubs:
            shifts, weights = self._shifts(self.offset, range(count), last)
            rows = [
                [self._row(level, shift, drift) for level in range(count)]
                for shift in shifts
                for drift in (between, last)
            ]
            whole = np.array(rows).reshape(len(shifts), 2, count, count)
            chain = np.linalg.matrix_power(whole[:, 0], scrubs) @ whole[:, 1]
            return np.asarray(np.tensordot(weights, chain, 1))
        for level in range(count):
            sigma = math.hypot(self.offset, self.persistent[level])
            shifts, weights = self._shifts(sigma, (level,), last)
            out[level] = weights @ np.array([self._row(level, shift, last) for shift in shifts])
        return out

    def pulses(self) -> tuple[float, ...]:
        """Return the mean number of pulses per stored level: 1 + F + .. + F^(A-1)."""
        if not self.verify:
            return (float(self.attempts),) * len(self.means)
        out = []
        still = Drift((0.0,) * len(self.means), (0.0,) * len(self.means))
        for level in range(len(self.means)):
            sigma = math.hypot(self.offset, self.persistent[level])
            shifts, weights = self._shifts(sigma, (level,), still)
            fails = [self._refused(level, float(shift))[1] for shift in shifts]
            powers = [sum(f**a for a in range(self.attempts)) for f in fails]
            out.append(float(weights @ np.array(powers)))
        return tuple(out)

    def _refused(self, level: int, shift: float, drift: Drift | None = None) -> _Refused:
        """Return P(verify refuses) at nodes of the number, its mean, the nodes, their weights."""
        low, high = self._zone(level)
        borders = [(edge - shift, self.noise) for edge in (low, high) if math.isfinite(edge)]
        if drift is not None:
            width = math.hypot(drift.spreads[level], self.noise)
            borders += [(t - shift - drift.shifts[level], width) for t in self.thresholds]
        x, weights = split_nodes(self.means[level], self.spreads[level], borders)
        seen = x + shift
        refused = _above(low - seen, self.noise) + _above(seen - high, self.noise)
        refused = np.minimum(refused, 1.0)
        return refused, float(weights @ refused), x, weights

    def _shifts(
        self, sigma: float, levels: range | tuple[int, ...], drift: Drift
    ) -> tuple[Vector, Vector]:
        """Return nodes of what stays with a cell, dense where a level crosses a threshold."""
        borders = []
        for level in levels:
            width = math.hypot(self.spreads[level], self.noise, drift.spreads[level])
            for threshold in self.thresholds:
                borders.append((threshold - self.means[level], width))
                borders.append((threshold - self.means[level] - drift.shifts[level], width))
        return split_nodes(0.0, sigma, borders)

    def _row(self, level: int, shift: float, drift: Drift) -> Vector:
        """Return P(read) of a cell whose number is moved by ``shift`` for good."""
        moved, width = drift.shifts[level], math.hypot(drift.spreads[level], self.noise)
        refused, fails, x, weights = self._refused(level, shift, drift)
        if self.verify and self.attempts > 1:
            kept = sum(fails**a for a in range(self.attempts))
            weights = weights * ((1.0 - refused) * kept + refused * fails ** (self.attempts - 1))
        return self._read(level, x + shift + moved, width, weights)

    def _zone(self, level: int) -> tuple[float, float]:
        edges = (-math.inf, *self.thresholds, math.inf)
        return edges[level] + self.margin, edges[level + 1] - self.margin

    def _read(self, level: int, x: Vector, width: float, weights: Vector) -> Vector:
        """Return P(read) with each error probability summed from its own tail."""
        up = [float(weights @ _above(x - t, width)) for t in self.thresholds]
        down = [float(weights @ _above(t - x, width)) for t in self.thresholds]
        count = len(self.means)
        row = np.zeros(count)
        for read in range(level + 1, count):
            row[read] = up[read - 1] - (up[read] if read < count - 1 else 0.0)
        for read in range(level):
            row[read] = down[read] - (down[read - 1] if read > 0 else 0.0)
        row[level] = 1.0 - row.sum()
        return row


def _above(distance: Vector, width: float) -> Vector:
    """Return P(distance + N(0, width^2) > 0)."""
    if width == 0.0:
        return np.asarray((distance > 0).astype(np.float64))
    return tail(-distance / width)
