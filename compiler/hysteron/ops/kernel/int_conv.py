"""Convolution of integer maps with binary or ternary weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hysteron.ir.types import LIMITS, Array, TensorType
from hysteron.ops.kernel._base import (
    BITS,
    DTYPE_CODES,
    I32_MAX,
    LAYOUT_CODES,
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
    INT_BLOCKS,
    conv_accumulate,
    conv_examples,
    conv_params,
    conv_taps,
    infer_conv,
    integer_bound,
    integer_scratch,
    sliced_blocks,
)
from hysteron.ops.kernel._steps import apply_steps, infer_steps, step_types

LANES = 16  # HYST_INT_LANES of int_tile.h
TILE_MOST = 256  # HYST_INT_TILE_MOST


@dataclass(frozen=True, slots=True)
class IntConv(KernelOp):
    """acc[y,x,o] = sum over taps of x * w with integer x; |acc| <= K * max|x|.

    Inputs: x u8/i8/i16 (H,W,C), w b1/t2 (O,KH,KW,C/groups) [, t i16/i32 (P,F,O), inv b1 (P,O)].
    ``pad_value`` is any value of x's type.
    """

    name: ClassVar[str] = "int_conv"
    CONSTANTS: ClassVar[tuple[int, int]] = (1, 3)
    OUTPUTS: ClassVar[tuple[int, int]] = (1, 2)
    SOURCES: ClassVar[tuple[str, ...]] = (
        "op_int_conv",
        "patch",
        "int_rows",
        "int_sliced",
        "int_tile",
        "sliced_add",
        "sliced_list",
        "xnor_sliced",
        "steps",
        "ge_bits",
    )

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
    shared: int = INT_BLOCKS

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        """Return the accumulators or packed bits (OH, OW, O)."""
        check_count(self, types, 2, 4)
        x, w = types[:2]
        check_dtype(self, "x", x, "u8", "i8", "i16")
        shape = infer_conv(self, self, x, w, BITS)
        check_field(self, "layout", self.layout, tuple(LAYOUT_CODES))
        check_range(self, "shared", self.shared, 1, INT_BLOCKS)
        check_range(self, "tile", self.tile, 1, 64)
        check_range(self, "pad_value", self.pad_value, *LIMITS[x.dtype])
        limit = 2**16 - 1 if self.layout == "sliced" else I32_MAX
        check_range(self, "K", conv_taps(w), 1, limit)
        integer_bound(self, conv_taps(w), x.dtype)
        return infer_steps(self, self.out, self.flips, shape, types[2:])

    def reference(self, *arrays: Array) -> tuple[Array, ...]:
        """Return the exact convolution, thresholded; x (B,H,W,C)."""
        x, w = arrays[:2]
        limits = np.iinfo(x.dtype)  # type: ignore[type-var]
        bound = int(np.prod(w.shape[1:])) * max(abs(limits.min), limits.max)
        return apply_steps(self.out, conv_accumulate(self, x, w, bound), arrays[2:])

    def params(self, *types: TensorType) -> Params:
        """Return the fields of hyst_int_conv_params."""
        x, w = types[:2]
        return (
            *conv_params(self, x, w),
            ("x_type", DTYPE_CODES[x.dtype]),
            ("w_type", DTYPE_CODES[w.dtype]),
            ("t_type", DTYPE_CODES[types[2].dtype if len(types) > 2 else "i32"]),
            ("out_kind", OUT_CODES[self.out]),
            ("flips", self.flips),
            ("layout", LAYOUT_CODES[self.layout]),
            ("tile", self.tile),
            ("shared", self.shared),
        )

    def scratch_bytes(self, *types: TensorType) -> int:
        """Return the bytes of a gathered patch, its planes and the index list.

        From LANES pixels on also whole groups of LANES, 16 bits per element, and 32 rows of
        weights with a correction each (int_tile.h), unless the taps are too many for it.
        """
        k = conv_taps(types[1])
        blocks = sliced_blocks(self.layout, self.shared, types[1].shape[0] // self.groups)
        single = integer_scratch(types[0], k, blocks, gathered=True)
        if self.tile < LANES or k > TILE_MOST:
            return single
        lanes = -(-self.tile // LANES) * LANES
        return single + (-(-k // 8) * 8) * (2 * lanes + 8 * 32) + 4 * 32

    def const_encodings(self, *types: TensorType) -> tuple[str, ...]:
        """Return the weight layout, then plain thresholds and inversion bits."""
        return (self.layout, "plain", "bits")[: len(types) - 1]

    @classmethod
    def examples(cls) -> Iterator[Example]:
        """Yield every window case with encodings, pad values and layouts."""
        kinds = (("b1", 1), ("i32", 1), ("t2", 2), ("b1x2", 1), ("b1", 2))
        operands = (("u8", "b1"), ("i8", "b1"), ("i16", "b1"), ("u8", "t2"))
        number = 0
        for x_shape, w_shape, fields in conv_examples():
            for layout in LAYOUT_CODES:
                for pad_value in (0, 100):
                    out, flips = kinds[number % len(kinds)]
                    x, w = operands[number // 3 % len(operands)]
                    tile = (1, 64, 16)[number % 3]
                    number += 1
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
