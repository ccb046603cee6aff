"""Tensors one after the other along an axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hysteron.ir.types import TensorType
from hysteron.ops.source._base import Exact, Float32Array, Index, Oracle, Pull, SourceOp, real
from hysteron.ops.source._elementwise import mixed
from hysteron.ops.source._real import Real


@dataclass(frozen=True)
class Concat(SourceOp):
    """Concatenation along ``axis``, which is not the batch."""

    name: ClassVar[str] = "concat"
    axis: int

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        """Sizes add up along the axis and agree elsewhere."""
        rank = len(types[0].shape) if types else 0
        if not types or not 0 < self.axis % max(rank, 1) < rank:
            raise self.fail(f"axis {self.axis} does not fit", *types)
        axis = self.axis % rank
        rest = {(*t.shape[:axis], *t.shape[axis + 1 :]) for t in types if len(t.shape) == rank}
        if len(rest) != 1 or any(len(t.shape) != rank for t in types):
            raise self.fail("shapes differ beside the axis", *types)
        total = sum(t.shape[axis] for t in types)
        shape = types[0].shape
        return real((*shape[:axis], total, *shape[axis + 1 :]))

    def enclose(self, args: tuple[Real, ...], oracle: Oracle) -> Real:
        """Movement, on a common unit."""
        batch = max(x.raw.shape[0] for x in args)
        return mixed(
            list(args),
            lambda parts: np.concatenate(
                [np.broadcast_to(p, (batch, *p.shape[1:])) for p in parts], axis=self.axis
            ),
        )

    def exact_at(self, index: Index, pull: Pull) -> Exact:
        """The element of the part it falls into."""
        axis = self.axis % len(index)
        place, number = index[axis], 0
        while place >= pull.shape(number)[axis]:
            place -= pull.shape(number)[axis]
            number += 1
        return pull(number, (*index[:axis], place, *index[axis + 1 :]))

    def binary32(self, *arrays: Float32Array) -> Float32Array:
        """No rounding."""
        batch = max(x.shape[0] for x in arrays)
        parts = [np.broadcast_to(x, (batch, *x.shape[1:])) for x in arrays]
        return np.concatenate(parts, axis=self.axis)
