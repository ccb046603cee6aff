"""Max-pooling on bits."""

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
    check_rank,
    check_shape,
)
from hysteron.ops.kernel._window import output_size, pool_examples, pool_params, taps


@dataclass(frozen=True, slots=True)
class BitPool(KernelOp):
    """y = XOR over planes of (OR over the window), XOR inv[c]; pads are 0 bits (OR's identity).

    Inputs: one or two b1 (H,W,C), inv b1 (C,). An AND over the window is an OR of
    inverted bits with inv set.
    """

    name: ClassVar[str] = "bit_pool"
    ACTIVATIONS: ClassVar[tuple[int, int]] = (1, 2)
    CONSTANTS: ClassVar[tuple[int, int]] = (1, 1)
    SOURCES: ClassVar[tuple[str, ...]] = ("op_bit_pool",)

    kernel_h: int = 1
    kernel_w: int = 1
    stride_h: int = 1
    stride_w: int = 1
    pad_top: int = 0
    pad_left: int = 0
    pad_bottom: int = 0
    pad_right: int = 0
    dilation_h: int = 1
    dilation_w: int = 1

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        """Return b1 (OH, OW, C)."""
        check_count(self, types, 2, 3)
        x, inv = types[0], types[-1]
        check_dtype(self, "x", x, "b1")
        check_rank(self, "x (H, W, C)", x, 3)
        if len(types) == 3:
            check_dtype(self, "second plane", types[1], "b1")
            check_shape(self, "second plane", types[1], x.shape)
        check_dtype(self, "inv", inv, "b1")
        check_shape(self, "inv (C,)", inv, x.shape[2:])
        size = output_size(self, x.shape[0], x.shape[1], self.kernel_h, self.kernel_w)
        return (TensorType("b1", (*size, x.shape[2])),)

    def reference(self, *arrays: Array) -> tuple[Array, ...]:
        """Return the pooled bits; planes (B,H,W,C)."""
        *planes, inv = arrays
        bit = inv.astype(np.int8) > 0
        for plane in planes:
            window = taps(self, plane.astype(np.int8) > 0, self.kernel_h, self.kernel_w, False)
            bit = bit ^ window.any(axis=(3, 4))
        return (np.where(bit, 1, -1).astype(np.int8),)

    def params(self, *types: TensorType) -> Params:
        """Return the fields of hyst_bit_pool_params."""
        return pool_params(self, types[0], self.kernel_h, self.kernel_w)

    def activation_count(self, *types: TensorType) -> int:
        """Return 1 or 2 planes."""
        return len(types) - 1

    def const_encodings(self, *types: TensorType) -> tuple[str, ...]:
        """Return the inversion bits."""
        return ("bits",)

    @classmethod
    def examples(cls) -> Iterator[Example]:
        """Yield windows, pads and ragged channels with one and two planes."""
        for number, (shape, fields) in enumerate(pool_examples()):
            planes = (TensorType("b1", shape),) * (1 + number % 2)
            yield cls(**fields), (*planes, TensorType("b1", shape[2:]))
