"""Convolution of binary32 maps with float, binary or ternary weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hysteron.ir.types import Array, TensorType
from hysteron.ops.kernel._base import (
    DTYPE_CODES,
    Example,
    KernelOp,
    Params,
    check_count,
    check_dtype,
    check_range,
)
from hysteron.ops.kernel._conv import conv_examples, conv_params, infer_conv
from hysteron.ops.kernel._float import ordered_dot
from hysteron.ops.kernel._window import output_size, taps


@dataclass(frozen=True, slots=True)
class FloatConv(KernelOp):
    """y[y,x,o] = sum over taps of x * w in binary32, ascending (kh, kw, c), each step rounded.

    Inputs: x f32 (H,W,C), w f32/b1/t2 (O,KH,KW,C/groups). With ``pad_value`` 0 the
    taps outside the map are skipped; any other integer is multiplied as a float.
    """

    name: ClassVar[str] = "float_conv"
    CONSTANTS: ClassVar[tuple[int, int]] = (1, 1)
    SOURCES: ClassVar[tuple[str, ...]] = ("op_float_conv",)

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

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        """Return f32 (OH, OW, O)."""
        check_count(self, types, 2)
        x, w = types
        check_dtype(self, "x", x, "f32")
        check_range(self, "pad_value", self.pad_value, -(2**24), 2**24)
        return (TensorType("f32", infer_conv(self, self, x, w, ("f32", "b1", "t2"))),)

    def reference(self, *arrays: Array) -> tuple[Array, ...]:
        """Return the map; x (B,H,W,C)."""
        x, w = arrays[0].astype(np.float32), arrays[1].astype(np.float32)
        outputs, kernel_h, kernel_w, depth = w.shape
        k, per_group = kernel_h * kernel_w * depth, outputs // self.groups
        size = output_size(self, x.shape[1], x.shape[2], kernel_h, kernel_w)
        patches = taps(self, x, kernel_h, kernel_w, self.pad_value)
        inside = taps(self, np.ones(x.shape, dtype=np.bool_), kernel_h, kernel_w, self.pad_value)
        y = np.empty((x.shape[0], *size, outputs), dtype=np.float32)
        for group in range(self.groups):
            outs = slice(group * per_group, (group + 1) * per_group)
            channels = slice(group * depth, (group + 1) * depth)
            y[..., outs] = ordered_dot(
                patches[..., channels].reshape(-1, k),
                w[outs].reshape(per_group, k),
                inside[..., channels].reshape(-1, k),
            ).reshape(x.shape[0], *size, per_group)
        return (y,)

    def params(self, *types: TensorType) -> Params:
        """Return the fields of hyst_float_conv_params."""
        return (*conv_params(self, *types), ("w_type", DTYPE_CODES[types[1].dtype]))

    def const_encodings(self, *types: TensorType) -> tuple[str, ...]:
        """Return plain for float weights, rows for packed ones."""
        return ("plain" if types[1].dtype == "f32" else "rows",)

    @classmethod
    def examples(cls) -> Iterator[Example]:
        """Yield every window case with the weight encodings in turn."""
        for number, (x_shape, w_shape, fields) in enumerate(conv_examples()):
            dtype = ("f32", "b1", "t2")[number % 3]
            op = cls(**fields, pad_value=(0, 1, -1)[number // 2 % 3])
            yield op, (TensorType("f32", x_shape), TensorType(dtype, w_shape))
