"""Weighted sum of two integer tensors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hysteron.ir.types import Array, TensorType
from hysteron.ops.kernel._base import (
    DTYPE_CODES,
    I32_MAX,
    INTEGERS,
    Example,
    KernelOp,
    Params,
    check_count,
    check_dtype,
    check_range,
    check_shape,
)


@dataclass(frozen=True, slots=True)
class IntAdd(KernelOp):
    """y = p*a + q*b, i32; wraps modulo 2^32: whoever builds it proves the range.

    Inputs: a, b any integer encodings of the same shape.
    """

    name: ClassVar[str] = "int_add"
    ACTIVATIONS: ClassVar[tuple[int, int]] = (2, 2)
    SOURCES: ClassVar[tuple[str, ...]] = ("op_int_add",)

    p: int = 1
    q: int = 1

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        """Return i32 of the common shape."""
        check_count(self, types, 2)
        a, b = types
        check_dtype(self, "a", a, *INTEGERS)
        check_dtype(self, "b", b, *INTEGERS)
        check_shape(self, "b", b, a.shape)
        check_range(self, "p", self.p, -I32_MAX, I32_MAX)
        check_range(self, "q", self.q, -I32_MAX, I32_MAX)
        return (TensorType("i32", a.shape),)

    def reference(self, *arrays: Array) -> tuple[Array, ...]:
        """Return the weighted sum modulo 2^32."""
        a, b = (array.astype(np.int64) for array in arrays)
        with np.errstate(over="ignore"):
            return ((self.p * a + self.q * b).astype(np.int32),)

    def params(self, *types: TensorType) -> Params:
        """Return the fields of hyst_int_add_params."""
        a, b = types
        return (
            ("count", a.size),
            ("a_type", DTYPE_CODES[a.dtype]),
            ("b_type", DTYPE_CODES[b.dtype]),
            ("p", self.p),
            ("q", self.q),
        )

    @classmethod
    def examples(cls) -> Iterator[Example]:
        """Yield every pair of encodings over ragged sizes."""
        sizes = (1, 3, 31, 32, 33, 64, 65, 128, 257)
        number = 0
        for a in INTEGERS:
            for b in INTEGERS:
                shape = (sizes[number % len(sizes)],)
                number += 1
                op = cls(p=(1, 3, -7)[number % 3], q=(1, -2, 2**31 - 1)[number % 3])
                yield op, (TensorType(a, shape), TensorType(b, shape))
