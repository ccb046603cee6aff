"""Comparison with a constant, or of two tensors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar, Final

import numpy as np

from hysteron.exact import sign
from hysteron.ir.types import TensorType
from hysteron.ops.source._base import (
    Exact,
    Float32Array,
    Index,
    Oracle,
    Pull,
    SourceOp,
    broadcast_types,
    operand_index,
)
from hysteron.ops.source._real import Grid, Real, add

#: For each kind the signs of x - y that make it true.
TRUE_FOR: Final[dict[str, tuple[int, ...]]] = {
    "lt": (-1,),
    "le": (-1, 0),
    "gt": (1,),
    "ge": (0, 1),
    "eq": (0,),
    "ne": (-1, 1),
}


@dataclass(frozen=True)
class Compare(SourceOp):
    """1.0 where ``x kind y`` holds, else 0.0; kind: lt le gt ge eq ne."""

    name: ClassVar[str] = "compare"
    kind: str

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        """The broadcast shape."""
        if len(types) != 2 or self.kind not in TRUE_FOR:
            raise self.fail(f"wants two inputs and one of {', '.join(TRUE_FOR)}", *types)
        return broadcast_types(self, *types)

    def enclose(self, args: tuple[Real, ...], oracle: Oracle) -> Real:
        """The sign of x - y, decided."""
        x, y = args
        # A comparison rounds nothing: float32 errs only as far as x and y do.
        margin = replace(add(x, y, -1), n=max(x.n, y.n))
        if x.defined or y.defined:
            # Of binary32 operands the double difference has the true sign.
            margin = replace(margin, defined=True)

        def exact(index: Index, pull: Pull) -> Exact:
            left = pull(0, operand_index(index, pull.shape(0)))
            return left - pull(1, operand_index(index, pull.shape(1)))

        truth = np.isin(oracle.signs(margin, exact), TRUE_FOR[self.kind])
        return Real(truth.astype(np.float32), grid=Grid(0, 1.0))

    def exact_at(self, index: Index, pull: Pull) -> Exact:
        """The decision on exact values."""
        left = pull(0, operand_index(index, pull.shape(0)))
        right = pull(1, operand_index(index, pull.shape(1)))
        return Fraction(int(sign(left - right) in TRUE_FOR[self.kind]))

    def binary32(self, *arrays: Float32Array) -> Float32Array:
        """The same decision on binary32 values."""
        with np.errstate(invalid="ignore"):
            signs = np.sign(arrays[0].astype(np.float64) - arrays[1])
        return np.isin(signs, TRUE_FOR[self.kind]).astype(np.float32)
