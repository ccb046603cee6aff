"""What the three convolutions share: shape rule, patches, C parameters, buffers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from hysteron.errors import ShapeError
from hysteron.ir.op import Op
from hysteron.ir.types import LIMITS, TensorType
from hysteron.ops.kernel._base import (
    I32_MAX,
    IntArray,
    Params,
    check_dtype,
    check_range,
    check_rank,
    exact_matmul,
    row_words,
)
from hysteron.ops.kernel._window import Windowed, output_size, taps, window_params

#: Bytes of one gathered chunk of patches in a reference, to bound its memory.
CHUNK_BYTES = 64 << 20
#: Most blocks of 32 outputs that share the lists of an integer product: HYST_INT_BLOCKS.
INT_BLOCKS = 8


class ConvLike(Windowed, Protocol):
    """A windowed op with groups and a pad value."""

    @property
    def groups(self) -> int:
        """Number of channel groups."""

    @property
    def pad_value(self) -> int:
        """Value of the taps outside the map; 0 means that they do not count."""


def infer_conv(
    op: Op, conv: ConvLike, x: TensorType, w: TensorType, w_dtypes: Sequence[str]
) -> tuple[int, int, int]:
    """Return (OH, OW, O). Raises ShapeError when map, weights and groups disagree."""
    check_rank(op, "x (H, W, C)", x, 3)
    check_rank(op, "w (O, KH, KW, C/groups)", w, 4)
    check_dtype(op, "w", w, *w_dtypes)
    height, width, channels = x.shape
    outputs, kernel_h, kernel_w, depth = w.shape
    if conv.groups < 1 or channels != depth * conv.groups or outputs % conv.groups:
        raise ShapeError(
            f"{op.name}: groups={conv.groups} with x {x} and w {w}",
            wanted="C = groups * w.shape[3] and O a multiple of groups",
        )
    out_h, out_w = output_size(conv, height, width, kernel_h, kernel_w)
    check_range(op, "number of outputs", out_h * out_w * outputs, 1, I32_MAX)
    return out_h, out_w, outputs


def conv_params(conv: ConvLike, x: TensorType, w: TensorType) -> Params:
    """Return the geometry fields in C order."""
    height, width, channels = x.shape
    outputs, kernel_h, kernel_w, _ = w.shape
    out_h, out_w = output_size(conv, height, width, kernel_h, kernel_w)
    return (
        ("in_h", height),
        ("in_w", width),
        ("in_c", channels),
        ("out_h", out_h),
        ("out_w", out_w),
        ("out_c", outputs),
        ("kernel_h", kernel_h),
        ("kernel_w", kernel_w),
        *window_params(conv),
        ("pad_value", conv.pad_value),
        ("groups", conv.groups),
    )


def conv_taps(w: TensorType) -> int:
    """Return K, the number of weights of one output."""
    return w.shape[1] * w.shape[2] * w.shape[3]


def conv_accumulate(conv: ConvLike, x: IntArray, w: IntArray, bound: int) -> npt.NDArray[np.int32]:
    """Return the int32 accumulators (B, OH, OW, O); all partial sums are <= ``bound``."""
    outputs, kernel_h, kernel_w, depth = w.shape
    batch = x.shape[0]
    out_h, out_w = output_size(conv, x.shape[1], x.shape[2], kernel_h, kernel_w)
    k = kernel_h * kernel_w * depth
    per_group = outputs // conv.groups
    acc = np.empty((batch, out_h, out_w, outputs), dtype=np.int32)
    step = max(1, CHUNK_BYTES // (4 * out_h * out_w * k * conv.groups))
    for start in range(0, batch, step):
        patches = taps(conv, x[start : start + step], kernel_h, kernel_w, conv.pad_value)
        for group in range(conv.groups):
            outs = slice(group * per_group, (group + 1) * per_group)
            rows = patches[..., group * depth : (group + 1) * depth].reshape(-1, k)
            acc[start : start + step, :, :, outs] = exact_matmul(
                rows, w[outs].reshape(per_group, k), bound
            ).reshape(-1, out_h, out_w, per_group)
    return acc


def integer_bound(op: Op, k: int, dtype: str) -> int:
    """Return max |acc| = K * max |x| over the encoding. Raises ShapeError beyond int32."""
    bound = k * max(abs(limit) for limit in LIMITS[dtype])
    check_range(op, f"accumulator bound of {k} taps of {dtype}", bound, 0, I32_MAX)
    return bound


def bit_scratch(k: int, patches: int) -> int:
    """Return the scratch of a binary product of ``k`` taps: signs and mask of each patch."""
    return 16 * row_words(k) * patches


def sliced_blocks(layout: str, shared: int, outputs: int) -> int:
    """Return the blocks of 32 outputs of one group that share lists; 0 for ``rows``."""
    return min(shared, -(-outputs // 32)) if layout == "sliced" else 0


def integer_scratch(x: TensorType, k: int, blocks: int, *, gathered: bool) -> int:
    """Return the scratch of an integer product of ``k`` taps.

    Rows (no ``blocks``) need the elements once more as planes, ``sliced`` the sums of the
    blocks that share lists and a list of 16-bit indices; a gathered patch comes on top.
    """
    elements = 64 * row_words(k) * (2 if x.dtype == "i16" else 1)
    work = 4 * 32 * blocks + _aligned(2 * k) if blocks else elements
    return work + elements * gathered


def _aligned(size: int) -> int:
    return (size + 7) // 8 * 8


def conv_examples() -> Iterator[tuple[tuple[int, ...], tuple[int, ...], dict[str, int]]]:
    """Yield (x shape, w shape, fields): channels, filters, windows and groups.

    Ragged channel counts first, then strides, dilations, asymmetric pads and groups.
    """
    for channels, filters in ((1, 1), (3, 8), (8, 3), (31, 33), (32, 32), (33, 31), (64, 64)):
        yield (5, 4, channels), (filters, 3, 3, channels), {}
        pads = {"pad_top": 1, "pad_left": 1, "pad_bottom": 1, "pad_right": 1}
        yield (4, 5, channels), (filters, 3, 3, channels), pads
    yield (3, 3, 65), (128, 1, 1, 65), {}
    yield (3, 4, 128), (65, 3, 3, 128), {"pad_top": 1, "pad_right": 1}
    yield (7, 9, 8), (5, 3, 2, 8), {"stride_h": 2, "stride_w": 3, "pad_left": 2}
    yield (9, 8, 5), (4, 3, 3, 5), {"dilation_h": 2, "dilation_w": 3, "pad_bottom": 3}
    yield (9, 8, 64), (4, 2, 3, 64), {"dilation_w": 2, "pad_left": 2, "pad_right": 1}
    yield (1, 20, 3), (6, 1, 7, 3), {"stride_w": 2, "pad_left": 3, "pad_right": 3}
    yield (4, 4, 6), (9, 3, 3, 2), {"groups": 3, "pad_top": 1, "pad_left": 1}
    yield (4, 4, 64), (66, 3, 3, 32), {"groups": 2, "pad_bottom": 1, "pad_right": 1}
    yield (4, 4, 33), (33, 3, 3, 1), {"groups": 33, "pad_top": 1, "pad_right": 1}
    yield (3, 3, 4), (8, 2, 2, 1), {"groups": 4}
    yield (2, 2, 3), (4, 3, 3, 3), {"pad_top": 3, "pad_left": 2, "pad_bottom": 3, "pad_right": 4}
