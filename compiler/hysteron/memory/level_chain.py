"""Channels of cells whose hidden state is a level: write, hops, sensing, scrub.

Given the persistent parameters of a cell every mechanism is a matrix on its level, so the
chain is their product; it is averaged over the parameters at the end, never before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hysteron.memory.numerics import Vector, split_nodes, tail


@dataclass(frozen=True)
class Amplifier:
    """Senses level k of L as the number ``steps[k]`` against ``thresholds`` (ascending)."""

    steps: tuple[float, ...]
    thresholds: tuple[float, ...]
    offset: float = 0.0
    noise: float = 0.0

    @property
    def perfect(self) -> bool:
        """True when nothing can be misread."""
        return not self.offset and not self.noise

    def offsets(self) -> tuple[Vector, Vector]:
        """Return nodes and weights of the amplifiers' offsets."""
        borders = [(t - step, self.noise) for t in self.thresholds for step in self.steps]
        return split_nodes(0.0, self.offset, borders)

    def seen(self, offset: float, margin: float = 0.0) -> Vector:
        """Return P(read | level), or P(verify with this margin accepts it as that level)."""
        edges = (-np.inf, *self.thresholds, np.inf)
        matrix = np.empty((len(self.steps), len(self.steps)))
        for level, step in enumerate(self.steps):
            for read in range(len(self.steps)):
                low = edges[read] + margin - step - offset
                high = edges[read + 1] - margin - step - offset
                # from the nearer tail: small probabilities are not lost in 1 - x
                near, far = (low, high) if low > 0.0 else (-high, -low)
                inside = _q(near, self.noise) - _q(far, self.noise)
                matrix[level, read] = max(inside, 0.0)
        return matrix


def _q(x: float, width: float) -> float:
    """Return P(N(0, width^2) > x)."""
    if width == 0.0:
        return float(x < 0.0)
    return float(tail(x / width))


def scrubbed(
    first: Vector, kept: Vector, kept_last: Vector, seen: Vector, rewrite: Vector, scrubs: int
) -> Vector:
    """Return P(read | stored) of a chain (cells, L, L) that is rewritten ``scrubs`` times.

    ``first``[s, x]: state after the first write and its interval's start; ``kept``: hops in
    one interval; ``rewrite``[t, x, y]: state x becomes y when t is written.
    """
    chain = first
    if scrubs:
        again = np.einsum("xt,ntxy->nxy", seen, rewrite)
        chain = chain @ np.linalg.matrix_power(kept @ again, scrubs)
    return np.asarray(chain @ kept_last @ seen)
