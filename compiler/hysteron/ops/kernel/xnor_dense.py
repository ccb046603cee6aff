"""Binary or ternary inputs times binary or ternary weights, one vector."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hysteron.ir.types import Array, TensorType
from hysteron.ops.kernel._base import (
    BINARY_LAYOUT_CODES,
    BITS,
    DTYPE_CODES,
    I32_MAX,
    OUT_CODES,
    Example,
    KernelOp,
    Params,
    check_count,
    check_dtype,
    check_range,
    check_rank,
    check_shape,
    exact_matmul,
)
from hysteron.ops.kernel._conv import bit_scratch
from hysteron.ops.kernel._sliced import (
    check_layout,
    list_scratch,
    stored_layout,
    sums_bytes,
    sums_params,
)
from hysteron.ops.kernel._steps import apply_steps, infer_steps, step_types


@dataclass(frozen=True, slots=True)
class XnorDense(KernelOp):
    """acc[o] = sum_k x[k] * w[o,k], then thresholds; |acc| <= K.

    Inputs: x b1/t2 (K,), w b1/t2 (N,K) [, t i16/i32 (P,F,N), inv b1 (P,N)].
    """

    name: ClassVar[str] = "xnor_dense"
    CONSTANTS: ClassVar[tuple[int, int]] = (1, 3)
    OUTPUTS: ClassVar[tuple[int, int]] = (1, 2)
    SOURCES: ClassVar[tuple[str, ...]] = (
        "op_xnor_dense",
        "xnor_rows",
        "sliced_add",
        "sliced_list",
        "xnor_sliced",
        "sliced_steps",
        "sliced_border",
        "sliced_ct",
        "steps",
        "ge_bits",
    )
    SUMS: ClassVar[bool] = True

    out: str = "i32"
    flips: int = 1
    layout: str = "rows"

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        """Return the accumulators or packed bits, one per row of w."""
        check_count(self, types, 2, 4)
        x, w = types[:2]
        check_dtype(self, "x", x, *BITS)
        check_dtype(self, "w", w, *BITS)
        check_rank(self, "x (K,)", x, 1)
        check_rank(self, "w (N, K)", w, 2)
        check_shape(self, "w (N, K)", w, (w.shape[0], x.shape[0]))
        check_layout(self, self.layout, x, w)
        limit = I32_MAX if self.layout == "rows" else 2**16 - 1
        check_range(self, "K", x.shape[0], 1, limit)
        return infer_steps(self, self.out, self.flips, (w.shape[0],), types[2:])

    def reference(self, *arrays: Array) -> tuple[Array, ...]:
        """Return the exact product, thresholded; x (B,K)."""
        x, w = arrays[:2]
        acc = exact_matmul(x.astype(np.int8), w.astype(np.int8), x.shape[1])
        return apply_steps(self.out, acc, arrays[2:])

    def params(self, *types: TensorType) -> Params:
        """Return the fields of hyst_xnor_dense_params."""
        x, w = types[:2]
        return (
            ("k", x.shape[0]),
            ("n", w.shape[0]),
            ("x_type", DTYPE_CODES[x.dtype]),
            ("w_type", DTYPE_CODES[w.dtype]),
            ("t_type", DTYPE_CODES[types[2].dtype if len(types) > 2 else "i32"]),
            ("out_kind", OUT_CODES[self.out]),
            ("flips", self.flips),
            ("layout", BINARY_LAYOUT_CODES[self.layout]),
        )

    def scratch_bytes(self, *types: TensorType) -> int:
        """Return the bytes of the mask or, for sliced weights, of the index lists."""
        x, w = types[:2]
        if self.layout == "sliced_ct":
            return 0
        if self.layout == "sliced":
            return list_scratch(x, w, x.shape[0], 0)
        return bit_scratch(x.shape[0], 1)

    def sums_bytes(self, *types: TensorType) -> int:
        """Return the bytes of the threshold tables or sums of sliced weights, binary inputs."""
        return sums_bytes(self, types, 1)

    def sums_params(self, *types: TensorType) -> Params:
        """Return the integer arguments of hyst_sliced_sums."""
        return sums_params(self, types, 1)

    def const_encodings(self, *types: TensorType) -> tuple[str, ...]:
        """Return the weight layout, then plain thresholds and inversion bits."""
        return (stored_layout(self.layout), "plain", "bits")[: len(types) - 1]

    @classmethod
    def examples(cls) -> Iterator[Example]:
        """Yield ragged K and N, both layouts, every output kind, ternary operands."""
        sizes = (1, 31, 32, 33, 63, 64, 65, 96, 257)
        outputs = (1, 8, 31, 32, 33, 64, 65, 3, 128)
        kinds = (("b1", 1), ("i32", 1), ("t2", 2), ("b1x2", 1), ("b1", 2), ("t2", 1))
        for number, (k, n) in enumerate(zip(sizes, outputs, strict=True)):
            for layout in BINARY_LAYOUT_CODES:
                for x, w in (("b1", "b1"), ("t2", "b1"), ("b1", "t2"), ("t2", "t2")):
                    out, flips = kinds[number % len(kinds)]
                    number += 1
                    if layout == "sliced_ct" and "t2" in (x, w):
                        continue
                    shapes = (TensorType(x, (k,)), TensorType(w, (n, k)))
                    steps = step_types(out, flips, n, ("i16", "i32")[number % 2])
                    yield cls(out=out, flips=flips, layout=layout), shapes + steps
        # entries of a list reach 16384 words, so these have two parts; and the longest row
        for x, w, n, k in (("b1", "b1", 40, 16421), ("b1", "t2", 3, 16421), ("t2", "b1", 2, 16421)):
            shapes = (TensorType(x, (k,)), TensorType(w, (n, k)))
            yield cls(out="b1", layout="sliced"), shapes + step_types("b1", 1, n, "i32")
        for layout in ("sliced", "sliced_ct"):
            shapes = (TensorType("b1", (65535,)), TensorType("b1", (2, 65535)))
            yield cls(out="b1", layout=layout), shapes + step_types("b1", 1, 2, "i32")
        for x, w in (("b1", "b1"), ("t2", "t2")):
            # long rows: byte counters of vector code must be emptied in time
            yield cls(), (TensorType(x, (16129,)), TensorType(w, (5, 16129)))
