"""Domain-wall cells and Gray-coded bits; analog pairs."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import expm

from hysteron.errors import InputError, UnsupportedError
from hysteron.memory.gray import gray_bits, gray_level
from hysteron.memory.load import load_technology
from hysteron.memory.numerics import tail


def _wall() -> Any:
    return load_technology("domain-wall")


@given(st.integers(1, 6), st.data())
def test_gray_code_is_a_bijection_and_one_step_changes_one_bit(
    count: int, data: st.DataObject
) -> None:
    level = data.draw(st.integers(0, (1 << count) - 2))
    here, above = gray_bits(level, count), gray_bits(level + 1, count)
    assert gray_level(here) == level
    assert sum(a != b for a, b in zip(here, above, strict=True)) == 1


def test_writing_errs_by_one_site_only_and_not_past_the_ends() -> None:
    matrix = np.array(_wall().channel(4, {"position_sigma": 0.25}).matrix)
    p = float(tail(2.0))
    assert np.diag(matrix, 1) == pytest.approx([p] * 3)
    assert np.diag(matrix, -1) == pytest.approx([p] * 3)
    assert matrix[0, 2:].tolist() == [0, 0] and matrix[3, :2].tolist() == [0, 0]


def test_bit_channels_follow_from_enumerating_pairs_of_weights() -> None:
    at = {"position_sigma": 0.3, "delta": 30.0, "retention_years": 0.001}
    matrix = _wall().channel(4, at).matrix
    flips = np.zeros((2, 2))  # [position][stored]
    for stored in itertools.product((0, 1), repeat=2):
        for read in itertools.product((0, 1), repeat=2):
            p = matrix[gray_level(stored)][gray_level(read)]
            for position in (0, 1):
                if read[position] != stored[position]:
                    flips[position, stored[position]] += p / 2
    for position, channel in enumerate(_wall().bit_channels(at)):
        assert (channel.p01, channel.p10) == pytest.approx(tuple(flips[position]))
    mean = _wall().channel(2, at)
    assert (mean.p01, mean.p10) == pytest.approx(tuple(flips.mean(axis=0)))


def test_the_less_significant_bit_has_two_boundaries_and_twice_the_errors() -> None:
    high, low = _wall().bit_channels({"position_sigma": 0.2})
    assert low.error_rate() == pytest.approx(2 * high.error_rate())


@pytest.mark.parametrize("years", [1e-6, 1e-3, 20.0])
def test_hopping_solves_the_rate_equation(years: float) -> None:
    at = {
        "position_sigma": 0.02,
        "delta": 35.0,
        "delta_sigma_percent": 0.0,
        "retention_years": years,
    }
    hops = years * 365.25 * 24 * 3600e9 * math.exp(-35.0)
    rates = np.diag([1.0] * 3, 1) + np.diag([1.0] * 3, -1)
    rates -= np.diag(rates.sum(axis=1))
    expected = expm(rates * hops)
    assert np.array(_wall().channel(4, at).matrix) == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_half_a_cell_per_bit_and_no_ternary_weights() -> None:
    assert _wall().cells_per_bit == 0.5
    with pytest.raises(UnsupportedError, match="3 levels"):
        _wall().channel(3)


def test_an_analog_pair_reads_the_sign_of_its_difference() -> None:
    pair = load_technology("analog-rram")
    at = {"conductance_high_microsiemens": 60.0, "conductance_low_microsiemens": 50.0}
    spread = math.hypot(4.782 - 0.00911 * 60, 4.782 - 0.00911 * 50)
    assert pair.channel(2, at).p01 == pytest.approx(float(tail(10 / spread)))
    assert pair.channel(2).error_rate() < 1e-12


def test_quantized_ternary_read_out_agrees_with_monte_carlo() -> None:
    pair, rng, count = load_technology("analog-rram"), np.random.default_rng(1), 2_000_000
    at = {
        "conductance_high_microsiemens": 65.0,
        "conductance_low_microsiemens": 50.0,
        "sense_offset_microsiemens": 2.0,
    }
    matrix = pair.channel(3, at).matrix
    for stored, (plus, minus) in enumerate([(50, 65), (50, 50), (65, 50)]):
        g = [rng.normal(x, 4.782 - 0.00911 * x, count) for x in (plus, minus)]
        difference = g[0] - g[1] + rng.normal(0, 2.0, count)
        read = 1 + (difference > 7.5).astype(int) - (difference < -7.5)
        for level in range(3):
            p = matrix[stored][level]
            assert abs(np.mean(read == level) - p) < 5 * math.sqrt(p / count)


def test_an_inverted_pair_is_refused() -> None:
    at = {"conductance_high_microsiemens": 60.0, "conductance_low_microsiemens": 70.0}
    with pytest.raises(InputError, match="not above the low one"):
        load_technology("analog-rram").channel(2, at)
