"""Draws are Philox4x32-10, a pure function of what they decide, and exact as integers."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hysteron.chips.philox import Stream, below, philox4x32, threshold
from hysteron.errors import InputError

# Random123 1.14, tests/kat_vectors: philox4x32-10.
_VECTORS = [
    ((0, 0, 0, 0), (0, 0), "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
]


@pytest.mark.parametrize(("counter", "key", "wanted"), _VECTORS)
def test_the_generator_gives_the_published_vectors(
    counter: tuple[int, ...], key: tuple[int, int], wanted: str
) -> None:
    words = philox4x32(np.array(counter, dtype=np.uint64).reshape(4, 1), key)[:, 0]
    assert " ".join(f"{int(word):08x}" for word in words) == wanted


def test_draws_of_a_cell_do_not_depend_on_how_many_cells_are_drawn() -> None:
    stream = Stream(3, 1, "layer_0_weights")
    many = stream.draw(200_001, "marginal")
    assert np.array_equal(stream.draw(7, "marginal"), many[:7])
    assert len(np.unique(many)) == len(many)


@pytest.mark.parametrize(
    "other",
    [
        (Stream(4, 1, "a"), "marginal", 0),
        (Stream(3 + 2**32, 1, "a"), "marginal", 0),
        (Stream(3, 2, "a"), "marginal", 0),
        (Stream(3, 1, "b"), "marginal", 0),
        (Stream(3, 1, "a"), "sense", 0),
        (Stream(3, 1, "a"), "marginal", 1),
    ],
)
def test_neighbouring_seeds_chips_sections_and_events_are_independent(
    other: tuple[Stream, str, int],
) -> None:
    # Peers seed with clocks and sums of coordinates, so that neighbours share a stream.
    stream, mechanism, event = other
    mine = Stream(3, 1, "a").uniform(20_000, "marginal")
    correlation = np.corrcoef(mine, stream.uniform(20_000, mechanism, event))[0, 1]
    assert abs(correlation) < 5 / np.sqrt(20_000)


@given(st.floats(0, 1))
def test_thresholds_are_the_probability_rounded_down_to_a_64th_power(p: float) -> None:
    limit = threshold(p)
    assert 0 <= Fraction(p) - Fraction(limit, 2**64) < Fraction(1, 2**64)


def test_probabilities_0_and_1_and_far_below_24_bits_are_exact() -> None:
    draws = np.array([0, 1, 2**63, 2**64 - 1], dtype=np.uint64)
    assert not below(draws, threshold(0.0)).any()
    assert below(draws, threshold(1.0)).all()
    # torch.rand has 24 bits: it makes 5.96e-8 of 1e-8. Ours keeps 1e-12 to one part in 10^7.
    assert threshold(1e-12) == int(Fraction(1e-12) * 2**64) == 18446744
    assert below(np.array([18446743, 18446744], dtype=np.uint64), 18446744).tolist() == [
        True,
        False,
    ]


@pytest.mark.parametrize(("seed", "chip"), [(-1, 0), (2**64, 0), (0, -1), (0, 2**32)])
def test_numbers_out_of_range_are_refused(seed: int, chip: int) -> None:
    with pytest.raises(InputError, match="out of range"):
        Stream(seed, chip, "a")
