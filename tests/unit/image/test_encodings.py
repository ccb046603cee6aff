"""Encodings: exact round trips, cells that tile the bytes, padding that means nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hysteron.errors import InternalError, ShapeError
from hysteron.image.encodings import Encoding, encoding
from hysteron.ir.types import NUMPY, TensorType

Case = tuple[Encoding, TensorType]
_PLAIN = ("u8", "i8", "i16", "i32", "f32")


@st.composite
def cases(draw: st.DrawFn) -> Case:
    name = draw(st.sampled_from(("rows", "sliced", "bits", "plain")))
    groups = draw(st.integers(1, 3))
    rows = groups * draw(st.integers(1, 70))
    shape = (rows, *draw(st.lists(st.integers(1, 9), min_size=1, max_size=3)))
    dtype = draw(st.sampled_from(_PLAIN if name == "plain" else ("b1", "t2")))
    return encoding(name, groups), TensorType(dtype, shape)


def _random_bytes(case: Case, seed: int) -> bytes:
    code, type_ = case
    return np.random.default_rng(seed).bytes(code.nbytes(type_))


def _raw(code: Encoding, data: bytes, type_: TensorType) -> bytes:
    return code.load(data, type_).tobytes()


@given(cases(), st.integers(0, 2**32))
def test_values_survive_encoding(case: Case, seed: int) -> None:
    code, type_ = case
    array = code.decode(_random_bytes(case, seed), type_)
    assert array.shape == type_.shape and array.dtype == NUMPY[type_.dtype]
    again = code.decode(code.encode(array, type_), type_)
    np.testing.assert_array_equal(again, array)


@given(cases())
def test_cells_and_bits_are_a_bijection(case: Case) -> None:
    code, type_ = case
    cells = code.cells(type_)
    byte, bit = cells.locate(np.arange(cells.count))
    where = byte * 8 + bit
    assert where.shape == (cells.count, cells.planes)
    assert np.unique(where).size == where.size and 0 <= where.min()
    assert where.max() < 8 * code.nbytes(type_)
    cell, plane = cells.index(byte, bit)
    np.testing.assert_array_equal(cell, np.arange(cells.count)[:, None].repeat(cells.planes, 1))
    np.testing.assert_array_equal(plane[0], np.arange(cells.planes))
    every = np.arange(8 * code.nbytes(type_))
    owner, _ = cells.index(every // 8, every % 8)
    np.testing.assert_array_equal(np.flatnonzero(owner >= 0), np.sort(where.ravel()))


@given(cases(), st.integers(0, 2**32))
def test_a_flipped_bit_changes_its_own_cell_and_no_other(case: Case, seed: int) -> None:
    code, type_ = case
    rng = np.random.default_rng(seed)
    data = bytearray(_random_bytes(case, seed))
    before = code.load(bytes(data), type_)
    cells = code.cells(type_)
    cell, plane = int(rng.integers(cells.count)), int(rng.integers(cells.planes))
    byte, bit = cells.locate(cell)
    data[byte[plane]] ^= 1 << int(bit[plane])
    changed = before ^ code.load(bytes(data), type_)
    if type_.dtype in ("b1", "t2"):
        assert np.flatnonzero(changed).tolist() == [plane * type_.size + cell]
    else:
        width = 8 * changed.itemsize
        assert np.flatnonzero(changed).tolist() == [cell // width]
        assert int(changed.ravel()[cell // width]) == 1 << (cell % width)


@given(cases(), st.integers(0, 2**32))
def test_padding_means_nothing_and_is_written_as_zero(case: Case, seed: int) -> None:
    code, type_ = case
    data = np.frombuffer(_random_bytes(case, seed), dtype=np.uint8)
    bits = np.unpackbits(data, bitorder="little")
    every = np.arange(bits.size)
    padding = code.cells(type_).index(every // 8, every % 8)[0] < 0
    flipped = np.packbits(bits ^ padding, bitorder="little").tobytes()
    assert _raw(code, flipped, type_) == _raw(code, data.tobytes(), type_)
    stored = code.store(code.load(data.tobytes(), type_), type_)
    kept = np.unpackbits(np.frombuffer(stored, dtype=np.uint8), bitorder="little")
    np.testing.assert_array_equal(kept, np.where(padding, 0, bits))


def test_rows_are_flat_bits_padded_to_eight_bytes() -> None:
    weights = np.array([[1, -1, 1], [-1, -1, -1]], dtype=np.int8)
    data = encoding("rows").encode(weights, TensorType("b1", (2, 3)))
    assert data == bytes([0b101]) + bytes(7) + bytes(8)


def test_sliced_words_hold_one_weight_of_32_outputs_and_restart_at_groups() -> None:
    weights = np.full((4, 2), -1, dtype=np.int8)
    weights[1, 0] = weights[2, 1] = 1
    data = encoding("sliced", 2).encode(weights, TensorType("b1", (4, 2)))
    assert np.frombuffer(data, dtype="<u4").tolist() == [0b10, 0, 0, 0b01]


def test_ternary_planes_follow_each_other_and_both_set_reads_as_zero() -> None:
    type_, code = TensorType("t2", (1, 3)), encoding("rows")
    data = code.encode(np.array([[1, 0, -1]], dtype=np.int8), type_)
    assert data == bytes([0b001]) + bytes(7) + bytes([0b100]) + bytes(7)
    assert code.decode(b"\xff" * 16, type_).tolist() == [[0, 0, 0]]


def test_an_integer_that_does_not_fit_is_an_internal_error() -> None:
    with pytest.raises(InternalError, match="constant does not fit i16"):
        encoding("plain").encode(np.array([40000]), TensorType("i16", (1,)))


def test_a_section_of_another_length_is_refused() -> None:
    with pytest.raises(ShapeError, match="section has another length; got 3 B; wanted 8 B"):
        encoding("bits").decode(b"abc", TensorType("b1", (1, 3)))


def test_unknown_encodings_list_the_known_ones() -> None:
    with pytest.raises(InternalError, match="unknown encoding 'zip'; wanted rows, bits, plain"):
        encoding("zip")
