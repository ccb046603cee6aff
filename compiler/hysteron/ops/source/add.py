"""Elementwise sum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

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
from hysteron.ops.source._real import Real, add


@dataclass(frozen=True)
class Add(SourceOp):
    """a + b with NumPy broadcasting; either may be constant."""

    name: ClassVar[str] = "add"

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        """The broadcast shape."""
        if len(types) != 2:
            raise self.fail("wants two inputs", *types)
        return broadcast_types(self, *types)

    def enclose(self, args: tuple[Real, ...], oracle: Oracle) -> Real:
        """Exact where double precision is."""
        return add(args[0], args[1])

    def exact_at(self, index: Index, pull: Pull) -> Exact:
        """Exact arithmetic."""
        a = pull(0, operand_index(index, pull.shape(0)))
        b = pull(1, operand_index(index, pull.shape(1)))
        return a + b

    def binary32(self, *arrays: Float32Array) -> Float32Array:
        """One rounding."""
        with np.errstate(all="ignore"):
            return arrays[0] + arrays[1]
