"""Activation buffers: exact both ways, little-endian, zero bits after the last."""

from __future__ import annotations

import numpy as np
import pytest
from hand_built import Builder
from hypothesis import given
from hypothesis import strategies as st

from hysteron.errors import InputError
from hysteron.image.buffers import buffer_bytes, content_bytes, pack_buffer, unpack_buffer
from hysteron.ir.types import DTYPES, TensorType
from hysteron.ops.kernel._base import packed_bytes


@given(
    st.sampled_from(DTYPES),
    st.lists(st.integers(1, 9), min_size=1, max_size=3).map(tuple),
    st.integers(0, 4),
)
def test_batches_survive_packing(dtype: str, shape: tuple[int, ...], count: int) -> None:
    type_ = TensorType(dtype, shape)
    batch = Builder(count).draw(type_, (count, *shape))
    packed = pack_buffer(batch, type_)
    assert packed.shape == (count, content_bytes(type_)) and buffer_bytes(type_) % 8 == 0
    assert content_bytes(type_) == packed_bytes(dtype, type_.size)
    np.testing.assert_array_equal(unpack_buffer(packed, type_), batch)


def test_bits_are_little_endian_with_zeros_after_the_last() -> None:
    packed = pack_buffer(np.array([[1, -1, 1] + [-1] * 6 + [1]]), TensorType("b1", (10,)))
    assert packed.tolist() == [[0b101, 0b10, 0, 0, 0, 0, 0, 0]]


def test_a_ternary_tensor_is_its_positive_then_its_negative_plane() -> None:
    packed = pack_buffer(np.array([[1, 0, -1]]), TensorType("t2", (3,)))
    assert packed.tolist() == [[0b001] + [0] * 7 + [0b100] + [0] * 7]
    both = np.full((1, 16), 0xFF, dtype=np.uint8)
    assert unpack_buffer(both, TensorType("t2", (3,))).tolist() == [[0, 0, 0]]


@pytest.mark.parametrize(
    ("dtype", "value"), [("b1", 0), ("t2", 2), ("u8", -1), ("i8", 128), ("i16", 0.5), ("f32", 0.1)]
)
def test_values_a_type_cannot_hold_exactly_are_refused(dtype: str, value: float) -> None:
    with pytest.raises(InputError, match=rf"input does not fit {dtype}\[1\]"):
        pack_buffer(np.array([[value]]), TensorType(dtype, (1,)))


def test_another_shape_is_refused() -> None:
    with pytest.raises(InputError, match=r"got \(2, 3\)"):
        pack_buffer(np.zeros((2, 3), dtype=np.uint8), TensorType("u8", (4,)))
