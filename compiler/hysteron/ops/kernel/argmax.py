"""Index of the largest element."""

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


@dataclass(frozen=True, slots=True)
class Argmax(KernelOp):
    """y = lowest index of the largest element.

    Inputs: x integer or f32 (C,); output i32 (1,). Scans upwards and moves only to
    a strictly larger element, so a NaN is never chosen unless it comes first.
    """

    name: ClassVar[str] = "argmax"
    SOURCES: ClassVar[tuple[str, ...]] = ("op_argmax",)

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        """Return i32 (1,)."""
        check_count(self, types, 1)
        check_dtype(self, "x", types[0], *INTEGERS, "f32")
        check_rank(self, "x (C,)", types[0], 1)
        return (TensorType("i32", (1,)),)

    def reference(self, *arrays: Array) -> tuple[Array, ...]:
        """Return the index; x (B,C)."""
        x = arrays[0]
        ranked = np.where(np.isnan(x), -np.inf, x.astype(np.float64))
        ranked[:, 0] = np.where(np.isnan(x[:, 0]), np.inf, ranked[:, 0])
        return (ranked.argmax(axis=1).astype(np.int32)[:, None],)

    def params(self, *types: TensorType) -> Params:
        """Return the fields of hyst_argmax_params."""
        return (("count", types[0].size), ("x_type", DTYPE_CODES[types[0].dtype]))

    @classmethod
    def examples(cls) -> Iterator[Example]:
        """Yield every encoding over ragged sizes."""
        for number, count in enumerate((1, 2, 3, 10, 31, 32, 33, 64, 65, 1000)):
            for dtype in ("i32", "f32", (*INTEGERS,)[number % 5]):
                yield cls(), (TensorType(dtype, (count,)),)
