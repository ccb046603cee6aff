"""Intervals cover what they claim; low quantiles are bounded only with enough chips."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hysteron.campaign.statistics import (
    StopRule,
    chips_for_worst,
    mcnemar,
    mean_interval,
    paired_drop,
    quantile_rank,
    summarize,
)
from hysteron.errors import InputError


def test_fifty_nine_chips_make_the_worst_one_a_bound() -> None:
    assert chips_for_worst(0.95, 0.95) == 59
    assert quantile_rank(58, 0.05) is None
    assert quantile_rank(59, 0.05) == 0


def test_the_bound_of_the_low_quantile_holds_as_often_as_claimed() -> None:
    rng = np.random.default_rng(0)
    rank = quantile_rank(200, 0.05)
    assert rank is not None
    values = np.sort(rng.random((4000, 200)), axis=1)
    held = (values[:, rank] <= 0.05).mean()
    assert 0.95 - 3 * 0.0035 <= held <= 0.99
    assert (values[:, rank + 1] <= 0.05).mean() < 0.95


def test_the_interval_of_the_mean_covers_the_mean() -> None:
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(2000):
        low, high = mean_interval(rng.normal(0.9, 0.01, 20))
        covered += low <= 0.9 <= high
    assert abs(covered / 2000 - 0.95) < 4 * 0.005


@pytest.mark.slow
def test_looking_several_times_does_not_spoil_the_coverage() -> None:
    rng = np.random.default_rng(2)
    rule, covered, used = StopRule(half_width=0.003), 0, []
    for _ in range(3000):
        accuracy = rng.beta(90, 10, 512)
        for look, chips in enumerate(rule.looks(512), 1):
            low, high = rule.interval(accuracy[:chips], look)
            if high - low <= 2 * rule.half_width:
                break
        used.append(chips)
        covered += low <= 0.9 <= high
    assert covered / 3000 >= 0.95 - 3 * 0.004
    assert 16 < np.mean(used)


def test_the_looks_double_and_end_at_the_limit() -> None:
    assert StopRule(0.01).looks(100) == [16, 32, 64, 100]
    assert StopRule(0.01).looks(10) == [10]
    assert StopRule(0.01).enough(np.full(16, 0.9), 1)
    assert not StopRule(0.01).enough(np.array([0.1, 0.9]), 1)


def test_a_summary_of_known_counts() -> None:
    result = summarize([90, 80, 100, 90], 100)
    assert (result.mean, result.worst, result.q05, result.q05_low) == (0.9, 0.8, 0.8, None)
    assert 0.76 < result.ci_low < 0.78 and result.ci_high == 1.0
    alone = summarize([5], 10)
    assert (alone.ci_low, alone.ci_high) == (0.0, 1.0)


@pytest.mark.parametrize(("counts", "samples"), [([], 10), ([1], 0)])
def test_nothing_to_summarize_is_refused(counts: list[int], samples: int) -> None:
    with pytest.raises(InputError, match="nothing to summarize"):
        summarize(counts, samples)


def test_a_paired_drop_covers_the_true_drop_and_beats_unpaired_noise() -> None:
    rng = np.random.default_rng(3)
    golden = rng.random(2000) < 0.9
    chips = golden[None, :] & (rng.random((30, 2000)) > 0.02)
    drop = paired_drop(golden, chips, 0, 400)
    assert drop.ci_low < 0.9 * 0.02 < drop.ci_high
    unpaired = 2 * 1.96 * np.sqrt(0.9 * 0.1 / 2000)
    assert drop.ci_high - drop.ci_low < unpaired / 3


def test_a_paired_drop_is_the_two_way_bootstrap_written_out() -> None:
    # Chips and samples drawn anew, one by one: the same estimator as the products of counts.
    rng = np.random.default_rng(5)
    golden = rng.random(300) < 0.9
    chips = golden[None, :] ^ (rng.random((12, 300)) < rng.uniform(0, 0.1, (12, 1)))
    lost = golden.astype(float) - chips
    means = [
        lost[rng.integers(12, size=12)][:, rng.integers(300, size=300)].mean() for _ in range(4000)
    ]
    drop = paired_drop(golden, chips, 1, 4000)
    assert drop.mean == pytest.approx(lost.mean(), abs=1e-12)
    spread = np.std(means)
    for found, wanted in zip(
        (drop.ci_low, drop.ci_high), np.quantile(means, [0.025, 0.975]), strict=True
    ):
        assert abs(found - wanted) < 0.2 * spread


def test_no_change_is_no_drop() -> None:
    golden = np.array([True, False, True])
    drop = paired_drop(golden, np.stack([golden, golden]), 0, 50)
    assert (drop.mean, drop.ci_low, drop.ci_high) == (0.0, 0.0, 0.0)
    assert mcnemar(golden, golden) == 1.0


@given(st.integers(0, 40), st.integers(0, 40))
def test_mcnemar_looks_only_at_samples_that_changed(lost: int, won: int) -> None:
    golden = np.array([True] * lost + [False] * won + [True, False] * 50)
    other = np.array([False] * lost + [True] * won + [True, False] * 50)
    assert mcnemar(golden, other) == mcnemar(golden[: lost + won], other[: lost + won])


def test_results_of_other_samples_are_refused() -> None:
    with pytest.raises(InputError, match="do not fit"):
        paired_drop(np.ones(3, bool), np.ones((2, 4), bool), 0)
