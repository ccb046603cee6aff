"""What a campaign may claim: intervals over chips, low quantiles, paired drops.

The unit of a campaign is the chip. All chips see the same samples, so the sampling
error of the test set is common to them and only paired comparisons remove it.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import stats

from hysteron.errors import InputError

Correct = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Summary:
    """Accuracy over the chips of one condition, as fractions of 1.

    ``ci_low`` and ``ci_high`` bound the mean over chips (Student t, exact for
    normal accuracies; a single chip gives the whole range 0 to 1). ``q05`` is the
    empirical 5 % quantile and ``q05_low`` the largest order statistic that is below
    the true one with the stated confidence, None with too few chips.
    """

    chips: int
    mean: float
    ci_low: float
    ci_high: float
    q05: float
    q05_low: float | None
    worst: float

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return asdict(self)


def summarize(correct: npt.ArrayLike, samples: int, confidence: float = 0.95) -> Summary:
    """Return the summary of correct counts per chip. Raises InputError without chips or samples."""
    counts = np.asarray(correct, dtype=np.float64)
    if counts.size == 0 or samples < 1:
        raise InputError("nothing to summarize", got=f"{counts.size} chips, {samples} samples")
    accuracy = np.sort(counts / samples)
    low, high = mean_interval(accuracy, confidence)
    rank = quantile_rank(accuracy.size, 0.05, confidence)
    return Summary(
        chips=int(accuracy.size),
        mean=float(accuracy.mean()),
        ci_low=low,
        ci_high=high,
        q05=float(np.quantile(accuracy, 0.05, method="inverted_cdf")),
        q05_low=None if rank is None else float(accuracy[rank]),
        worst=float(accuracy[0]),
    )


def mean_interval(values: Floats, confidence: float = 0.95) -> tuple[float, float]:
    """Return the Student t interval of the mean, cut to 0 .. 1."""
    if values.size < 2:
        return 0.0, 1.0
    half = stats.t.ppf((1 + confidence) / 2, values.size - 1) * stats.sem(values)
    return max(float(values.mean() - half), 0.0), min(float(values.mean() + half), 1.0)


def quantile_rank(chips: int, quantile: float, confidence: float = 0.95) -> int | None:
    """Return the rank (from 0) of a lower confidence bound of a quantile over chips.

    The r-th smallest of n values is at most the true quantile q with probability
    P(Binomial(n, q) >= r). With 59 chips the smallest bounds the 5 % quantile at
    95 %; with fewer nothing does and None is returned.
    """
    ranks = np.arange(chips)
    sure = stats.binom.sf(ranks, chips, quantile) >= confidence  # P(at least rank + 1 below)
    return int(np.flatnonzero(sure)[-1]) if sure.any() else None


def chips_for_worst(share: float, confidence: float) -> int:
    """Return how many chips make the worst one a bound: ``share`` of all chips exceed it."""
    if not (0 < share < 1 and 0 < confidence < 1):
        raise InputError(
            "not a probability", got=f"{share}, {confidence}", wanted="between 0 and 1"
        )
    return math.ceil(math.log(1 - confidence) / math.log(share))


@dataclass(frozen=True, slots=True)
class Drop:
    """Accuracy lost against the error-free image, paired over samples; fractions of 1."""

    mean: float
    ci_low: float
    ci_high: float


def paired_drop(
    golden: Correct, chips: Correct, seed: int, rounds: int = 2000, confidence: float = 0.95
) -> Drop:
    """Return the mean drop with a two-way bootstrap over chips and samples.

    ``golden`` is (samples,), ``chips`` (chips, samples). Chips and samples are both
    drawn anew in each round (A. B. Owen, Annals of Applied Statistics 1(2), 2007:
    conservative for two-way data), so the interval holds for other chips and other
    inputs of the same kinds.
    """
    if chips.ndim != 2 or golden.shape != chips.shape[1:] or chips.size == 0:
        got = f"{golden.shape} and {chips.shape}"
        raise InputError("golden and chip results do not fit", got=got)
    count, samples = chips.shape
    # A sample that every chip answers like the error-free image adds nothing in any round.
    moved = np.flatnonzero((chips != golden).any(axis=0))
    lost = golden[moved].astype(np.float32) - chips[:, moved].astype(np.float32)
    rng = np.random.default_rng(seed)
    totals = np.zeros(rounds)
    for start in range(0, rounds, _ROUNDS):
        size = min(_ROUNDS, rounds - start)
        # Sums of at most ``count`` ones are exact in float32 up to 2^24 chips.
        by_sample = _resampled(rng, size, count).astype(np.float32) @ lost
        weights = _resampled(rng, size, samples)[:, moved]
        totals[start : start + size] = np.einsum("rs,rs->r", by_sample, weights, dtype=np.float64)
    means = totals / (count * samples)
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Drop(float(lost.sum(dtype=np.float64) / (count * samples)), float(low), float(high))


#: Bootstrap rounds computed together: few enough for 10,000 samples to stay in a few MB.
_ROUNDS: Final = 64


def _resampled(rng: np.random.Generator, rounds: int, size: int) -> npt.NDArray[np.int64]:
    """Return how often each of ``size`` things is drawn in ``size`` draws, (rounds, size)."""
    drawn = rng.integers(size, size=(rounds, size))
    drawn += size * np.arange(rounds)[:, None]
    return np.bincount(drawn.ravel(), minlength=rounds * size).reshape(rounds, size)


def mcnemar(golden: Correct, other: Correct) -> float:
    """Return the exact two-sided p value that both are right equally often (McNemar 1947)."""
    lost, won = int((golden & ~other).sum()), int((~golden & other).sum())
    if lost + won == 0:
        return 1.0
    return float(stats.binomtest(lost, lost + won).pvalue)


@dataclass(frozen=True, slots=True)
class StopRule:
    """Stop when the interval of the mean accuracy is narrow enough.

    Chips come in batches that double from ``first``; at look k the interval uses
    the error level alpha / 2^k, so that all looks together stay within alpha
    (Bonferroni), however many there are.
    """

    half_width: float
    first: int = 16
    confidence: float = 0.95

    def looks(self, most: int) -> list[int]:
        """Return the numbers of chips after which to look, ``most`` last."""
        sizes = [self.first]
        while sizes[-1] * 2 < most:
            sizes.append(sizes[-1] * 2)
        return [size for size in sizes if size < most] + [most]

    def interval(self, accuracy: Floats, look: int) -> tuple[float, float]:
        """Return the interval of look number ``look`` (from 1)."""
        return mean_interval(accuracy, 1 - (1 - self.confidence) / 2**look)

    def enough(self, accuracy: Floats, look: int) -> bool:
        """Return True when the interval is at most twice the half width wide."""
        low, high = self.interval(accuracy, look)
        return high - low <= 2 * self.half_width
