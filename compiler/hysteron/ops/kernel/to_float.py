"""Integers to binary32."""

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
from hysteron.ops.kernel._float import canonical


@dataclass(frozen=True, slots=True)
class ToFloat(KernelOp):
    """y = f32(num*n - zero_num) / f32(den), or f32(n) * scale[c] when scale is given.

    Inputs: x integer (..,C) [, scale f32 (C,)]. num*n - zero_num is exact in 64 bits.
    """

    name: ClassVar[str] = "to_float"
    CONSTANTS: ClassVar[tuple[int, int]] = (0, 1)
    SOURCES: ClassVar[tuple[str, ...]] = ("op_to_float",)

    num: int = 1
    den: int = 1
    zero_num: int = 0

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        """Return f32 of x's shape."""
        check_count(self, types, 1, 2)
        x = types[0]
        check_dtype(self, "x", x, *INTEGERS)
        if len(types) == 2:
            check_dtype(self, "scale", types[1], "f32")
            check_shape(self, "scale (C,)", types[1], x.shape[-1:])
        check_range(self, "num", self.num, -I32_MAX, I32_MAX)
        check_range(self, "zero_num", self.zero_num, -I32_MAX, I32_MAX)
        check_range(self, "den", self.den, 1, I32_MAX)
        return (TensorType("f32", x.shape),)

    def reference(self, *arrays: Array) -> tuple[Array, ...]:
        """Return the floats; x (B,..,C)."""
        n = arrays[0].astype(np.int64)
        with np.errstate(all="ignore"):
            if len(arrays) == 2:
                return (canonical(np.multiply(n.astype(np.float32), arrays[1].astype(np.float32))),)
            exact = self.num * n - self.zero_num
            return (canonical(exact.astype(np.float32) / np.float32(self.den)),)

    def params(self, *types: TensorType) -> Params:
        """Return the fields of hyst_to_float_params."""
        x = types[0]
        return (
            ("count", x.size),
            ("channels", x.shape[-1]),
            ("x_type", DTYPE_CODES[x.dtype]),
            ("scaled", int(len(types) == 2)),
            ("num", self.num),
            ("den", self.den),
            ("zero_num", self.zero_num),
        )

    @classmethod
    def examples(cls) -> Iterator[Example]:
        """Yield every encoding, rational and per-channel scales."""
        for number, dtype in enumerate(INTEGERS):
            shape = ((33,), (2, 3, 31))[number % 2]
            yield cls(num=2, den=255, zero_num=(0, 255)[number % 2]), (TensorType(dtype, shape),)
            yield cls(num=2**31 - 1, den=2**31 - 1, zero_num=7), (TensorType(dtype, shape),)
            yield cls(), (TensorType(dtype, shape), TensorType("f32", shape[-1:]))
