"""32-bit integers to 16 bits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hysteron.ir.types import Array, TensorType
from hysteron.ops.kernel._base import Example, KernelOp, Params, check_count, check_dtype


@dataclass(frozen=True, slots=True)
class Narrow(KernelOp):
    """y = x as i16, saturating: whoever builds it proves that x fits for every image.

    Inputs: x i32 of any shape.
    """

    name: ClassVar[str] = "narrow"
    SOURCES: ClassVar[tuple[str, ...]] = ("op_narrow",)

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        """Return i16 of x's shape."""
        check_count(self, types, 1)
        check_dtype(self, "x", types[0], "i32")
        return (TensorType("i16", types[0].shape),)

    def reference(self, *arrays: Array) -> tuple[Array, ...]:
        """Return the clipped integers; x (B, ..)."""
        return (np.clip(arrays[0].astype(np.int64), -(2**15), 2**15 - 1).astype(np.int16),)

    def params(self, *types: TensorType) -> Params:
        """Return the fields of hyst_narrow_params."""
        return (("count", types[0].size),)

    @classmethod
    def examples(cls) -> Iterator[Example]:
        """Yield ragged sizes and shapes."""
        for shape in ((1,), (31,), (2, 3, 33)):
            yield cls(), (TensorType("i32", shape),)
