"""Max- or min-pooling of integers."""

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
    check_field,
    check_rank,
)
from hysteron.ops.kernel._window import output_size, pool_examples, pool_params, taps


@dataclass(frozen=True, slots=True)
class MaxPoolInt(KernelOp):
    """y = max or min over the valid taps; a window without any gives the identity.

    Inputs: x u8/i8/i16/i32 (H,W,C). The identity is the smallest (max) or largest
    (min) value of the encoding.
    """

    name: ClassVar[str] = "max_pool_int"
    SOURCES: ClassVar[tuple[str, ...]] = ("op_max_pool_int",)

    kind: str = "max"
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
        """Return x's encoding with shape (OH, OW, C)."""
        check_count(self, types, 1)
        x = types[0]
        check_dtype(self, "x", x, "u8", "i8", "i16", "i32")
        check_rank(self, "x (H, W, C)", x, 3)
        check_field(self, "kind", self.kind, ("max", "min"))
        size = output_size(self, x.shape[0], x.shape[1], self.kernel_h, self.kernel_w)
        return (TensorType(x.dtype, (*size, x.shape[2])),)

    def reference(self, *arrays: Array) -> tuple[Array, ...]:
        """Return the pooled map; x (B,H,W,C)."""
        x = arrays[0]
        limits = np.iinfo(x.dtype)  # type: ignore[type-var]
        identity = limits.min if self.kind == "max" else limits.max
        window = taps(self, x, self.kernel_h, self.kernel_w, identity)
        pooled = window.max(axis=(3, 4)) if self.kind == "max" else window.min(axis=(3, 4))
        return (pooled,)

    def params(self, *types: TensorType) -> Params:
        """Return the fields of hyst_max_pool_int_params."""
        x = types[0]
        return (
            *pool_params(self, x, self.kernel_h, self.kernel_w),
            ("x_type", DTYPE_CODES[x.dtype]),
            ("minimum", int(self.kind == "min")),
        )

    @classmethod
    def examples(cls) -> Iterator[Example]:
        """Yield windows, pads and encodings, max and min."""
        dtypes = ("u8", "i8", "i16", "i32")
        for number, (shape, fields) in enumerate(pool_examples()):
            kind = ("max", "min")[number % 3 == 2]
            yield cls(kind=kind, **fields), (TensorType(dtypes[number % 4], shape),)
