"""Domain walls at their pinning sites: written, hopping, sensed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hysteron.memory.level_chain import Amplifier
from hysteron.memory.numerics import spread_nodes, tail
from hysteron.memory.states.base import (
    EVERYWHERE,
    Cells,
    Levels,
    Mask,
    Site,
    Vector,
    Where,
    pick,
)

NS_PER_HOUR = 3600e9
KELVIN = 273.15


@dataclass(frozen=True)
class WallLaw:
    """Position errors and hops of cells with ``count`` sites at resolved conditions."""

    count: int
    values: Mapping[str, float]
    bias: float
    attempt_time_ns: float
    reference_temperature_c: float

    def nodes(self) -> tuple[Vector, Vector]:
        """Return relative barriers and weights: spread over cells, then over chips."""
        sigma, die = self.values["delta_sigma_percent"] / 100, self.values["die_sigma"]
        z, weights = spread_nodes(sigma)
        shift, shares = spread_nodes(die, 4)
        relative = np.outer(1 + die * shift, 1 + sigma * z).reshape(-1)
        return relative, np.outer(shares, weights).reshape(-1)

    def steps(self) -> tuple[float, float]:
        """Return P(the wall lands one site too low), P(one too high)."""
        sigma = self.values["position_sigma"]
        return float(tail((0.5 + self.bias) / sigma)), float(tail((0.5 - self.bias) / sigma))

    def write(self) -> Vector:
        """Return P(site | target) of one pulse; ends hold the wall."""
        down, up = self.steps()
        step = np.diag([up] * (self.count - 1), 1) + np.diag([down] * (self.count - 1), -1)
        return np.asarray(step + np.diag(1.0 - step.sum(axis=1)))

    def programmed(self, accepted: Vector) -> Vector:
        """Return (t, y): P(site y | t) after all attempts; ``accepted``[y, t] by verify."""
        once, attempts = self.write(), int(self.values["write_attempts"])
        if not self.values["verify"] or attempts == 1:
            return once
        right = once * accepted.T
        fails = 1.0 - right.sum(axis=1, keepdims=True)
        kept = sum(fails**a for a in range(attempts))
        return np.asarray(right * kept + (once - right) * fails ** (attempts - 1))

    def hops(self, relative: Vector, hours: float) -> Vector:
        """Return the mean number of hops to one side."""
        cooling = (self.reference_temperature_c + KELVIN) / (self.values["temperature_c"] + KELVIN)
        barrier = self.values["delta"] * relative * cooling
        return hours * NS_PER_HOUR * np.exp(-barrier) / self.attempt_time_ns

    def kept(self, hops: Vector) -> Vector:
        """Return (cells, n, n): exp(hops L), L the path graph's Laplacian.

        Its eigenvectors are cosines, eigenvalues 2 - 2 cos(pi k / n). expm1 and the
        identity apart: small hop probabilities are not lost in 1 - x.
        """
        rows = [self.kept_from(np.full(hops.shape, a), hops) for a in range(self.count)]
        return np.stack(rows, axis=1)

    def kept_from(self, start: npt.NDArray[np.integer[Any]], hops: Vector) -> Vector:
        """Return the rows (cells, n) of ``kept`` of cells that start at these sites."""
        k = np.arange(self.count)
        decayed = np.expm1(-np.outer(hops, 2 - 2 * np.cos(math.pi * k / self.count)))
        modes = np.cos(math.pi * np.outer(k + 0.5, k) / self.count)
        modes /= np.linalg.norm(modes, axis=0)
        rows = (decayed * modes[start]) @ modes.T
        rows[np.arange(len(start)), start] += 1.0
        rows = np.clip(rows, 0.0, 1.0)
        return np.asarray(rows / rows.sum(axis=1, keepdims=True))


class WallCells(Cells):
    """Cells whose state is the site of the wall."""

    def __init__(
        self, law: WallLaw, amplifier: Amplifier, values: Mapping[str, float], site: Site
    ) -> None:
        """Draw the barriers."""
        super().__init__(values, site)
        self._law, self._amplifier = law, amplifier
        sigma, die = values["delta_sigma_percent"] / 100, values["die_sigma"]
        z = site.draws.normal("cell") if sigma else np.zeros(site.count)
        self._relative = (1 + die * site.die) * (1 + sigma * z)
        self._wall = np.zeros(site.count, dtype=np.int8)

    def write(self, target: Levels, which: Mask, event: int) -> None:
        """Put the wall at its site, or one beside it."""
        low, high = self.site.draws.ends(*self._law.steps(), "write", event)
        wall = np.clip(target - low + high, 0, self._law.count - 1).astype(np.int8)
        self._wall = np.where(which, wall, self._wall)

    def keep(self, hours: float, reads: float, first: bool, event: int) -> None:
        """Hop by one draw per cell, low end down and high end up, so hops nest in time."""
        if not hours:
            return
        start, wall = self._wall, self._wall.copy()
        rows = self._law.kept_from(start, self._law.hops(self._relative, hours))
        below = np.cumsum(rows, axis=1)
        above = np.cumsum(rows[:, ::-1], axis=1)[:, ::-1]
        for level in reversed(range(self._law.count - 1)):
            hit, _ = self.site.draws.ends(below[:, level], 0.0, "retention", event)
            wall[hit & (level < start)] = level
        for level in range(1, self._law.count):
            _, hit = self.site.draws.ends(0.0, above[:, level], "retention", event)
            wall[hit & (level > start)] = level
        self._wall = wall

    def read(self, noise: Vector | float = 0.0, where: Where = EVERYWHERE) -> Levels:
        """Sense the position, in units of the pitch."""
        offset = self.values["column_offset_sigma"] * pick(self.site.column, where)
        seen = self._wall[where] + offset + noise
        return np.asarray(np.searchsorted(self._amplifier.thresholds, seen), dtype=np.int8)
