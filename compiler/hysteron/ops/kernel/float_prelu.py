"""Leaky rectifier with a slope per channel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hysteron.errors import ShapeError
from hysteron.ir.types import Array, TensorType
from hysteron.ops.kernel._base import Example, KernelOp, Params, check_count, check_dtype
from hysteron.ops.kernel._float import canonical


@dataclass(frozen=True, slots=True)
class FloatPrelu(KernelOp):
    """y = x < 0 ? x*slope[c] : x.

    Inputs: x f32 (..,C), slope f32 (C,) or (1,).
    """

    name: ClassVar[str] = "float_prelu"
    CONSTANTS: ClassVar[tuple[int, int]] = (1, 1)
    SOURCES: ClassVar[tuple[str, ...]] = ("op_float_prelu",)

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        """Return f32 of x's shape."""
        check_count(self, types, 2)
        x, slope = types
        check_dtype(self, "x", x, "f32")
        check_dtype(self, "slope", slope, "f32")
        if slope.shape not in (x.shape[-1:], (1,)):
            raise ShapeError(
                f"{self.name}: shape of slope", got=str(slope), wanted=f"{x.shape[-1:]} or (1,)"
            )
        return (x,)

    def reference(self, *arrays: Array) -> tuple[Array, ...]:
        """Return the rectified tensor; x (B,..,C)."""
        x, slope = (array.astype(np.float32) for array in arrays)
        with np.errstate(all="ignore"):
            return (canonical(np.where(x < 0, x * slope, x)),)

    def params(self, *types: TensorType) -> Params:
        """Return the fields of hyst_float_prelu_params."""
        return (("count", types[0].size), ("period", types[1].size))

    @classmethod
    def examples(cls) -> Iterator[Example]:
        """Yield per-channel and scalar slopes."""
        for shape in ((33,), (2, 3, 31)):
            for slope in (shape[-1:], (1,)):
                yield cls(), (TensorType("f32", shape), TensorType("f32", slope))
