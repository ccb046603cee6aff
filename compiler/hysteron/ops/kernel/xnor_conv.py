"""Binary or ternary convolution with binary or ternary weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hysteron.ir.types import Array, TensorType
from hysteron.ops.kernel._base import (
    BINARY_LAYOUT_CODES,
    BITS,
    DTYPE_CODES,
    I32_MAX,
    OUT_CODES,
    Example,
    KernelOp,
    Params,
    check_count,
    check_dtype,
    check_field,
    check_range,
)
from hysteron.ops.kernel._conv import (
    bit_scratch,
    conv_accumulate,
    conv_examples,
    conv_params,
    conv_taps,
    infer_conv,
)
from hysteron.ops.kernel._sliced import (
    LIST_SPAN,
    blocks_of,
    border_bytes,
    check_layout,
    counter_planes,
    list_scratch,
    shared_list_scratch,
    stored_layout,
    sums_bytes,
    sums_params,
)
from hysteron.ops.kernel._steps import apply_steps, infer_steps, step_types

LANES = 8  # HYST_TILE_LANES of xnor_tile.h
CACHE_LINE = 64


@dataclass(frozen=True, slots=True)
class XnorConv(KernelOp):
    """acc[y,x,o] = sum over taps of x * w, then thresholds; |acc| <= K = KH*KW*C/groups.

    Inputs: x b1/t2 (H,W,C), w b1/t2 (O,KH,KW,C/groups) [, t i16/i32 (P,F,O), inv b1 (P,O)].
    ``pad_value`` 0 leaves the taps outside the map out of the sum. ``tile`` is how many
    pixels are gathered at once: 1 needs least RAM, 64 is fastest on hosts with caches; with
    layout ``sliced`` it is how many share a list, best a whole row.
    """

    name: ClassVar[str] = "xnor_conv"
    CONSTANTS: ClassVar[tuple[int, int]] = (1, 3)
    OUTPUTS: ClassVar[tuple[int, int]] = (1, 2)
    SOURCES: ClassVar[tuple[str, ...]] = (
        "op_xnor_conv",
        "patch",
        "xnor_rows",
        "xnor_tile",
        "sliced_add",
        "sliced_list",
        "xnor_sliced",
        "xnor_sliced_conv",
        "sliced_steps",
        "sliced_border",
        "sliced_ct",
        "steps",
        "ge_bits",
    )
    SUMS: ClassVar[bool] = True

    stride_h: int = 1
    stride_w: int = 1
    pad_top: int = 0
    pad_left: int = 0
    pad_bottom: int = 0
    pad_right: int = 0
    pad_value: int = 0
    dilation_h: int = 1
    dilation_w: int = 1
    groups: int = 1
    out: str = "i32"
    flips: int = 1
    layout: str = "rows"
    tile: int = 1

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        """Return the accumulators or packed bits (OH, OW, O)."""
        check_count(self, types, 2, 4)
        x, w = types[:2]
        check_dtype(self, "x", x, *BITS)
        shape = infer_conv(self, self, x, w, BITS)
        check_layout(self, self.layout, x, w)
        check_field(self, "pad_value", self.pad_value, (-1, 0, 1))
        check_range(self, "tile", self.tile, 1, 64)
        limit = I32_MAX if self.layout == "rows" else 2**16 - 1
        check_range(self, "K", conv_taps(w), 1, limit)
        return infer_steps(self, self.out, self.flips, shape, types[2:])

    def reference(self, *arrays: Array) -> tuple[Array, ...]:
        """Return the exact convolution, thresholded; x (B,H,W,C)."""
        x, w = arrays[0].astype(np.int8), arrays[1].astype(np.int8)
        acc = conv_accumulate(self, x, w, int(np.prod(w.shape[1:])))
        return apply_steps(self.out, acc, arrays[2:])

    def params(self, *types: TensorType) -> Params:
        """Return the fields of hyst_xnor_conv_params."""
        x, w = types[:2]
        return (
            *conv_params(self, x, w),
            ("x_type", DTYPE_CODES[x.dtype]),
            ("w_type", DTYPE_CODES[w.dtype]),
            ("t_type", DTYPE_CODES[types[2].dtype if len(types) > 2 else "i32"]),
            ("out_kind", OUT_CODES[self.out]),
            ("flips", self.flips),
            ("layout", BINARY_LAYOUT_CODES[self.layout]),
            ("tile", self.tile),
        )

    def scratch_bytes(self, *types: TensorType) -> int:
        """Return the bytes of ``tile`` patches or, for sliced weights, of the index lists.

        From LANES pixels on, whole groups of LANES that start on a cache line, and one patch
        to gather into.
        """
        x, w = types[:2]
        if self.layout != "rows":
            return self._sliced_scratch(x, w)
        if self.tile < LANES:
            return bit_scratch(conv_taps(w), self.tile)
        return bit_scratch(conv_taps(w), -(-self.tile // LANES) * LANES + 1) + CACHE_LINE

    def _sliced_scratch(self, x: TensorType, w: TensorType) -> int:
        outputs, kernel_h, kernel_w, depth = w.shape
        blocks = blocks_of(outputs, self.groups) // self.groups
        planes = counter_planes(conv_taps(w))
        if self.layout == "sliced_ct":
            return bit_scratch(conv_taps(w), 1) // 2 + border_bytes(blocks, planes)
        columns = self.tile_columns(x, w)
        words = ((kernel_h - 1) * kernel_w + columns) * depth
        if x.dtype == w.dtype == "b1" and self.dilation_w == 1 and words <= LIST_SPAN:
            return shared_list_scratch(columns, depth, kernel_h, blocks, planes)
        return list_scratch(x, w, conv_taps(w), 1)

    def tile_columns(self, x: TensorType, w: TensorType) -> int:
        """Return the input columns under ``tile`` neighbouring pixels; with pads of 0 real ones."""
        _, out_w, _ = infer_conv(self, self, x, w, BITS)
        columns = (min(self.tile, out_w) - 1) * self.stride_w + w.shape[2]
        return min(columns, x.shape[1]) if self.pad_value == 0 else columns

    def sums_bytes(self, *types: TensorType) -> int:
        """Return the bytes of the threshold tables or sums of sliced weights, binary inputs."""
        return sums_bytes(self, types, self.groups)

    def sums_params(self, *types: TensorType) -> Params:
        """Return the integer arguments of hyst_sliced_sums."""
        return sums_params(self, types, self.groups)

    def const_encodings(self, *types: TensorType) -> tuple[str, ...]:
        """Return the weight layout, then plain thresholds and inversion bits."""
        return (stored_layout(self.layout), "plain", "bits")[: len(types) - 1]

    @classmethod
    def examples(cls) -> Iterator[Example]:
        """Yield every window case with output kinds, pads, layouts and ternary operands."""
        kinds = (("b1", 1), ("i32", 1), ("t2", 2), ("b1x2", 1), ("b1", 2), ("t2", 1))
        operands = (("b1", "b1"), ("t2", "b1"), ("b1", "t2"), ("t2", "t2"), ("b1", "b1"))
        number = 0
        for x_shape, w_shape, fields in conv_examples():
            for pad_value in (-1, 0, 1):
                for layout in BINARY_LAYOUT_CODES:
                    out, flips = kinds[number % len(kinds)]
                    x, w = operands[number % len(operands)]
                    tile = (1, 3, 8, 40)[number % 4]
                    number += 1
                    if layout == "sliced_ct":
                        x = w = "b1"
                    op = cls(
                        **fields,
                        pad_value=pad_value,
                        out=out,
                        flips=flips,
                        layout=layout,
                        tile=tile,
                    )
                    steps = step_types(out, flips, w_shape[0], ("i32", "i16")[number % 2])
                    yield op, (TensorType(x, x_shape), TensorType(w, w_shape), *steps)
