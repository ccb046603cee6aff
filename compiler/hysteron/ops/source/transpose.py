"""Permutation of axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hysteron.ir.types import TensorType
from hysteron.ops.source._base import Exact, Float32Array, Index, Oracle, Pull, SourceOp, real
from hysteron.ops.source._elementwise import moved
from hysteron.ops.source._real import Real


@dataclass(frozen=True)
class Transpose(SourceOp):
    """Output axis i is input axis perm[i]; perm[0] is 0, the batch."""

    name: ClassVar[str] = "transpose"
    perm: tuple[int, ...]

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        """The permuted shape."""
        if len(types) != 1 or sorted(self.perm) != list(range(len(types[0].shape))):
            raise self.fail(f"perm {self.perm} does not fit", *types)
        if self.perm[:1] != (0,):
            raise self.fail("the batch axis must stay first", *types)
        return real(tuple(types[0].shape[axis] for axis in self.perm))

    def enclose(self, args: tuple[Real, ...], oracle: Oracle) -> Real:
        """Movement only."""
        return moved(args[0], lambda v: v.transpose(self.perm))

    def exact_at(self, index: Index, pull: Pull) -> Exact:
        """The moved element."""
        source = [0] * len(index)
        for position, axis in enumerate(self.perm):
            source[axis] = index[position]
        return pull(0, tuple(source))

    def binary32(self, *arrays: Float32Array) -> Float32Array:
        """No rounding."""
        return np.ascontiguousarray(arrays[0].transpose(self.perm))
