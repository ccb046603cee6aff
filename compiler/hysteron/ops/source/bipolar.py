"""Two-valued sign."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import numpy as np

from hysteron.exact import sign
from hysteron.ir.types import TensorType
from hysteron.ops.source._base import Exact, Float32Array, Index, Oracle, Pull, SourceOp
from hysteron.ops.source._real import Grid, Real


@dataclass(frozen=True)
class Bipolar(SourceOp):
    """+1 where x >= 0, else -1."""

    name: ClassVar[str] = "bipolar"

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        """x's shape."""
        if len(types) != 1:
            raise self.fail("wants one input", *types)
        return (types[0],)

    def enclose(self, args: tuple[Real, ...], oracle: Oracle) -> Real:
        """Decided, hence exact."""
        signs = oracle.signs(args[0], lambda index, pull: pull(0, index))
        return Real(np.where(signs >= 0, 1.0, -1.0).astype(np.float32), grid=Grid(0, 1.0))

    def exact_at(self, index: Index, pull: Pull) -> Exact:
        """The decision on the exact value."""
        return Fraction(1 if sign(pull(0, index)) >= 0 else -1)

    def binary32(self, *arrays: Float32Array) -> Float32Array:
        """The same decision on a binary32 value."""
        return np.where(arrays[0] >= 0, np.float32(1), np.float32(-1))
