"""Integer inputs times binary or ternary weights, one vector."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hysteron.ir.types import Array, TensorType
from hysteron.ops.kernel._base import (
    BITS,
    DTYPE_CODES,
    I32_MAX,
    LAYOUT_CODES,
    OUT_CODES,
    Example,
    KernelOp,
    Params,
    check_count,
    check_dtype,
    check_field,
    check_range,
    check_rank,
    check_shape,
    exact_matmul,
)
from hysteron.ops.kernel._conv import INT_BLOCKS, integer_bound, integer_scratch, sliced_blocks
from hysteron.ops.kernel._steps import apply_steps, infer_steps, step_types


@dataclass(frozen=True, slots=True)
class IntDense(KernelOp):
    """acc[o] = sum_k x[k] * w[o,k] with integer x, then thresholds; |acc| <= K * max|x|.

    Inputs: x u8/i8/i16 (K,), w b1/t2 (N,K) [, t i16/i32 (P,F,N), inv b1 (P,N)].
    """

    name: ClassVar[str] = "int_dense"
    CONSTANTS: ClassVar[tuple[int, int]] = (1, 3)
    OUTPUTS: ClassVar[tuple[int, int]] = (1, 2)
    SOURCES: ClassVar[tuple[str, ...]] = (
        "op_int_dense",
        "int_rows",
        "int_sliced",
        "sliced_add",
        "sliced_list",
        "xnor_sliced",
        "steps",
        "ge_bits",
    )

    out: str = "i32"
    flips: int = 1
    layout: str = "rows"
    shared: int = INT_BLOCKS

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        """Return the accumulators or packed bits, one per row of w."""
        check_count(self, types, 2, 4)
        x, w = types[:2]
        check_dtype(self, "x", x, "u8", "i8", "i16")
        check_dtype(self, "w", w, *BITS)
        check_rank(self, "x (K,)", x, 1)
        check_rank(self, "w (N, K)", w, 2)
        check_shape(self, "w (N, K)", w, (w.shape[0], x.shape[0]))
        check_field(self, "layout", self.layout, tuple(LAYOUT_CODES))
        check_range(self, "shared", self.shared, 1, INT_BLOCKS)
        limit = 2**16 - 1 if self.layout == "sliced" else I32_MAX
        check_range(self, "K", x.shape[0], 1, limit)
        integer_bound(self, x.shape[0], x.dtype)
        return infer_steps(self, self.out, self.flips, (w.shape[0],), types[2:])

    def reference(self, *arrays: Array) -> tuple[Array, ...]:
        """Return the exact product, thresholded; x (B,K)."""
        x, w = arrays[:2]
        limits = np.iinfo(x.dtype)  # type: ignore[type-var]
        bound = x.shape[1] * max(abs(limits.min), limits.max)
        return apply_steps(self.out, exact_matmul(x, w, bound), arrays[2:])

    def params(self, *types: TensorType) -> Params:
        """Return the fields of hyst_int_dense_params."""
        x, w = types[:2]
        return (
            ("k", x.shape[0]),
            ("n", w.shape[0]),
            ("x_type", DTYPE_CODES[x.dtype]),
            ("w_type", DTYPE_CODES[w.dtype]),
            ("t_type", DTYPE_CODES[types[2].dtype if len(types) > 2 else "i32"]),
            ("out_kind", OUT_CODES[self.out]),
            ("flips", self.flips),
            ("layout", LAYOUT_CODES[self.layout]),
            ("shared", self.shared),
        )

    def scratch_bytes(self, *types: TensorType) -> int:
        """Return the bytes of the input's planes or, for sliced weights, of sums and a list."""
        blocks = sliced_blocks(self.layout, self.shared, types[1].shape[0])
        return integer_scratch(types[0], types[0].shape[0], blocks, gathered=False)

    def const_encodings(self, *types: TensorType) -> tuple[str, ...]:
        """Return the weight layout, then plain thresholds and inversion bits."""
        return (self.layout, "plain", "bits")[: len(types) - 1]

    @classmethod
    def examples(cls) -> Iterator[Example]:
        """Yield ragged K and N, both layouts, every input and output encoding."""
        sizes = (1, 31, 32, 33, 63, 64, 65, 96, 257)
        outputs = (1, 8, 31, 32, 33, 64, 65, 3, 128)
        kinds = (("b1", 1), ("i32", 1), ("t2", 2), ("b1x2", 1), ("b1", 2), ("t2", 1), ("i32", 1))
        number = 0
        for k, n in zip(sizes, outputs, strict=True):
            for layout in LAYOUT_CODES:
                for x, w in (("u8", "b1"), ("i8", "b1"), ("i16", "b1"), ("u8", "t2"), ("i8", "t2")):
                    out, flips = kinds[number % len(kinds)]
                    number += 1
                    shapes = (TensorType(x, (k,)), TensorType(w, (n, k)))
                    steps = step_types(out, flips, n, ("i16", "i32")[number % 2])
                    yield cls(out=out, flips=flips, layout=layout), shapes + steps
        for x in ("u8", "i8", "i16"):
            # long rows: 16-bit partial sums of vector code must be emptied in time
            yield cls(), (TensorType(x, (4500,)), TensorType("b1", (5, 4500)))
