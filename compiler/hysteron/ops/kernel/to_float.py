"""Integers to binary32."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

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

_CONSTANTS: Final = (("scale", "f32"), ("zero", "i32"))


@dataclass(frozen=True, slots=True)
class ToFloat(KernelOp):
    """y = f32(num*n - zero_num) / f32(den), or f32(n - zero[c]) * scale[c] when scale is given.

    Inputs: x integer (..,C) [, scale f32 (C,) [, zero i32 (C,)]]. num*n - zero_num and
    n - zero are exact in 64 bits; without zero it is 0.
    """

    name: ClassVar[str] = "to_float"
    CONSTANTS: ClassVar[tuple[int, int]] = (0, 2)
    SOURCES: ClassVar[tuple[str, ...]] = ("op_to_float",)

    num: int = 1
    den: int = 1
    zero_num: int = 0

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        """Return f32 of x's shape."""
        check_count(self, types, 1, 2, 3)
        x = types[0]
        check_dtype(self, "x", x, *INTEGERS)
        for (name, dtype), constant in zip(_CONSTANTS, types[1:], strict=False):
            check_dtype(self, name, constant, dtype)
            check_shape(self, f"{name} (C,)", constant, x.shape[-1:])
        check_range(self, "num", self.num, -I32_MAX, I32_MAX)
        check_range(self, "zero_num", self.zero_num, -I32_MAX, I32_MAX)
        check_range(self, "den", self.den, 1, I32_MAX)
        return (TensorType("f32", x.shape),)

    def reference(self, *arrays: Array) -> tuple[Array, ...]:
        """Return the floats; x (B,..,C)."""
        n = arrays[0].astype(np.int64)
        with np.errstate(all="ignore"):
            if len(arrays) > 1:
                shifted = n - arrays[2].astype(np.int64) if len(arrays) > 2 else n
                scale = arrays[1].astype(np.float32)
                return (canonical(np.multiply(shifted.astype(np.float32), scale)),)
            exact = self.num * n - self.zero_num
            return (canonical(exact.astype(np.float32) / np.float32(self.den)),)

    def params(self, *types: TensorType) -> Params:
        """Return the fields of hyst_to_float_params."""
        x = types[0]
        return (
            ("count", x.size),
            ("channels", x.shape[-1]),
            ("x_type", DTYPE_CODES[x.dtype]),
            ("scaled", int(len(types) > 1)),
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
            scale, zero = TensorType("f32", shape[-1:]), TensorType("i32", shape[-1:])
            yield cls(), (TensorType(dtype, shape), scale)
            yield cls(), (TensorType(dtype, shape), scale, zero)
