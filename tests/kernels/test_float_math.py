"""exp and log of the real tier are close to the true functions."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hysteron.ops.kernel._float import exp, log


def ulps(got: npt.NDArray[np.float32], true: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return |got - true| in units of the last place of the true value."""
    unit = np.spacing(np.abs(true).astype(np.float32)).astype(np.float64)
    return np.asarray(np.abs(got.astype(np.float64) - true) / unit)


def test_exp_is_within_two_ulp_on_normal_results() -> None:
    x = np.linspace(-87, 88, 200_001, dtype=np.float32)
    assert ulps(exp(x), np.exp(x.astype(np.float64))).max() < 2


def test_exp_ends_are_zero_infinite_and_subnormal() -> None:
    x = np.array([-1e9, -np.inf, -104.5, 89.5, np.inf, np.nan, -100, 0], dtype=np.float32)
    y = exp(x)
    assert y[:3].tolist() == [0, 0, 0]
    assert np.isinf(y[3:5]).all() and np.isnan(y[5]) and y[7] == 1
    assert abs(float(y[6]) - np.exp(-100.0)) <= 2**-149


def test_log_is_within_two_ulp_away_from_one() -> None:
    x = np.exp(np.linspace(0, 80, 200_001)).astype(np.float32)
    x = x[(x == 1) | (x > 1.0001)]
    assert ulps(log(x), np.log(x.astype(np.float64)))[1:].max() < 2
    assert log(np.ones(1, np.float32))[0] == 0
