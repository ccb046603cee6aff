"""Clipping of binary32 to a range."""

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
    check_shape,
)
from hysteron.ops.kernel._float import canonical


@dataclass(frozen=True, slots=True)
class FloatClip(KernelOp):
    """y = x < lo ? lo : x, then y > hi ? hi : y; NaN passes.

    Inputs: x f32, lohi f32 (2,).
    """

    name: ClassVar[str] = "float_clip"
    CONSTANTS: ClassVar[tuple[int, int]] = (1, 1)
    SOURCES: ClassVar[tuple[str, ...]] = ("op_float_clip",)

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        """Return f32 of x's shape."""
        check_count(self, types, 2)
        check_dtype(self, "x", types[0], "f32")
        check_dtype(self, "lohi", types[1], "f32")
        check_shape(self, "lohi", types[1], (2,))
        return (types[0],)

    def reference(self, *arrays: Array) -> tuple[Array, ...]:
        """Return the clipped tensor; x (B,..)."""
        x, (low, high) = arrays[0].astype(np.float32), arrays[1]
        y = np.where(x < low, low, x)
        return (canonical(np.where(y > high, high, y)),)

    def params(self, *types: TensorType) -> Params:
        """Return the fields of hyst_float_clip_params."""
        return (("count", types[0].size),)

    @classmethod
    def examples(cls) -> Iterator[Example]:
        """Yield a few sizes."""
        for count in (1, 33, 257):
            yield cls(), (TensorType("f32", (count,)), TensorType("f32", (2,)))
