"""Elementwise quotient."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import numpy as np

from hysteron.errors import InternalError
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
from hysteron.ops.source._real import Real, scaled


@dataclass(frozen=True)
class Div(SourceOp):
    """a / b with NumPy broadcasting; a constant b holds no zero."""

    name: ClassVar[str] = "div"

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        """The broadcast shape."""
        if len(types) != 2:
            raise self.fail("wants two inputs", *types)
        return broadcast_types(self, *types)

    def enclose(self, args: tuple[Real, ...], oracle: Oracle) -> Real:
        """Exact for one constant divisor: the unit takes it."""
        a, b = args
        if b.const and b.raw.size == 1 and a.exact and not a.defined and np.all(b.raw != 0):
            return scaled(a, 1 / b.fraction((0,) * b.raw.ndim), b.raw.shape)
        with np.errstate(all="ignore"):
            size = np.abs(b.val)
            mag = a.magnitude / size + np.abs(a.val) * b.magnitude / size**2
            # The first-order bound needs a divisor known to half its size.
            unsure = np.maximum(b.bound64(), b.bound32()) > size / 2
            mag = np.where(unsure | (size == 0), np.inf, mag)
            return Real(a.val / b.val, mag=mag, n=a.n + b.n + 1, exact=False)

    def exact_at(self, index: Index, pull: Pull) -> Exact:
        """Exact division by a rational."""
        divisor = pull(1, operand_index(index, pull.shape(1)))
        if not isinstance(divisor, Fraction):
            raise InternalError("exact division by an irrational number", where=self.name)
        return pull(0, operand_index(index, pull.shape(0))) / divisor

    def binary32(self, *arrays: Float32Array) -> Float32Array:
        """One rounding."""
        with np.errstate(all="ignore"):
            return arrays[0] / arrays[1]
