"""The Legendre-mode solver, and the closed forms against it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

from hysteron.errors import InputError
from hysteron.memory import fokker_planck, macrospin, write_table

# Arm's MRAM framework (Legendre modes) gives the first number, the closed form the second.
_PULSES = [
    (40, 1.5, 6, 2.64e-2, 7.84e-2),
    (40, 2.0, 4, 1.00e-2, 1.64e-2),
    (40, 2.0, 8, 3.07e-6, 5.55e-6),
    (40, 3.0, 4, 6.90e-6, 7.40e-6),
    (60, 1.5, 8, 5.21e-3, 1.64e-2),
    (60, 2.0, 6, 2.73e-4, 4.55e-4),
    (60, 3.0, 6, 3.48e-9, 3.73e-9),
]


@pytest.mark.parametrize(("delta", "i", "tau", "solved", "closed"), _PULSES)
def test_solver_and_closed_form_give_the_known_write_error_rates(
    delta: int, i: float, tau: int, solved: float, closed: float
) -> None:
    assert fokker_planck.write_error_rate(delta, i, tau) == pytest.approx(solved, rel=3e-3)
    assert macrospin.closed_form(delta, i, tau) == pytest.approx(closed, rel=3e-3)


# Pulse for a target rate from a finite-volume, Crank-Nicolson solution of the same equation.
@pytest.mark.parametrize(
    ("delta", "i", "target", "tau"),
    [
        (40, 1.3, 1e-2, 9.78),
        (40, 1.5, 1e-4, 11.25),
        (40, 2.0, 1e-6, 8.55),
        (40, 3.0, 1e-8, 5.63),
        (60, 1.3, 1e-8, 31.14),
        (60, 1.5, 1e-5, 13.99),
        (60, 2.0, 1e-8, 11.07),
        (60, 3.0, 1e-3, 2.86),
    ],
)
def test_solver_agrees_with_a_finite_volume_solution(
    delta: int, i: float, target: float, tau: float
) -> None:
    rate = fokker_planck.write_error_rate(delta, i, tau)
    # 0.6 % in pulse length, the precision of that table, as a factor of the rate
    assert abs(math.log(rate / target)) < 2 * (i - 1) * tau * 0.006


def test_total_probability_is_kept_and_equilibrium_is_stationary_without_current() -> None:
    matrix = fokker_planck.generator(20.0, 1.7)
    assert not matrix[0].any()
    moments = fokker_planck.equilibrium(20.0).copy()
    moments[1::2] = 0.0  # both wells equally: even modes only
    change = fokker_planck.generator(20.0, 0.0) @ moments
    assert np.abs(change).max() < 1e-9


def test_no_pulse_leaves_every_cell_and_a_long_strong_one_none() -> None:
    assert fokker_planck.write_error_rate(40.0, 2.0, 0.0) == pytest.approx(1.0, abs=1e-6)
    assert fokker_planck.write_error_rate(40.0, 3.0, 20.0) < 1e-10


@pytest.mark.parametrize(("delta", "tau"), [(0.0, 1.0), (40.0, -1.0), (math.nan, 1.0)])
def test_solver_refuses_impossible_arguments(delta: float, tau: float) -> None:
    with pytest.raises(InputError, match="delta > 0 and tau >= 0"):
        fokker_planck.write_error_rate(delta, 2.0, tau)


@pytest.mark.parametrize("i", [0.0, 0.1, 0.2, 0.3, 0.4, 0.5])
def test_barrier_falls_with_the_square_of_the_current(i: float) -> None:
    deltas = np.array([12.0, 14.0, 16.0, 18.0])
    rates = np.array([fokker_planck.slowest_rate(delta, i) for delta in deltas])
    exponent = -np.polyfit(deltas, np.log(rates / np.sqrt(deltas)), 1)[0]
    assert exponent == pytest.approx((1 - i) ** 2, abs=0.012)
    if i:
        assert abs(exponent - (1 - i)) > 0.08


@pytest.mark.parametrize("i", [0.1, 0.2, 0.3])
def test_escape_rate_is_the_slowest_mode_within_the_high_barrier_error(i: float) -> None:
    delta = np.array([18.0])
    both = macrospin.escape_rate(delta, np.array([i]), 1.0) + macrospin.escape_rate(
        delta, np.array([-i]), 1.0
    )
    assert fokker_planck.slowest_rate(18.0, i) == pytest.approx(both[0], rel=0.15)


def test_two_state_retention_follows_the_solver_through_saturation() -> None:
    delta, still = 8.0, np.zeros(1)
    rate = fokker_planck.slowest_rate(delta, 0.0) / 2
    start = fokker_planck.equilibrium(delta)
    for share in (0.1, 1.0, 10.0):
        tau = share / rate
        moments = expm(fokker_planck.generator(delta, 0.0) * tau) @ start
        left = 1.0 - float(fokker_planck._upper_half(fokker_planck.MODES) @ moments)
        two = macrospin.two_state(still + share, still + share)[0, 0, 1]
        assert left == pytest.approx(two, rel=0.02)


@pytest.mark.parametrize(
    ("i", "exponents"),
    [(1.2, (1.325, 1.243, 1.196)), (1.5, (1.063, 1.044, 1.034)), (2.0, (1.012, 1.008, 1.006))],
)
def test_tail_exponent_is_an_eigenvalue(i: float, exponents: tuple[float, ...]) -> None:
    for delta, k in zip((40.0, 60.0, 80.0), exponents, strict=True):
        assert fokker_planck.slowest_rate(delta, i) / (2 * (i - 1)) == pytest.approx(k, abs=2e-3)
        assert write_table.corrections(delta, i)[1] == pytest.approx(k, abs=1e-3)


@settings(max_examples=25, deadline=None)
@given(delta=st.floats(22.0, 85.0), i=st.floats(1.08, 4.0), reach=st.floats(0.0, 7.0))
def test_corrected_form_is_within_its_stated_band_of_the_solver(
    delta: float, i: float, reach: float
) -> None:
    tau = (math.log(2.5 * delta * (i - 1) / i + 1) / 2 + reach) / (i - 1)
    form = float(macrospin.corrected(np.array(delta), np.array(i), tau))
    solved = fokker_planck.write_error_rate(delta, i, tau)
    assert form == pytest.approx(solved, rel=0.03 if solved < 0.1 else 0.15, abs=2e-9)


def test_closed_forms_are_never_extrapolated() -> None:
    with pytest.raises(InputError, match="outside the table"):
        macrospin.corrected(np.array([60.0]), np.array([1.01]), 5.0)
    with pytest.raises(InputError, match="outside the table"):
        macrospin.corrected(np.array([130.0]), np.array([2.0]), 5.0)
    with pytest.raises(InputError, match="wanted delta > 0, i > 1"):
        macrospin.closed_form(60.0, 1.0, 5.0)
    with pytest.raises(InputError, match="no barrier"):
        macrospin.escape_rate(np.array([60.0]), np.array([1.0]), 1.0)


def test_off_the_table_the_write_error_rate_is_the_solver() -> None:
    cells = macrospin.write_error_rate(np.array([60.0, 15.0]), np.array([1.02, 2.0]), 4.0)
    assert cells[0] == fokker_planck.write_error_rate(60.0, 1.02, 4.0)
    assert cells[1] == fokker_planck.write_error_rate(15.0, 2.0, 4.0)
