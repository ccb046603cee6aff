"""Fixed-point output head: piecewise linear per class, summed over positions."""

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
    check_range,
    check_rank,
    check_shape,
)


@dataclass(frozen=True, slots=True)
class FixedHead(KernelOp):
    """out[c] = (sum_s (m[g,c]*n + d[g,c]*2^dshift) + 2^(shift-1)) >> shift, saturated to i32.

    n = x[s,c] and g is the number of breaks[:,c] <= n. The sum wraps modulo 2^64;
    the rounding term is left out for shift 0; >> rounds towards minus infinity.
    Inputs: x integer (S,C), m i32 (G,C), d i32 (G,C), breaks i32 (G-1,C).
    """

    name: ClassVar[str] = "fixed_head"
    CONSTANTS: ClassVar[tuple[int, int]] = (3, 3)
    SOURCES: ClassVar[tuple[str, ...]] = ("op_fixed_head",)

    shift: int = 0
    dshift: int = 0

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        """Return i32 (C,)."""
        check_count(self, types, 4)
        x, m, d, breaks = types
        check_dtype(self, "x", x, *INTEGERS)
        check_rank(self, "x (S, C)", x, 2)
        check_rank(self, "m (G, C)", m, 2)
        pieces, classes = m.shape[0], x.shape[1]
        for label, given, rows in (
            ("m", m, pieces),
            ("d", d, pieces),
            ("breaks", breaks, pieces - 1),
        ):
            check_dtype(self, label, given, "i32")
            check_shape(self, label, given, (rows, classes))
        check_range(self, "shift", self.shift, 0, 62)
        check_range(self, "dshift", self.dshift, 0, 62)
        return (TensorType("i32", (classes,)),)

    def reference(self, *arrays: Array) -> tuple[Array, ...]:
        """Return the head; x (B,S,C)."""
        x, m, d, breaks = (array.astype(np.int64) for array in arrays)
        piece = (x[:, :, None, :] >= breaks).sum(axis=2)
        column = np.arange(x.shape[2])
        with np.errstate(over="ignore"):
            terms = m[piece, column] * x + np.left_shift(d, self.dshift)[piece, column]
            total = terms.sum(axis=1)
            if self.shift:
                total = total + np.int64(1 << (self.shift - 1))
        scaled = np.right_shift(total, self.shift)
        limits = np.iinfo(np.int32)
        return (np.clip(scaled, limits.min, limits.max).astype(np.int32),)

    def params(self, *types: TensorType) -> Params:
        """Return the fields of hyst_fixed_head_params."""
        x, m = types[:2]
        return (
            ("positions", x.shape[0]),
            ("classes", x.shape[1]),
            ("pieces", m.shape[0]),
            ("x_type", DTYPE_CODES[x.dtype]),
            ("shift", self.shift),
            ("dshift", self.dshift),
        )

    @classmethod
    def examples(cls) -> Iterator[Example]:
        """Yield every encoding, one to three pieces, shifts up to the limits."""
        shifts = ((0, 0), (16, 8), (1, 0), (31, 31), (62, 40), (8, 62))
        for number, dtype in enumerate(INTEGERS):
            shift, dshift = shifts[number]
            for pieces, positions, classes in ((1, 1, 10), (2, 4, 33), (3, 5, 7)):
                table = TensorType("i32", (pieces, classes))
                yield (
                    cls(shift=shift, dshift=dshift),
                    (
                        TensorType(dtype, (positions, classes)),
                        table,
                        table,
                        TensorType("i32", (pieces - 1, classes)),
                    ),
                )
