"""Index of the largest value along an axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hysteron.ir.types import TensorType
from hysteron.ops.source._base import Float32Array, Oracle, SourceOp, float32, real
from hysteron.ops.source._real import Grid, Real


@dataclass(frozen=True)
class ArgMax(SourceOp):
    """Lowest index of the largest value; the axis goes."""

    name: ClassVar[str] = "argmax"
    axis: int

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        """The shape without the axis."""
        rank = len(types[0].shape) if len(types) == 1 else 0
        if not rank or not 0 < self.axis % rank < rank:
            raise self.fail(f"axis {self.axis} does not fit", *types)
        axis = self.axis % rank
        return real((*types[0].shape[:axis], *types[0].shape[axis + 1 :]))

    def enclose(self, args: tuple[Real, ...], oracle: Oracle) -> Real:
        """Decided, hence exact."""
        x = args[0]
        axis = self.axis % x.raw.ndim
        indices = oracle.winners(x, axis)
        return Real(indices.astype(np.float32), grid=Grid(0, float(x.raw.shape[axis])))

    def binary32(self, *arrays: Float32Array) -> Float32Array:
        """The same decision on binary32 values."""
        return float32(np.argmax(arrays[0], axis=self.axis))
