"""ST-MRAM: the tables its model was derived with, and the chain as one average."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq

from hysteron._assets import asset_dir
from hysteron.errors import InputError
from hysteron.memory import macrospin
from hysteron.memory.load import load_technology
from hysteron.memory.numerics import normal_pdf, spread_nodes

_TEN_YEARS_NS = 10 * 365.25 * 24 * 3600e9
_FAST = {"delta_sigma_percent": 0.0}


def _mram(**choices: str) -> Any:
    return load_technology("st-mram").configured(**choices)


def _retention(delta: float, sigma: float) -> tuple[float, float]:
    """Return (two-state, first-passage) after ten years at tau0 = 1 ns."""
    z, weights = spread_nodes(sigma)
    rate = macrospin.arrhenius_rate(delta * (1 + sigma * z), np.zeros_like(z), 1.0)
    two = macrospin.two_state(rate * _TEN_YEARS_NS, rate * _TEN_YEARS_NS)[:, 0, 1]
    return float(weights @ two), float(weights @ macrospin.first_passage(rate * _TEN_YEARS_NS))


@pytest.mark.parametrize(
    ("delta", "rates"),
    [
        (40, (0.466, 0.371, 0.322)),
        (50, (6.09e-5, 1.19e-3, 2.58e-2)),
        (55, (4.10e-7, 1.77e-5, 4.5e-3)),
        (60, (2.76e-9, 2.48e-7, 7.0e-4)),
        (65, (1.9e-11, 3.7e-9, 1.1e-4)),
    ],
)
def test_ten_year_two_state_retention_with_and_without_spread(
    delta: int, rates: tuple[float, ...]
) -> None:
    for sigma, rate in zip((0.0, 0.05, 0.10), rates, strict=True):
        assert _retention(delta, sigma)[0] == pytest.approx(rate, rel=0.03)


def test_first_passage_is_not_an_error_rate() -> None:
    two, first = _retention(40, 0.0)
    assert first == pytest.approx(0.738, abs=0.005)  # 1 - exp(-t / (tau0 e^Delta)), tau0 1 ns
    assert two < 0.5 < first


@pytest.mark.parametrize(("sigma", "rate"), [(0.03, 2.3e-8), (0.05, 7.7e-8), (0.10, 3.1e-6)])
def test_spread_of_delta_moves_ic0_and_raises_the_mean_write_error_rate(
    sigma: float, rate: float
) -> None:
    # the published-form numbers: nominal 1e-8 at i = 2, Delta 60
    tau = brentq(lambda t: math.log(macrospin.closed_form(60, 2.0, t) / 1e-8), 5, 15)

    def weighted(z: float) -> float:
        relative = 1 + sigma * z
        i = 2.0 / relative
        wer = macrospin.closed_form(60 * relative, i, tau) if i > 1 else 1.0
        return float(normal_pdf(z)) * wer

    assert quad(weighted, -8, 8, limit=400)[0] == pytest.approx(rate, rel=0.03)


@pytest.mark.parametrize(("sigma", "factor"), [(3.0, 2.06), (5.0, 6.0), (10.0, 151.0)])
def test_the_corrected_form_keeps_the_effect_of_the_spread(sigma: float, factor: float) -> None:
    mram = _mram(previous="complement")
    tau = brentq(
        lambda t: math.log(macrospin.corrected(np.array(60.0), np.array(2.0), t) / 1e-8), 5, 15
    )
    pulse = {"write_pulse_ns": tau * 1.1, "delta_sigma_percent": sigma}
    assert mram.channel(2, pulse).error_rate() == pytest.approx(factor * 1e-8, rel=0.05)


@pytest.mark.parametrize("delta", [40.0, 60.0])
@pytest.mark.parametrize("i", [1.3, 1.5, 2.0, 3.0])
def test_relaxing_the_write_error_rate_from_1e_8_to_1e_3_halves_the_energy(
    delta: float, i: float
) -> None:
    mram = _mram(previous="complement")

    def energy(target: float, sigma: float = 0.0) -> float:
        def distance(pulse: float) -> float:
            at = {**base, "write_pulse_ns": pulse}
            return math.log(mram.channel(2, at).error_rate() / target)

        base = {"delta": delta, "write_current_ratio": i, "delta_sigma_percent": sigma}
        pulse = brentq(distance, 1.5, 60.0, xtol=1e-4)
        return float(mram.energy({**base, "write_pulse_ns": pulse}).program)

    assert 1.95 <= energy(1e-8) / energy(1e-3) <= 2.3
    if i == 2.0:
        assert energy(1e-8, 5.0) / energy(1e-3, 5.0) > energy(1e-8) / energy(1e-3)


def test_a_failed_write_keeps_the_old_bit() -> None:
    bound = _mram(previous="complement").channel(2, _FAST)
    wer = bound.p01
    assert bound.p10 == pytest.approx(wer)
    assert _mram().channel(2, _FAST).error_rate() == pytest.approx(wer / 2)
    zeros, ones = (
        _mram(previous="zeros").channel(2, _FAST),
        _mram(previous="ones").channel(2, _FAST),
    )
    assert (zeros.p01, ones.p10) == (0.0, 0.0)
    assert zeros.p10 == pytest.approx(wer) and ones.p01 == pytest.approx(wer)


def test_the_bound_for_complementary_data_is_reported_whatever_was_chosen() -> None:
    name = "bit error rate, previous = complement (upper bound)"
    bound = _mram(previous="complement").channel(2, {}).error_rate()
    assert _mram(previous="zeros").derived()[name] == bound
    assert bound > _mram().channel(2, {}).error_rate()


def test_write_and_retention_are_averaged_together_not_multiplied() -> None:
    mram = _mram(previous="complement")
    write = {"delta_sigma_percent": 10.0, "write_pulse_ns": 5.0, "delta": 50.0}
    store = {**write, "retention_years": 10.0, "temperature_c": 25.0}
    joint = mram.channel(2, store).p01
    written = mram.channel(2, write).p01
    kept = mram.channel(2, {**store, "write_pulse_ns": 100.0}).p01
    product = written * (1 - kept) + (1 - written) * kept
    # hard-to-write cells are the ones that keep: their errors are not flipped back
    assert joint > product * (1 + 1e-6)

    def cell(z: float) -> float:
        relative = 1 + 0.1 * z
        delta, i = np.array([50.0 * relative]), np.array([2.0 / relative])
        fail = macrospin.write_error_rate(delta, i, 5.0 / 1.1)
        escapes = macrospin.escape_rate(delta, np.zeros(1), 1.1) * _TEN_YEARS_NS
        two = macrospin.two_state(escapes, escapes)[0]
        return float(normal_pdf(z) * (fail[0] * two[0, 0] + (1 - fail[0]) * two[1, 0]))

    assert joint == pytest.approx(quad(cell, -8, 8, limit=200, epsrel=1e-6)[0], rel=2e-4)


def test_heat_shortens_retention_as_the_barrier_over_kt() -> None:
    at = {**_FAST, "delta": 60.0, "retention_years": 10.0}
    warm = _mram(prefactor="attempt-time").channel(2, {**at, "temperature_c": 85.0}).error_rate()
    barrier = 60.0 * 298.15 / 358.15
    assert barrier == pytest.approx(49.9, abs=0.06)
    assert warm == pytest.approx(_TEN_YEARS_NS * math.exp(-barrier), rel=0.01)


def test_exponent_one_hides_read_disturb_by_orders_of_magnitude(tmp_path: Path) -> None:
    text = (asset_dir("targets") / "memory" / "st-mram.toml").read_text()
    head, tail = text.split("[read_current_ratio]\nvalue = 0.1")
    path = tmp_path / "mine.toml"
    changed = f"{head}[read_current_ratio]\nvalue = 0.3{tail}"
    path.write_text(changed.replace('name = "st-mram"', 'name = "mine"'))
    reads = {**_FAST, "delta": 60.0, "reads": 1e9, "write_pulse_ns": 100.0}
    two = load_technology(str(path)).channel(2, reads)
    one = load_technology(str(path)).configured(exponent="1").channel(2, reads)
    assert two.p10 / one.p10 == pytest.approx(math.exp(0.21 * 60), rel=5e-3)
    assert two.p01 < 1e-6 * two.p10  # the read current pushes towards 0
    other_way = load_technology(str(path)).configured(read_toward="1").channel(2, reads)
    assert other_way.p01 == pytest.approx(two.p10)


def test_a_reflow_profile_acts_before_storage(tmp_path: Path) -> None:
    text = (asset_dir("targets") / "memory" / "st-mram.toml").read_text()
    path = tmp_path / "mine.toml"
    path.write_text(
        text.replace('name = "st-mram"', 'name = "mine"')
        + "\n[[profile]]\nhours = 0.02\ntemperature_c = 260\n"
    )
    baked = load_technology(str(path)).channel(2, _FAST).error_rate()
    barrier = np.array([60.0 * 298.15 / 533.15])
    rate = macrospin.escape_rate(barrier, np.zeros(1), 1.1)[0] * 0.02 * 3600e9
    plain = _mram().channel(2, _FAST).error_rate()
    assert baked == pytest.approx(plain + -math.expm1(-2 * rate) / 2, rel=1e-3)


def test_energy_is_current_squared_times_time_and_relative() -> None:
    energy = _mram().energy({"write_current_ratio": 3.0, "write_pulse_ns": 4.0})
    assert energy.program == pytest.approx(9 * 4 / (4 * 12))
    assert not energy.absolute and "default" in energy.reference


@pytest.mark.parametrize(
    ("conditions", "match"),
    [
        ({"write_current_ratio": 1.1}, "write_current_ratio is out of range.*1.3 to 5"),
        ({"delta": math.nan}, "delta is out of range"),
        ({"pulse": 3.0}, "unknown condition pulse.*write_pulse_ns"),
    ],
)
def test_conditions_outside_the_model_are_refused(conditions: dict[str, float], match: str) -> None:
    with pytest.raises(InputError, match=match):
        _mram().channel(2, conditions)


def test_unknown_options_list_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"unknown value of option 'previous'.*random or compl"):
        _mram(previous="weights")
    with pytest.raises(InputError, match=r"unknown option 'prev'.*previous"):
        _mram(prev="zeros")
