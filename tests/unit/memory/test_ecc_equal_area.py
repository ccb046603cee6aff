"""2T2R against codes: the closed forms, their best reference, and five decades of raw rates."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from hysteron.errors import InputError
from hysteron.memory.ecc_study import (
    ber_2t2r,
    best_reference,
    channel_1t1r,
    separation,
    study,
)


@given(st.floats(0.5, 8.0), st.floats(0.1, 1.0), st.floats(0.1, 1.0))
def test_the_best_reference_minimises_the_error_rate(d: float, low: float, high: float) -> None:
    reference = best_reference(d, low, high)
    found = channel_1t1r(d, low, high).error_rate()
    searched = minimize_scalar(
        lambda r: channel_1t1r(d, low, high, r).error_rate(), bounds=(0.0, d), method="bounded",
        options={"xatol": 1e-10},
    )  # fmt: skip
    assert found <= searched.fun * (1 + 1e-7)
    assert math.isfinite(reference)


# (R_H / R_L, s_L, s_H, 1T1R, 2T2R, 38 p^2, 71 p^2)
@pytest.mark.parametrize(
    ("ratio", "low", "high", "wanted"),
    [
        (6.4, 0.18, 0.45, (1.5e-3, 6.4e-5, 8.0e-5, 1.5e-4)),
        (10, 0.2, 0.6, (1.7e-3, 1.4e-4, 1.1e-4, 2.1e-4)),
        (10, 0.3, 0.8, (1.6e-2, 3.5e-3, 9.8e-3, 1.8e-2)),
        (30, 0.2, 0.8, (2.7e-4, 1.9e-5, 2.9e-6, 5.3e-6)),
        (10, 0.3, 0.3, (6.2e-5, 2.9e-8, 1.5e-7, 2.7e-7)),
    ],
)
def test_the_table_of_spreads(
    ratio: float, low: float, high: float, wanted: tuple[float, ...]
) -> None:
    d = math.log(ratio)
    p = channel_1t1r(d, low, high).error_rate()
    assert (p, ber_2t2r(d, low, high), 38 * p * p, 71 * p * p) == pytest.approx(wanted, rel=0.05)


@pytest.mark.parametrize(
    ("raw", "double"),
    [(1e-1, 3.5e-2), (1e-2, 5.0e-4), (1e-3, 6.2e-6), (1e-4, 7.2e-8), (1e-5, 8.1e-10),
     (1e-6, 8.9e-12)],
)  # fmt: skip
def test_equal_spreads_track_the_8_4_code_over_five_decades(raw: float, double: float) -> None:
    rows = {row.scheme: row.data_ber for row in study([raw], [1.0], [0.0])}
    assert rows["2T2R"] == pytest.approx(double, rel=0.02)
    assert 1 / 1.65 < rows["2T2R"] / rows["1T1R + SECDED (8,4)"] < 1.6


@pytest.mark.parametrize(("spread", "low", "high"), [(2.0, 13.0, 16.0), (3.0, 140.0, 180.0)])
def test_unequal_spreads_do_not(spread: float, low: float, high: float) -> None:
    rows = {row.scheme: row.data_ber for row in study([1e-6], [spread], [0.0])}
    assert low < rows["2T2R"] / rows["1T1R + SECDED (8,4)"] < high


def test_every_scheme_has_its_cells_per_data_bit() -> None:
    rows = {row.scheme: row.cells_per_bit for row in study([1e-3], [1.0], [0.0])}
    assert sorted(rows.values()) == [1.0, 1.125, 1.21875, 1.21875, 2.0, 2.0, 3.0]


@given(st.floats(1e-14, 0.2), st.floats(0.5, 4.0))
def test_a_separation_gives_back_its_raw_rate(raw: float, spread: float) -> None:
    d = separation(raw, spread)
    assert channel_1t1r(d, 1.0, spread).error_rate() == pytest.approx(raw, rel=1e-6)


def test_raw_rates_without_a_separation_are_refused() -> None:
    with pytest.raises(InputError, match="raw bit error rate"):
        separation(0.4, 1.0)
    with pytest.raises(InputError, match="positive separation"):
        ber_2t2r(math.nan, 1.0, 1.0)
