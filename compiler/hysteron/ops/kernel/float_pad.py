"""A constant border around a float map."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hysteron.ir.types import Array, TensorType
from hysteron.ops.kernel._base import (
    Example,
    KernelOp,
    Params,
    check_count,
    check_dtype,
    check_range,
    check_rank,
    check_shape,
)


@dataclass(frozen=True, slots=True)
class FloatPad(KernelOp):
    """y = x surrounded by rows and columns of one value.

    Inputs: x f32 (H,W,C), value f32 (1,). Output (H+top+bottom, W+left+right, C).
    """

    name: ClassVar[str] = "float_pad"
    CONSTANTS: ClassVar[tuple[int, int]] = (1, 1)
    SOURCES: ClassVar[tuple[str, ...]] = ("op_float_pad",)

    pad_top: int = 0
    pad_left: int = 0
    pad_bottom: int = 0
    pad_right: int = 0

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        """Return f32 of the enlarged map; raises ShapeError."""
        check_count(self, types, 2)
        x, value = types
        check_dtype(self, "x", x, "f32")
        check_rank(self, "x", x, 3)
        check_dtype(self, "value", value, "f32")
        check_shape(self, "value", value, (1,))
        for field in ("pad_top", "pad_left", "pad_bottom", "pad_right"):
            check_range(self, field, getattr(self, field), 0, 2**15)
        height, width, channels = x.shape
        shape = (
            height + self.pad_top + self.pad_bottom,
            width + self.pad_left + self.pad_right,
            channels,
        )
        return (TensorType("f32", shape),)

    def reference(self, *arrays: Array) -> tuple[Array, ...]:
        """Return the enlarged map; x (B,H,W,C)."""
        x, value = arrays
        border = (
            (0, 0),
            (self.pad_top, self.pad_bottom),
            (self.pad_left, self.pad_right),
            (0, 0),
        )
        single = x.astype(np.float32)
        return (np.pad(single, border, constant_values=np.float32(value[0])),)

    def params(self, *types: TensorType) -> Params:
        """Return the fields of hyst_float_pad_params."""
        height, width, channels = types[0].shape
        (out,) = self.infer(*types)
        return (
            ("in_h", height),
            ("in_w", width),
            ("channels", channels),
            ("pad_top", self.pad_top),
            ("pad_left", self.pad_left),
            ("out_h", out.shape[0]),
            ("out_w", out.shape[1]),
        )

    @classmethod
    def examples(cls) -> Iterator[Example]:
        """Yield no pad, one side and all sides, ragged channels."""
        value = TensorType("f32", (1,))
        for number, pads in enumerate(((0, 0, 0, 0), (1, 0, 0, 2), (2, 1, 3, 1))):
            yield cls(*pads), (TensorType("f32", (3, 4, (1, 3, 33)[number])), value)
