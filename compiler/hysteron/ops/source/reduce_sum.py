"""Sum over axes."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import numpy as np

from hysteron.ir.types import TensorType
from hysteron.ops.source._base import Exact, Float32Array, Index, Oracle, Pull, SourceOp, real
from hysteron.ops.source._real import Real
from hysteron.ops.source._reduce import ascending_sum, members, normal, reduced_shape, terms
from hysteron.ops.source._sum import sum_real


@dataclass(frozen=True)
class ReduceSum(SourceOp):
    """Sum over axes."""

    name: ClassVar[str] = "reduce_sum"
    axes: tuple[int, ...]
    keepdims: bool

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        """Reduced axes become 1 or go; the batch axis stays."""
        if len(types) != 1 or not self.axes:
            raise self.fail("wants one input and at least one axis", *types)
        rank = len(types[0].shape)
        if any(not -rank <= axis < rank for axis in self.axes) or 0 in normal(self.axes, rank):
            raise self.fail("axes out of range, or the batch axis", *types)
        return real(reduced_shape(types[0].shape, self.axes, self.keepdims))

    def enclose(self, args: tuple[Real, ...], oracle: Oracle) -> Real:
        """Exact as long as the sums fit double precision."""
        x, count = args[0], terms(args[0].raw.shape, self.axes)
        axes = normal(self.axes, x.raw.ndim)
        mag = None
        if x.n or x.grid is None:
            full = np.broadcast_to(x.magnitude, x.raw.shape)
            mag = full.sum(axis=axes, keepdims=self.keepdims)
        raw = x.raw.sum(axis=axes, keepdims=self.keepdims, dtype=np.float64)
        total = sum_real(x, raw, mag, count)
        return total

    def exact_at(self, index: Index, pull: Pull) -> Exact:
        """The exact sum."""
        total: Exact = Fraction(0)
        for cell in members(index, pull.shape(0), self.axes, self.keepdims):
            total = total + pull(0, cell)
        return total

    def binary32(self, *arrays: Float32Array) -> Float32Array:
        """Ascending, one accumulator."""
        return np.asarray(ascending_sum(arrays[0], self.axes, self.keepdims))
