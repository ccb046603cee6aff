"""Sums over windows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hysteron.ir.types import Array, TensorType
from hysteron.ops.kernel._base import (
    DTYPE_CODES,
    INTEGERS,
    Example,
    KernelOp,
    Params,
    check_count,
    check_dtype,
    check_rank,
)
from hysteron.ops.kernel._window import output_size, pool_examples, pool_params, taps


@dataclass(frozen=True, slots=True)
class SumPool(KernelOp):
    """y = sum over the valid taps, i32; wraps modulo 2^32 (reachable only from i32 inputs).

    Inputs: x b1/t2/u8/i8/i16/i32 (H,W,C).
    """

    name: ClassVar[str] = "sum_pool"
    SOURCES: ClassVar[tuple[str, ...]] = ("op_sum_pool",)

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
        """Return i32 (OH, OW, C)."""
        check_count(self, types, 1)
        x = types[0]
        check_dtype(self, "x", x, *INTEGERS)
        check_rank(self, "x (H, W, C)", x, 3)
        size = output_size(self, x.shape[0], x.shape[1], self.kernel_h, self.kernel_w)
        return (TensorType("i32", (*size, x.shape[2])),)

    def reference(self, *arrays: Array) -> tuple[Array, ...]:
        """Return the sums; x (B,H,W,C)."""
        window = taps(self, arrays[0], self.kernel_h, self.kernel_w, 0)
        return (window.sum(axis=(3, 4), dtype=np.int64).astype(np.int32),)

    def params(self, *types: TensorType) -> Params:
        """Return the fields of hyst_sum_pool_params."""
        x = types[0]
        return (
            *pool_params(self, x, self.kernel_h, self.kernel_w),
            ("x_type", DTYPE_CODES[x.dtype]),
        )

    @classmethod
    def examples(cls) -> Iterator[Example]:
        """Yield windows, pads and every encoding."""
        for number, (shape, fields) in enumerate(pool_examples()):
            yield cls(**fields), (TensorType(INTEGERS[number % 6], shape),)
