"""exp(x - max) / sum of exp(x - max) along an axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hysteron.ir.types import TensorType
from hysteron.ops.kernel.float_softmax import FloatSoftmax
from hysteron.ops.source._base import Float32Array, Oracle, SourceOp
from hysteron.ops.source._real import Real


@dataclass(frozen=True)
class Softmax(SourceOp):
    """exp(x - max) / sum of exp(x - max) along an axis.

    Real tier only: transcendental, so it has no exact value.
    """

    name: ClassVar[str] = "softmax"
    axis: int

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        """x's shape; the axis is the only one beside the batch longer than 1."""
        rank = len(types[0].shape) if len(types) == 1 else 0
        if not rank or not 0 < self.axis % rank < rank:
            raise self.fail(f"axis {self.axis} does not fit", *types)
        if types[0].size != types[0].shape[self.axis % rank]:
            raise self.fail("wants one vector", *types)
        return (types[0],)

    def enclose(self, args: tuple[Real, ...], oracle: Oracle) -> Real:
        """A shift of x by at most e moves a probability by at most 2e times itself."""
        x = args[0]
        axes = tuple(range(1, x.raw.ndim))
        shifted = x.val - x.val.max(axis=axes, keepdims=True)
        total = np.exp(shifted).sum(axis=axes, keepdims=True)
        reach = np.broadcast_to(x.magnitude, shifted.shape).max(axis=axes, keepdims=True)
        # exp and log of the runtime stay within a few units in the last place.
        n = x.n + shifted[0].size + 16
        raw = np.exp(shifted) / total
        return Real(raw, mag=raw * (1 + 2 * reach), n=n, exact=False)

    def binary32(self, *arrays: Float32Array) -> Float32Array:
        """The runtime's own exp and log: one definition, in the kernel op."""
        x = arrays[0]
        flat = x.reshape(x.shape[0], -1)
        (out,) = FloatSoftmax(log=False).reference(flat)
        return np.asarray(out, dtype=np.float32).reshape(x.shape)
