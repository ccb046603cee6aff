"""Selection between two values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

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
from hysteron.ops.source._elementwise import mixed
from hysteron.ops.source._real import Real


@dataclass(frozen=True)
class Where(SourceOp):
    """a where c != 0, else b; c holds 0.0 and 1.0."""

    name: ClassVar[str] = "where"

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        """The broadcast shape of all three."""
        if len(types) != 3:
            raise self.fail("wants c, a and b", *types)
        return broadcast_types(self, *types)

    def enclose(self, args: tuple[Real, ...], oracle: Oracle) -> Real:
        """A choice of enclosures."""
        c, a, b = args
        chosen = c.raw != 0
        return mixed([a, b], lambda pair: np.where(chosen, pair[0], pair[1]))

    def exact_at(self, index: Index, pull: Pull) -> Exact:
        """The chosen exact value."""
        chosen = sign(pull(0, operand_index(index, pull.shape(0)))) != 0
        number = 1 if chosen else 2
        return pull(number, operand_index(index, pull.shape(number)))

    def binary32(self, *arrays: Float32Array) -> Float32Array:
        """No rounding."""
        return np.where(arrays[0] != 0, arrays[1], arrays[2])
