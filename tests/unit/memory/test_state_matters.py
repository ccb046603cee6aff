"""Where the product of single channels is wrong by orders of magnitude, and other known numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import norm

from hysteron.chips.philox import Stream
from hysteron.chips.purpose import SectionDraws
from hysteron.errors import InputError
from hysteron.memory import array, macrospin
from hysteron.memory.gaussian_chain import Drift, Readout
from hysteron.memory.level_chain import Amplifier
from hysteron.memory.load import load_technology
from hysteron.memory.numerics import normal_pdf, spread_nodes, tail
from hysteron.memory.st_mram import StMram
from hysteron.memory.states.base import Site

_STILL = Drift((0.0, 0.0), (0.0, 0.0))


def _mram(**choices: str) -> StMram:
    found = load_technology("st-mram").configured(**choices)
    assert isinstance(found, StMram)
    return found


def test_verify_then_drift_is_far_worse_than_the_product_of_its_channels() -> None:
    """HRS spread 0.6, three tries, then drift -0.3 +- 0.3: 1.2e-2, the product says 3.3e-5.

    The page that gives both numbers leaves distance and margin open; 1.5 and 0.5 give them.
    """
    distance, drift = 1.5, Drift((0.3, 0.0), (0.3, 0.0))
    cells = Readout((-distance, 9.0), (0.6, 0.1), (0.0, 0.0), (0.0,), attempts=3, verify=True,
                    margin=0.5)  # fmt: skip
    true = cells.channel(0, drift, drift)[0, 1]
    product = norm.sf(distance / 0.6) ** 3 + norm.sf((distance - 0.3) / 0.3)
    assert true == pytest.approx(1.2e-2, rel=0.03)
    assert product == pytest.approx(3.3e-5, rel=0.05)


def test_three_attempts_fail_more_often_than_the_mean_to_the_third() -> None:
    """5 % spread of Delta at nominal 1e-3: E[w^3] = 6.5e-8, E[w]^3 = 4.7e-9 (closed form)."""
    tau = brentq(lambda t: math.log(macrospin.closed_form(60, 2.0, t) / 1e-3), 2, 15)
    z, weights = spread_nodes(0.05)
    fails = np.array(
        [macrospin.closed_form(60 * (1 + 0.05 * x), 2 / (1 + 0.05 * x), tau) for x in z]
    )
    assert weights @ fails**3 == pytest.approx(6.5e-8, rel=0.02)
    assert (weights @ fails) ** 3 == pytest.approx(4.7e-9, rel=0.02)


def test_retry_of_st_mram_averages_powers_over_cells() -> None:
    mram = _mram(previous="complement")
    once = {"write_pulse_ns": 6.0}
    thrice = mram.channel(2, {**once, "write_attempts": 3.0}).error_rate()
    law = mram.law(mram.resolve(once))
    relative, weights = law.nodes()
    assert thrice == pytest.approx(float(weights @ law.write_failures(relative)[0] ** 3), rel=1e-6)
    assert thrice > 5 * mram.channel(2, once).error_rate() ** 3
    verified = {**once, "write_attempts": 3.0, "verify": 1.0}
    assert mram.channel(2, verified).error_rate() == pytest.approx(thrice, rel=1e-9)


def test_retention_overtakes_write_errors_at_twice_the_rate_times_the_relaxation_time() -> None:
    """t_c = 2 w tau_relax (arXiv:2303.05706); tau_relax = 1 / (2 Gamma) of a two-state cell."""
    mram = _mram(previous="complement")
    at = {"delta_sigma_percent": 0.0, "delta": 45.0, "write_pulse_ns": 8.0}
    written = mram.channel(2, at).error_rate()
    law = mram.law(mram.resolve(at))
    one_hour = law.escapes(np.ones(1), 1.0, False)[0][0]
    crossover_hours = 2 * written / (2 * one_hour)
    years = crossover_hours / (365.25 * 24)
    assert 0 < years < 20
    both = mram.channel(2, {**at, "retention_years": years}).error_rate()
    assert both == pytest.approx(2 * written, rel=1e-3)


def test_ten_years_with_a_spread_of_barriers_are_set_by_the_weak_cells() -> None:
    mram = _mram(prefactor="attempt-time")
    base = {"delta": 60.0, "write_pulse_ns": 100.0, "retention_years": 10.0}
    rates = [mram.channel(2, {**base, "delta_sigma_percent": s}).error_rate() for s in (0, 5, 10)]
    assert rates == [pytest.approx(r, rel=0.05) for r in (2.76e-9, 2.48e-7, 7.0e-4)]


@settings(max_examples=15)
@given(
    st.floats(0.5, 3), st.floats(0.1, 0.8), st.floats(0, 0.5), st.floats(0, 0.4),
    st.floats(-0.5, 0.5), st.floats(0, 0.5),
)  # fmt: skip
def test_a_plain_chain_is_the_closed_form(
    distance: float, spread: float, offset: float, noise: float, shift: float, drift: float
) -> None:
    readout = Readout((-distance, distance), (spread,) * 2, (0.0,) * 2, (0.0,), offset, noise)
    moved = Drift((shift, shift), (drift, drift))
    wanted = tail((distance - shift) / math.hypot(spread, offset, noise, drift))
    assert readout.channel(0, moved, moved)[0, 1] == pytest.approx(
        float(wanted), rel=1e-6, abs=1e-16
    )


@pytest.mark.parametrize("noise", [0.0, 0.05])
@pytest.mark.parametrize("margin", [0.0, 0.2])
def test_verify_is_the_integral_over_what_it_accepts(noise: float, margin: float) -> None:
    d, s, attempts = 1.1, 0.6, 3
    drift = Drift((0.2, 0.2), (0.3, 0.3))
    readout = Readout((-d, d), (s, s), (0.0, 0.0), (0.0,), 0.0, noise, attempts, True, margin)

    def accepted(x: float) -> float:
        return float(norm.cdf((-x - margin) / noise)) if noise else float(x < -margin)

    points = [-margin - 6 * noise, -margin, -margin + 6 * noise]
    fails = quad(lambda x: norm.pdf(x, -d, s) * (1 - accepted(x)), -7, 5, points=points, limit=300)[
        0
    ]
    kept = sum(fails**a for a in range(attempts))

    def density(x: float) -> float:
        v = accepted(x)
        weight = v * kept + (1 - v) * fails ** (attempts - 1)
        return float(norm.pdf(x, -d, s) * weight * norm.sf(-(x + 0.2) / math.hypot(0.3, noise)))

    wanted = quad(density, -7, 5, points=points, limit=300)[0]
    assert readout.channel(0, drift, drift)[0, 1] == pytest.approx(wanted, rel=1e-6)


def test_an_amplifier_reads_by_its_offset_and_noise() -> None:
    amplifier = Amplifier((0.0, 1.0, 2.0), (0.5, 1.5), 0.0, 0.2)
    seen = amplifier.seen(0.1)
    assert seen.sum(axis=1) == pytest.approx(1.0)
    assert seen[1, 2] == pytest.approx(float(tail(0.4 / 0.2)))
    assert seen[0, 2] == pytest.approx(float(tail(1.4 / 0.2)), rel=1e-9)
    assert np.array_equal(Amplifier((0.0, 1.0), (0.5,)).seen(0.6), [[0, 1], [0, 1]])
    assert amplifier.seen(0.0, 0.2)[1, 1] < amplifier.seen(0.0)[1, 1]
    nodes, weights = Amplifier((0.0, 1.0), (0.5,), 0.3).offsets()
    assert float(weights @ (nodes > 0.5)) == pytest.approx(float(tail(0.5 / 0.3)), rel=1e-9)


@pytest.mark.parametrize(("hours", "every", "wanted"), [
    (10.0, 0.0, (0, 10.0)), (10.0, 4.0, (2, 2.0)), (8.0, 4.0, (2, 0.0)), (3.0, 4.0, (0, 3.0)),
])  # fmt: skip
def test_scrubs_divide_the_time(hours: float, every: float, wanted: tuple[int, float]) -> None:
    assert array.intervals(hours, every, "x") == wanted


def test_too_many_scrubs_are_refused() -> None:
    with pytest.raises(InputError, match="too many scrubs"):
        array.intervals(1e6, 1.0, "x")


def test_defects_mix_into_the_channel() -> None:
    channel = load_technology("ideal").channel(2, {"stuck_at_rate": 0.02, "line_burst_rate": 0.1})
    assert channel.p10 == pytest.approx(0.01)  # ones stay ones in a burst
    assert channel.p01 == pytest.approx(0.02 / 2 + 0.98 * 0.1)


def test_noise_and_offset_add_up_in_a_single_read() -> None:
    cell = load_technology("hfo2-rram-2t2r")
    split = cell.channel(2, {"column_offset_sigma": 0.3, "sense_noise": 0.4}).error_rate()
    assert split == pytest.approx(cell.channel(2, {"sense_offset": 0.5}).error_rate(), rel=1e-7)
    z, weights = spread_nodes(1.0)
    assert float(weights @ normal_pdf(z)) == pytest.approx(1 / math.sqrt(4 * math.pi), rel=1e-12)


@pytest.mark.parametrize("previous", ["random", "complement"])
@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_energy_of_retries_is_that_of_the_pulses_that_are_given(
    previous: str, noise: float
) -> None:
    mram = _mram(previous=previous)
    at = {"write_pulse_ns": 4.0, "write_attempts": 3.0, "verify": 1.0, "sense_noise": noise}
    single = mram.energy({"write_pulse_ns": 4.0}).program
    # drawn: bits in equal numbers, writes counted
    count, draws = 200_000, SectionDraws(Stream(4, 0, "x"), 200_000)
    cells = mram.cells(2, at, Site(count, draws, 0.0, 0.0))
    target = (np.arange(count) % 2).astype(np.int8)
    pending, pulses, checks = np.ones(count, np.bool_), 0, 0
    for attempt in range(3):
        cells.write(target, pending, attempt)
        pulses += int(pending.sum())
        if attempt < 2:
            checks += int(pending.sum())
            pending &= ~cells.verified(target, noise * draws.normal("verify", attempt), 0.0)
    read = mram.energy().read
    assert read is not None
    wanted = (pulses * single + checks * read) / count
    assert mram.energy(at).program == pytest.approx(wanted, rel=2e-3)
    assert mram.energy({**at, "verify": 0.0}).program == pytest.approx(3 * single)


@pytest.mark.parametrize("name", ["hfo2-rram-1t1r", "hfo2-rram-2t2r", "analog-rram"])
def test_retries_of_rram_cost_their_refused_pulses(name: str) -> None:
    memory = load_technology(name)
    more = {"conductance_high_microsiemens": 60.0} if name == "analog-rram" else {"hrs_spread": 1.0}
    once, retried = (
        memory.energy({**more, **kind}) for kind in ({}, {"write_attempts": 4.0, "verify": 1.0})
    )
    assert once is not None and retried is not None
    fails = memory.channel(2, more).matrix
    pulses = [1 + p + p**2 + p**3 for p in (fails[0][1], fails[1][0])]
    assert retried.program / once.program == pytest.approx(sum(pulses) / 2, rel=1e-6)
    blind = memory.energy({**more, "write_attempts": 4.0})
    assert blind is not None and blind.program == pytest.approx(4 * once.program)


def test_energy_of_verified_ternary_cells_is_unknown() -> None:
    ternary = load_technology("hfo2-rram-2t2r-ternary")
    assert ternary.energy({"write_attempts": 3.0, "verify": 1.0}) is None


@pytest.mark.parametrize("at", [{}, {"delta_sigma_percent": 10.0, "die_sigma": 0.02}])
def test_many_barriers_are_interpolated_within_a_part_in_a_thousand(at: dict[str, float]) -> None:
    mram = _mram()
    law = mram.law(mram.resolve({"write_pulse_ns": 9.0, **at}))
    relative = law.relative(np.linspace(-4, 4, 2001), 0.7)
    chosen = slice(None, None, 37)
    for fast, exact in zip(law.write_failures(relative), law.write_failures(relative[chosen]),
                           strict=True):  # fmt: skip
        assert fast[chosen] == pytest.approx(exact, rel=1.5e-3, abs=1e-14)
