"""Another shape over the same elements in the same order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hysteron.ir.types import TensorType
from hysteron.ops.source._base import Exact, Float32Array, Index, Oracle, Pull, SourceOp, real
from hysteron.ops.source._elementwise import moved
from hysteron.ops.source._real import Real


@dataclass(frozen=True)
class Reshape(SourceOp):
    """shape[0] is 1 and stands for the batch."""

    name: ClassVar[str] = "reshape"
    shape: tuple[int, ...]

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        """The new shape; the number of elements must not change."""
        out = real(self.shape)
        if len(types) != 1 or self.shape[:1] != (1,) or types[0].size != out[0].size:
            raise self.fail(f"cannot become {self.shape}", *types)
        return out

    def enclose(self, args: tuple[Real, ...], oracle: Oracle) -> Real:
        """Movement only."""
        return moved(args[0], lambda v: v.reshape((v.shape[0], *self.shape[1:])))

    def exact_at(self, index: Index, pull: Pull) -> Exact:
        """The element of the same flat position."""
        flat = np.ravel_multi_index(index[1:], self.shape[1:]) if len(index) > 1 else 0
        inner = pull.shape(0)[1:]
        position = np.unravel_index(int(flat), inner) if inner else ()
        return pull(0, (index[0], *(int(i) for i in position)))

    def binary32(self, *arrays: Float32Array) -> Float32Array:
        """No rounding."""
        return arrays[0].reshape((arrays[0].shape[0], *self.shape[1:]))
