"""The knee: the bit error rate at which the mean drop over chips passes a level.

Mean drops are made monotone in the rate (isotonic regression with equal weights,
[Robertson] max-min formula), joined by a monotone cubic in the logarithm of the
rate [Fritsch], and cut at the level. The interval is the percentile bootstrap over
chips, its tails widened for few chips [Hesterberg]: whole chips are drawn anew, all
their rates together, because one chip's errors at a low rate are among its errors
at a high one.

The samples are taken as given, so the interval speaks of other chips on these
samples. The error of joining points is not in it: choose rates close together.

[Robertson] Robertson, Wright, Dykstra, Order Restricted Statistical Inference, 1988.
[Fritsch] Fritsch, Butland, SIAM J. Sci. Stat. Comput. 5(2), 1984.
[Hesterberg] Hesterberg, The American Statistician 69(4), 2015: expanded percentiles.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats
from scipy.interpolate import PchipInterpolator

from hysteron.errors import InputError

Floats = npt.NDArray[np.float64]
_BISECTIONS = 50


@dataclass(frozen=True, slots=True)
class Knee:
    """Where the mean drop passes ``level``: a rate and its interval.

    ``rate``, ``low`` and ``high`` are 0 when they lie below the lowest measured rate
    ``first``, infinite when above the highest, ``last``: nothing is extrapolated.
    """

    rate: float
    low: float
    high: float
    first: float
    last: float
    level: float
    confidence: float
    chips: int

    def text(self) -> str:
        """Return the knee as a table shows it, for example "0.021 (0.019 to 0.024)"."""
        if self.low == self.high:  # only outside: below or above with every bootstrap
            return self._shown(self.rate)
        return f"{self._shown(self.rate)} ({self._shown(self.low)} to {self._shown(self.high)})"

    def _shown(self, rate: float) -> str:
        if rate == 0:
            return f"below {self.first:.2g}"
        return f"above {self.last:.2g}" if math.isinf(rate) else f"{rate:.2g}"


def find_knee(
    rates: Sequence[float],
    drops: npt.ArrayLike,
    level: float = 0.01,
    confidence: float = 0.95,
    rounds: int = 2000,
    seed: int = 0,
) -> Knee:
    """Return the knee of ``drops`` (chips, rates): accuracy lost, fractions of 1.

    ``rates`` ascend and are above 0. Raises InputError for fewer than two rates or
    chips, or drops of another shape.
    """
    lost = np.asarray(drops, np.float64)
    logs = _checked_logs(rates, lost)
    chips = len(lost)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(chips, np.full(chips, 1 / chips), rounds) / chips
    means = np.concatenate([lost.mean(0)[None], drawn @ lost])
    found = _crossings(logs, _monotone(means), level)
    # Order statistics, never an average: the ends may be 0 or infinite.
    tail = _tail(confidence, chips)
    ordered = np.sort(found[1:])
    low = ordered[math.floor(tail * (rounds - 1))]
    high = ordered[math.ceil((1 - tail) * (rounds - 1))]
    first, last = float(rates[0]), float(rates[-1])
    return Knee(float(found[0]), float(low), float(high), first, last, level, confidence, chips)


def _tail(confidence: float, chips: int) -> float:
    """Return the tail of the expanded percentile interval: Phi(-t sqrt(n / (n - 1)))."""
    student = stats.t.ppf((1 + confidence) / 2, chips - 1)
    return float(stats.norm.cdf(-student * math.sqrt(chips / (chips - 1))))


def _checked_logs(rates: Sequence[float], lost: Floats) -> Floats:
    values = np.asarray(rates, np.float64)
    if values.size < 2 or not (np.all(values > 0) and np.all(np.diff(values) > 0)):
        raise InputError(
            "a knee needs ascending rates above 0", got=" ".join(f"{r:g}" for r in rates),
            wanted="two or more",
        )  # fmt: skip
    if lost.ndim != 2 or lost.shape[1] != values.size or len(lost) < 2:
        wanted = f"(chips, {values.size}) with two or more chips"
        raise InputError("drops do not fit the rates", got=str(lost.shape), wanted=wanted)
    if not np.all(np.isfinite(lost)):
        raise InputError("a drop is not a finite number")
    return np.log(values)


def _monotone(means: Floats) -> Floats:
    """Return the least-squares non-decreasing fit of each row.

    The max-min formula: max over j <= i of min over k >= j of mean(j..k).
    """
    rows, count = means.shape
    sums = np.concatenate([np.zeros((rows, 1)), np.cumsum(means, axis=1)], axis=1)
    least = np.empty_like(means)
    for j in range(count):
        lengths = np.arange(1, count - j + 1)
        least[:, j] = ((sums[:, j + 1 :] - sums[:, [j]]) / lengths).min(axis=1)
    return np.maximum.accumulate(least, axis=1)


def _crossings(logs: Floats, fit: Floats, level: float) -> Floats:
    """Return where each row reaches the level: a rate, 0 below or infinity above all."""
    above = fit >= level
    inside = np.flatnonzero(above[:, -1] & ~above[:, 0])
    found = np.where(above[:, 0], 0.0, np.inf)
    segment = above[inside].argmax(axis=1) - 1
    # c: (4, segments, rows), highest power first, in the distance from the segment's start.
    c = PchipInterpolator(logs, fit[inside], axis=1).c[:, segment, np.arange(inside.size)]
    low, high = np.zeros(inside.size), np.diff(logs)[segment]
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        reached = ((c[0] * middle + c[1]) * middle + c[2]) * middle + c[3] >= level
        low, high = np.where(reached, low, middle), np.where(reached, middle, high)
    found[inside] = np.exp(logs[segment] + high)
    return found
