"""Limit to an interval."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar

import numpy as np

from hysteron.ir.types import TensorType
from hysteron.ops.source._base import Exact, Float32Array, Index, Oracle, Pull, SourceOp
from hysteron.ops.source._elementwise import in_unit, union_grid
from hysteron.ops.source._real import FloatArray, Real, compact, grid_of


@dataclass(frozen=True)
class Clip(SourceOp):
    """y = min(max(x, lo), hi); either limit may be infinite."""

    name: ClassVar[str] = "clip"
    lo: float
    hi: float

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        """x's shape."""
        if len(types) != 1 or not self.lo <= self.hi:
            raise self.fail(f"wants one input and lo <= hi ({self.lo}, {self.hi})", *types)
        return (types[0],)

    def enclose(self, args: tuple[Real, ...], oracle: Oracle) -> Real:
        """Clearly outside, the limit itself; elsewhere Lipschitz with 1."""
        x = args[0]
        limits = [abs(v) for v in (self.lo, self.hi) if math.isfinite(v)]
        val, doubt = x.val, np.maximum(x.bound32(), x.bound64())
        near = np.maximum(x.magnitude, np.max(limits)) if limits else x.magnitude
        mag = np.where(val - doubt > self.hi, abs(self.hi), near)
        mag = np.where(val + doubt < self.lo, abs(self.lo), mag)
        # Inside, with no limit in reach, the bound of x itself is enough.
        inside = (val - doubt > self.lo) & (val + doubt < self.hi)
        mag = np.where(inside, x.magnitude, mag)
        exact = self._exact(x, mag)
        if exact is not None:
            return exact
        return Real(np.clip(val, self.lo, self.hi), mag=mag, n=max(1, x.n), exact=False)

    def _exact(self, x: Real, mag: FloatArray) -> Real | None:
        """Clip in x's own unit where both limits are exact there."""
        grid, raw = x.grid, x.raw
        for limit, choose in ((self.lo, np.maximum), (self.hi, np.minimum)):
            if math.isinf(limit):
                continue
            value = in_unit(x, np.array(limit, dtype=np.float64))
            if value is None or grid is None:
                return None
            grid = union_grid(grid, grid_of(value))
            raw = choose(raw.astype(np.float64), value)
        if grid is None or not x.exact or x.defined:
            return None
        return replace(x, raw=compact(raw, grid), mag=mag if x.n else None, grid=grid)

    def exact_at(self, index: Index, pull: Pull) -> Exact:
        """Exact comparison with both limits."""
        x = pull(0, index)
        if math.isfinite(self.lo) and x < Fraction(self.lo):
            return Fraction(self.lo)
        if math.isfinite(self.hi) and x > Fraction(self.hi):
            return Fraction(self.hi)
        return x

    def binary32(self, *arrays: Float32Array) -> Float32Array:
        """No rounding."""
        return np.clip(arrays[0], np.float32(self.lo), np.float32(self.hi))
