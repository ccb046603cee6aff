"""How RRAM cells are read: error probabilities from two normal distributions of ln R."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from hysteron.memory.numerics import Vector, normal_pdf, tail

_POINTS, _OFFSET_POINTS = 600, 80
_REACH = 12.0  # standard deviations; Q(12) = 2e-33


@dataclass(frozen=True, slots=True)
class Levels:
    """Means and spreads of ln R in the low and high state, and the comparator's offset."""

    low: float
    low_spread: float
    high: float
    high_spread: float
    offset: float = 0.0

    def moved(
        self, lrs_shift: float, lrs_spread: float, hrs_shift: float, hrs_spread: float
    ) -> Levels:
        """Return the levels with shifted means and independent spread added."""
        return Levels(
            self.low + lrs_shift,
            math.hypot(self.low_spread, lrs_spread),
            self.high + hrs_shift,
            math.hypot(self.high_spread, hrs_spread),
            self.offset,
        )


def single(levels: Levels, reference: float) -> tuple[float, float]:
    """Return (p01, p10) of one device against a reference; 1 is the low state."""
    low = math.hypot(levels.low_spread, levels.offset)
    high = math.hypot(levels.high_spread, levels.offset)
    p01 = tail((levels.high - reference) / high)
    return float(p01), float(tail((reference - levels.low) / low))


def differential(levels: Levels) -> float:
    """Return the error probability of two complementary devices compared with each other."""
    spread = math.hypot(levels.low_spread, levels.high_spread, levels.offset)
    return float(tail((levels.high - levels.low) / spread))


def ternary(levels: Levels, reference: float) -> Vector:
    """Return the (3, 3) error probabilities of a ternary pair, levels -1, 0, +1.

    With x, y the ln R of the two devices: both above the reference reads 0, otherwise the
    sign of y + offset - x. The diagonal is left at 0.
    """
    low_above = tail((reference - levels.low) / levels.low_spread)
    high_below = tail((levels.high - reference) / levels.high_spread)
    to_zero = low_above * (1 - high_below)
    from_zero = high_below * (2 - high_below) / 2  # at least one below; either sign equally
    exchanged = _exchanged(levels, reference)
    return np.array(
        [[0, to_zero, exchanged], [from_zero, 0, from_zero], [exchanged, to_zero, 0]], dtype=float
    )


def ternary_errors(levels: Levels, reference: float) -> float:
    """Return the mean error probability of equally frequent ternary weights."""
    return float(ternary(levels, reference).sum() / 3)


def best_reference(levels: Levels, error: Callable[[Levels, float], float]) -> float:
    """Return the reference between the two means that has the smallest error."""
    found = minimize_scalar(
        lambda r: math.log(max(error(levels, float(r)), 1e-300)),
        bounds=(levels.low, levels.high),
        method="bounded",
        options={"xatol": 1e-7},
    )
    return float(found.x)


def _exchanged(levels: Levels, reference: float) -> float:
    """Return P(the high device reads as the lower one, not both above the reference)."""
    low, high = (levels.low, levels.low_spread), (levels.high, levels.high_spread)
    noisy = math.hypot(levels.low_spread, levels.offset)
    start = min(low[0], high[0]) - _REACH * max(noisy, high[1])
    y, weights = _gauss_legendre(start, reference, _POINTS)
    below = weights @ (_density(y, *high) * tail((y - low[0]) / noisy))
    if levels.offset == 0.0:
        return float(below)
    # y above, x below the reference, and the offset turns the comparison round
    reach = _REACH * levels.offset
    y, y_weights = _gauss_legendre(reference, reference + reach, _OFFSET_POINTS)
    first = max(reference - reach, low[0] - _REACH * low[1])
    x, x_weights = _gauss_legendre(min(first, reference), reference, _OFFSET_POINTS)
    turned = tail((y[:, None] - x[None, :]) / levels.offset)
    across = (y_weights * _density(y, *high)) @ turned @ (x_weights * _density(x, *low))
    return float(below + across)


def _density(x: Vector, mean: float, spread: float) -> Vector:
    return normal_pdf((x - mean) / spread) / spread


_nodes = functools.lru_cache(np.polynomial.legendre.leggauss)  # an eigenvalue problem each time


def _gauss_legendre(start: float, stop: float, points: int) -> tuple[Vector, Vector]:
    nodes, weights = _nodes(points)
    half = (stop - start) / 2
    return start + half * (nodes + 1), half * weights
