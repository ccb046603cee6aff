"""RRAM read-out: closed forms, the derived tables, Monte Carlo where there is no form."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from scipy.special import ndtri

from hysteron._assets import asset_dir
from hysteron.errors import InputError, UnsupportedError
from hysteron.memory.load import load_technology
from hysteron.memory.numerics import tail
from hysteron.memory.rram_cells import Levels, ternary

_DISTRIBUTIONS = [
    (6.4, 0.18, 0.45, 1.5e-3, 6.4e-5),
    (10, 0.2, 0.6, 1.7e-3, 1.4e-4),
    (10, 0.3, 0.8, 1.6e-2, 3.5e-3),
    (30, 0.2, 0.8, 2.7e-4, 1.9e-5),
    (10, 0.3, 0.3, 6.2e-5, 2.9e-8),
]


def _at(ratio: float, low: float, high: float, offset: float = 0.0) -> dict[str, float]:
    return {
        "resistance_ratio": ratio, "lrs_spread": low, "hrs_spread": high, "sense_offset": offset
    }  # fmt: skip


def _edited(tmp_path: Path, name: str, extra: str, drop_axes: bool = False) -> str:
    text = (asset_dir("targets") / "memory" / f"{name}.toml").read_text()
    if drop_axes:
        start, stop = text.index("[resistance_ratio]"), text.index("[sense_offset]")
        text = text[:start] + text[stop:]
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(f'name = "{name}"', 'name = "mine"') + extra)
    return str(path)


@pytest.mark.parametrize(("ratio", "low", "high", "one", "two"), _DISTRIBUTIONS)
def test_1t1r_and_2t2r_error_rates_for_equal_and_unequal_spreads(
    ratio: float, low: float, high: float, one: float, two: float
) -> None:
    at = _at(ratio, low, high)
    assert load_technology("hfo2-rram-1t1r").channel(2, at).error_rate() == pytest.approx(
        one, rel=0.04
    )
    assert load_technology("hfo2-rram-2t2r").channel(2, at).error_rate() == pytest.approx(
        two, rel=0.04
    )


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (1e-1, 3.5e-2),
        (3.3e-2, 4.7e-3),
        (1e-2, 5.0e-4),
        (1e-3, 6.2e-6),
        (1e-4, 7.2e-8),
        (1e-6, 8.9e-12),
    ],
)
def test_equal_spreads_make_2t2r_about_the_square_of_1t1r(one: float, two: float) -> None:
    distance = math.exp(-2 * 0.3 * ndtri(one))  # Q(d / 2s) = one
    at = _at(distance, 0.3, 0.3)
    assert load_technology("hfo2-rram-1t1r").channel(2, at).error_rate() == pytest.approx(
        one, rel=1e-4
    )
    assert load_technology("hfo2-rram-2t2r").channel(2, at).error_rate() == pytest.approx(
        two, rel=0.02
    )


def test_unequal_spreads_gain_5_to_25_times_only() -> None:
    for ratio, low, high, *_ in _DISTRIBUTIONS[:4]:
        derived = load_technology("hfo2-rram-2t2r").derived(_at(ratio, low, high))
        gain = (
            derived["bit error rate of 1T1R with these devices"]
            / derived["bit error rate of 2T2R with these devices"]
        )
        assert 4 < gain < 25


def test_comparator_offset_adds_in_quadrature() -> None:
    channel = load_technology("hfo2-rram-2t2r").channel(2, _at(10, 0.3, 0.4, 0.5))
    spread = math.sqrt(0.3**2 + 0.4**2 + 0.5**2)
    assert channel.p01 == channel.p10 == pytest.approx(float(tail(math.log(10) / spread)))


def test_the_optimal_reference_is_a_minimum() -> None:
    rram = load_technology("hfo2-rram-1t1r")
    best = rram.channel(2).error_rate()
    r = rram.derived()["reference above the LRS median, ln R"]
    for other in (r - 0.01, r + 0.01):
        error = (tail(other / 0.18) + tail((math.log(6.4) - other) / 0.45)) / 2
        assert error > best


def test_1t1r_loses_more_than_2t2r_when_both_states_drift_against_a_fixed_reference(
    tmp_path: Path,
) -> None:
    drift = (
        '\n[drift]\nstatus = "assumption"\nsource = "test"\nrows = [\n'
        "{retention_hours=1, lrs_shift=0, lrs_spread=0, hrs_shift=0, hrs_spread=0},\n"
        "{retention_hours=100, lrs_shift=-0.4, lrs_spread=0.2, hrs_shift=-0.4, hrs_spread=0.1}]\n"
    )
    one = load_technology(_edited(tmp_path, "hfo2-rram-1t1r", drift))
    fresh, old = one.channel(2), one.channel(2, {"retention_hours": 100.0})
    reference = one.derived()["reference above the LRS median, ln R"]
    assert old.p01 == pytest.approx(
        float(tail((math.log(6.4) - 0.4 - reference) / math.hypot(0.45, 0.1)))
    )
    assert old.p10 == pytest.approx(float(tail((reference + 0.4) / math.hypot(0.18, 0.2))))
    assert (
        one.derived({"retention_hours": 100.0})["reference above the LRS median, ln R"] == reference
    )
    assert fresh.p01 < old.p01
    halfway = one.channel(2, {"retention_hours": 10.0})  # linear in ln t
    assert halfway.p01 == pytest.approx(
        float(tail((math.log(6.4) - 0.2 - reference) / math.hypot(0.45, 0.05)))
    )
    with pytest.raises(InputError, match=r"retention_hours is out of range.*1 to 100 h"):
        one.channel(2, {"retention_hours": 101.0})


def test_a_programming_table_replaces_the_distribution(tmp_path: Path) -> None:
    table = (
        '\n[programming]\nstatus = "assumption"\nsource = "test"\nrows = [\n'
        "{programming_current_ua=20, resistance_ratio=4, lrs_spread=0.4, hrs_spread=0.6,"
        " set_energy=0.1, reset_energy=0.2},\n"
        "{programming_current_ua=80, resistance_ratio=10, lrs_spread=0.2, hrs_spread=0.5,"
        " set_energy=1, reset_energy=1.2}]\n"
    )
    path = _edited(tmp_path, "hfo2-rram-2t2r", table, drop_axes=True)
    rram = load_technology(path)
    weak, strong = ({"programming_current_ua": x} for x in (20.0, 80.0))
    assert rram.channel(2, weak).p01 == pytest.approx(
        float(tail(math.log(4) / math.hypot(0.4, 0.6)))
    )
    assert rram.channel(2, strong).p01 < rram.channel(2, weak).p01
    energies = [rram.energy(at) for at in (weak, strong)]
    assert [e.program for e in energies if e] == pytest.approx([0.3, 2.2])
    with pytest.raises(InputError, match=r"either \[programming\] or all of"):
        load_technology(_edited(tmp_path, "hfo2-rram-2t2r", table))


@pytest.mark.parametrize("offset", [0.0, 0.3])
def test_ternary_read_out_agrees_with_monte_carlo(offset: float) -> None:
    levels, reference, count = Levels(0.0, 0.5, 1.5, 0.7, offset), 0.9, 4_000_000
    rng = np.random.default_rng(0)
    matrix = ternary(levels, reference)
    for stored in (0, 1, 2):
        x_low, y_low = stored == 2, stored == 0
        x, y = (
            rng.normal(0.0 if low else 1.5, 0.5 if low else 0.7, count) for low in (x_low, y_low)
        )
        sign = np.where(y + offset * rng.normal(size=count) > x, 2, 0)
        read = np.where((x > reference) & (y > reference), 1, sign)
        for level in {0, 1, 2} - {stored}:
            p = matrix[stored, level]
            assert abs(np.mean(read == level) - p) < 4.5 * math.sqrt(p / count)


def test_ternary_errors_rarely_exchange_the_signs() -> None:
    channel = load_technology("hfo2-rram-2t2r-ternary").channel(3)
    assert channel.matrix[0][2] == channel.matrix[2][0] < channel.matrix[0][1]
    assert channel.matrix[1][0] == channel.matrix[1][2]


def test_the_authors_rule_has_their_mean_error_rate_and_never_exchanges_signs() -> None:
    rram = load_technology("hfo2-rram-2t2r-ternary").configured(rule="authors")
    for zeros in (0.0, 0.2, 0.7):
        channel = rram.channel(3, {"error_probability": 0.1, "zero_probability": zeros})
        stored = ((1 - zeros) / 2, zeros, (1 - zeros) / 2)
        assert channel.error_rate(stored) == pytest.approx(0.1)
        assert channel.matrix[0][2] == channel.matrix[2][0] == 0.0
    with pytest.raises(InputError, match="too large"):
        rram.channel(3, {"error_probability": 0.8, "zero_probability": 0.2})


def test_a_cell_kind_that_cannot_be_stored_names_the_one_that_can() -> None:
    with pytest.raises(UnsupportedError, match=r"3 levels.*hfo2-rram-2t2r-ternary"):
        load_technology("hfo2-rram-2t2r").channel(3)
    with pytest.raises(UnsupportedError, match=r"2 levels.*hfo2-rram-2t2r"):
        load_technology("hfo2-rram-2t2r-ternary").channel(2)


def test_two_devices_cost_twice_one() -> None:
    one, two = (load_technology(f"hfo2-rram-{cell}") for cell in ("1t1r", "2t2r"))
    first, second = one.energy(), two.energy()
    assert first and second and second.program == 2 * first.program
    assert (one.cells_per_bit, two.cells_per_bit) == (1.0, 2.0)
