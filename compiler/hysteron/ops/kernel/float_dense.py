"""Binary32 inputs times float, binary or ternary weights, one vector."""

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
    check_rank,
    check_shape,
)
from hysteron.ops.kernel._float import ordered_dot


@dataclass(frozen=True, slots=True)
class FloatDense(KernelOp):
    """y[o] = sum_k x[k] * w[o,k] in binary32, ascending k, each step rounded.

    Inputs: x f32 (K,), w f32/b1/t2 (N,K). Binary weights multiply by -1.0 or 1.0,
    ternary ones also by 0.0.
    """

    name: ClassVar[str] = "float_dense"
    CONSTANTS: ClassVar[tuple[int, int]] = (1, 1)
    SOURCES: ClassVar[tuple[str, ...]] = ("op_float_dense",)

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        """Return f32 (N,)."""
        check_count(self, types, 2)
        x, w = types
        check_dtype(self, "x", x, "f32")
        check_dtype(self, "w", w, "f32", "b1", "t2")
        check_rank(self, "x (K,)", x, 1)
        check_rank(self, "w (N, K)", w, 2)
        check_shape(self, "w (N, K)", w, (w.shape[0], x.shape[0]))
        return (TensorType("f32", (w.shape[0],)),)

    def reference(self, *arrays: Array) -> tuple[Array, ...]:
        """Return the product; x (B,K)."""
        x, w = arrays
        return (ordered_dot(x.astype(np.float32), w.astype(np.float32)),)

    def params(self, *types: TensorType) -> Params:
        """Return the fields of hyst_float_dense_params."""
        x, w = types
        return (("k", x.shape[0]), ("n", w.shape[0]), ("w_type", DTYPE_CODES[w.dtype]))

    def const_encodings(self, *types: TensorType) -> tuple[str, ...]:
        """Return plain for float weights, rows for packed ones."""
        return ("plain" if types[1].dtype == "f32" else "rows",)

    @classmethod
    def examples(cls) -> Iterator[Example]:
        """Yield ragged K and N with every weight encoding."""
        sizes = zip((1, 31, 32, 33, 65, 257), (3, 1, 8, 9, 64, 5), strict=True)
        for k, n in sizes:
            for w in ("f32", "b1", "t2"):
                yield cls(), (TensorType("f32", (k,)), TensorType(w, (n, k)))
