"""The knee of known curves, what lies outside the measured rates, and the interval's coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.isotonic import isotonic_regression

from hysteron.campaign import knee
from hysteron.errors import InputError

RATES = (1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 3e-2, 5e-2, 1e-1)


def _curve(at: float, power: float = 1.5) -> np.ndarray:
    """Drops that pass 0.01 at the rate ``at``, as a power of the rate."""
    return np.asarray(0.01 * (np.array(RATES) / at) ** power)


@pytest.mark.parametrize("at", [1.4e-3, 7e-3, 2e-2, 8e-2])
def test_knee_of_a_smooth_curve_is_where_it_passes_the_level(at: float) -> None:
    found = knee.find_knee(RATES, np.stack([_curve(at)] * 4))
    # Joining points by cubics costs up to 4 % at the ends of this grid.
    assert found.rate == pytest.approx(at, rel=0.05)
    assert found.low == found.high == found.rate


def test_knee_at_a_measured_rate_is_that_rate() -> None:
    found = knee.find_knee(RATES, np.stack([_curve(1e-2)] * 2))
    assert found.rate == pytest.approx(1e-2, rel=1e-9)


def test_level_is_a_parameter() -> None:
    drops = np.stack([_curve(1e-2)] * 2)
    found = knee.find_knee(RATES, drops, level=0.01 * 2**1.5)
    assert found.rate == pytest.approx(2e-2, rel=1e-9)


def test_interval_covers_the_spread_between_chips_and_holds_the_knee() -> None:
    drops = np.stack([_curve(at) for at in np.linspace(8e-3, 1.2e-2, 20)])
    found = knee.find_knee(RATES, drops)
    assert 8e-3 < found.low < found.rate < found.high < 1.2e-2
    wider = knee.find_knee(RATES, drops, confidence=0.999)
    assert wider.low < found.low < found.high < wider.high


def test_same_seed_gives_the_same_interval() -> None:
    drops = np.stack([_curve(at) for at in np.linspace(8e-3, 1.2e-2, 20)])
    assert knee.find_knee(RATES, drops, seed=1) == knee.find_knee(RATES, drops, seed=1)
    assert knee.find_knee(RATES, drops, seed=1) != knee.find_knee(RATES, drops, seed=2)


@pytest.mark.parametrize(
    ("at", "rate", "text"),
    [(1e-4, 0.0, "below 0.001"), (1.0, math.inf, "above 0.1")],
    ids=["below", "above"],
)
def test_knee_outside_the_measured_rates_is_said_to_be_outside(
    at: float, rate: float, text: str
) -> None:
    found = knee.find_knee(RATES, np.stack([_curve(at)] * 3))
    assert (found.rate, found.low, found.high) == (rate, rate, rate)
    assert found.text() == text


def test_an_end_of_the_interval_may_lie_outside_alone() -> None:
    drops = np.stack([_curve(at) for at in (0.05, 0.07, 0.09, 0.2, 0.3)])
    found = knee.find_knee(RATES, drops)
    assert RATES[0] < found.low < found.rate < RATES[-1]
    assert math.isinf(found.high)
    assert found.text().endswith("to above 0.1)")


def test_monotone_fit_is_the_isotonic_regression() -> None:
    rows = np.random.default_rng(0).normal(size=(20, 7)) + np.arange(7) / 3
    expected = np.stack([isotonic_regression(row) for row in rows])
    np.testing.assert_allclose(knee._monotone(rows), expected, atol=1e-12)


def test_noise_below_the_level_does_not_make_a_knee() -> None:
    noisy = np.array([0.009, 0.011, 0.002, 0.004, 0.006, 0.008, 0.02, 0.05])
    found = knee.find_knee(RATES, np.stack([noisy, noisy]))
    assert found.rate > 3e-2


@pytest.mark.parametrize(
    ("rates", "drops", "message"),
    [
        ((1e-3,), np.zeros((3, 1)), "a knee needs ascending rates above 0; got 0.001"),
        ((0.0, 1e-3), np.zeros((3, 2)), "ascending rates above 0"),
        ((1e-2, 1e-3), np.zeros((3, 2)), "ascending rates above 0"),
        ((1e-3, math.nan), np.zeros((3, 2)), "ascending rates above 0"),
        ((1e-3, 1e-2), np.zeros((3, 3)), r"do not fit the rates; got \(3, 3\); wanted \(chips, 2"),
        ((1e-3, 1e-2), np.zeros((1, 2)), "two or more chips"),
        ((1e-3, 1e-2), np.full((3, 2), math.nan), "a drop is not a finite number"),
    ],
)
def test_what_has_no_knee_is_refused(
    rates: tuple[float, ...], drops: np.ndarray, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        knee.find_knee(rates, drops)


@pytest.mark.slow
@pytest.mark.parametrize(("chips", "spread"), [(16, 0.2), (32, 0.2), (32, 0.5)])
def test_interval_covers_the_true_knee_as_often_as_it_says(chips: int, spread: float) -> None:
    rng = np.random.default_rng(0)
    trials = 400
    hits = 0
    for number in range(trials):
        size = rng.lognormal(-(spread**2) / 2, spread, (chips, 1))  # mean 1: the knee is 0.02
        drops = size * _curve(2e-2) + rng.normal(0, 1e-3, (chips, len(RATES)))
        found = knee.find_knee(RATES, drops, rounds=1000, seed=number)
        hits += found.low <= 2e-2 <= found.high
    # 0.91 is 3.7 standard errors of 400 trials below 0.95; a bootstrap of few chips is a
    # little short, never by more than this.
    assert 0.91 <= hits / trials <= 0.99
