"""Pooling of binary32 maps."""

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
    check_field,
    check_rank,
)
from hysteron.ops.kernel._float import canonical
from hysteron.ops.kernel._window import output_size, pool_examples, pool_params, taps

KINDS = ("max", "sum", "mean")


@dataclass(frozen=True, slots=True)
class FloatPool(KernelOp):
    """y = max, sum or mean over the valid taps of a window, binary32.

    Sums run over ascending (kh, kw) with one accumulator; mean divides once by the
    number of valid taps. max starts at -inf and moves to a strictly larger tap, so NaN
    never wins. A window without taps gives -inf, 0 or NaN. Inputs: x f32 (H,W,C).
    """

    name: ClassVar[str] = "float_pool"
    SOURCES: ClassVar[tuple[str, ...]] = ("op_float_pool",)

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
        """Return f32 (OH, OW, C)."""
        check_count(self, types, 1)
        x = types[0]
        check_dtype(self, "x", x, "f32")
        check_rank(self, "x (H, W, C)", x, 3)
        check_field(self, "kind", self.kind, KINDS)
        size = output_size(self, x.shape[0], x.shape[1], self.kernel_h, self.kernel_w)
        return (TensorType("f32", (*size, x.shape[2])),)

    def reference(self, *arrays: Array) -> tuple[Array, ...]:
        """Return the pooled map; x (B,H,W,C)."""
        x = arrays[0].astype(np.float32)
        window = taps(self, x, self.kernel_h, self.kernel_w, 0)
        inside = taps(self, np.ones(x.shape, dtype=np.bool_), self.kernel_h, self.kernel_w, False)
        shape = (*window.shape[:3], -1, x.shape[3])
        window, inside = window.reshape(shape), inside.reshape(shape)
        start = -np.inf if self.kind == "max" else 0.0
        acc = np.full(window[..., 0, :].shape, start, dtype=np.float32)
        with np.errstate(all="ignore"):
            for tap in range(window.shape[3]):
                value = window[..., tap, :]
                moved = np.where(value > acc, value, acc) if self.kind == "max" else acc + value
                acc = np.where(inside[..., tap, :], moved, acc)
            if self.kind == "mean":
                acc = acc / inside.sum(axis=3).astype(np.float32)
        return (canonical(acc),)

    def params(self, *types: TensorType) -> Params:
        """Return the fields of hyst_float_pool_params."""
        return (
            *pool_params(self, types[0], self.kernel_h, self.kernel_w),
            ("kind", KINDS.index(self.kind)),
        )

    @classmethod
    def examples(cls) -> Iterator[Example]:
        """Yield windows and pads with the three kinds in turn."""
        for number, (shape, fields) in enumerate(pool_examples()):
            yield cls(kind=KINDS[number % 3], **fields), (TensorType("f32", shape),)
