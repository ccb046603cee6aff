"""Bits and places of an array correspond one to one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hysteron.errors import InputError
from hysteron.memory.geometry import ArrayGeometry


@st.composite
def _geometries(draw: st.DrawFn) -> ArrayGeometry:
    word, words, rows = draw(st.integers(1, 9)), draw(st.integers(1, 6)), draw(st.integers(1, 7))
    columns = word * words
    shared = draw(st.sampled_from([d for d in range(1, columns + 1) if columns % d == 0]))
    return ArrayGeometry(rows, columns, word, shared, draw(st.booleans()))


@given(_geometries(), st.integers(1, 3))
def test_every_bit_has_one_place_and_every_place_one_bit(
    geometry: ArrayGeometry, arrays: int
) -> None:
    bits = np.arange(arrays * geometry.rows * geometry.columns)
    place = geometry.locate(bits)
    assert np.array_equal(geometry.index(place), bits)
    places = {*zip(place.array.tolist(), place.row.tolist(), place.column.tolist(), strict=True)}
    assert len(places) == len(bits)
    assert place.row.max() < geometry.rows and place.column.max() < geometry.columns


@given(_geometries())
def test_an_amplifier_reads_whole_columns(geometry: ArrayGeometry) -> None:
    bits = np.arange(2 * geometry.rows * geometry.columns)
    place, amplifier = geometry.locate(bits), geometry.amplifier(bits)
    shared: dict[tuple[int, int], int] = {}
    for array, column, number in zip(
        place.array.tolist(), place.column.tolist(), amplifier.tolist(), strict=True
    ):
        key = (array, column // geometry.columns_per_amplifier)
        assert shared.setdefault(key, number) == number
    assert len(set(shared.values())) == len(shared)


def test_interleaved_words_keep_their_bits_apart() -> None:
    geometry = ArrayGeometry(4, 32, 8)
    columns = geometry.locate(np.arange(8)).column
    assert np.diff(columns).tolist() == [geometry.words_per_row] * 7
    assert (
        np.diff(ArrayGeometry(4, 32, 8, interleaved=False).locate(np.arange(8)).column).tolist()
        == [1] * 7
    )


@pytest.mark.parametrize("wrong", [(0, 8, 8, 1), (4, 12, 8, 1), (4, 16, 8, 3)])
def test_a_geometry_that_does_not_divide_is_refused(wrong: tuple[int, int, int, int]) -> None:
    with pytest.raises(InputError, match=r"below 1|no multiple"):
        ArrayGeometry(*wrong)
