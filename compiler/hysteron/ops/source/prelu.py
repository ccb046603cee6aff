"""Parametric rectifier."""

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
from hysteron.ops.source._real import EXACT64, Grid, Real, compact


@dataclass(frozen=True)
class PRelu(SourceOp):
    """y = x where x >= 0, else slope * x; slopes of any sign, constant."""

    name: ClassVar[str] = "prelu"

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        """The slope broadcasts to x."""
        if len(types) != 2 or broadcast_types(self, *types)[0].shape != types[0].shape:
            raise self.fail("the slope must broadcast to x", *types)
        return (types[0],)

    def enclose(self, args: tuple[Real, ...], oracle: Oracle) -> Real:
        """Lipschitz with max(1, |slope|) near the kink, one branch elsewhere."""
        x, slope = args[0], args[1].val
        if x.exact and x.grid is not None and x.n == 0 and args[1].grid is not None:
            steps = args[1].grid
            grid = Grid(
                x.grid.exponent + min(0, steps.exponent), x.grid.bound * max(1.0, steps.bound)
            )
            if grid.fits(EXACT64):
                raw = np.where(x.raw >= 0, x.raw, x.raw.astype(np.float64) * slope)
                single = grid.fits(24, x.unit)
                return Real(compact(raw, grid), x.unit, None, 0 if single else 1, True, grid)
        doubt = np.abs(x.val) <= np.maximum(x.bound32(), x.bound64())
        steep = np.abs(slope)
        factor = np.where(doubt, np.maximum(1.0, steep), np.where(x.val >= 0, 1.0, steep))
        raw = np.where(x.val >= 0, x.val, slope * x.val)
        return Real(raw, mag=x.magnitude * factor, n=x.n + 1, exact=False)

    def exact_at(self, index: Index, pull: Pull) -> Exact:
        """The exact branch."""
        x = pull(0, index)
        return x if sign(x) >= 0 else x * pull(1, operand_index(index, pull.shape(1)))

    def binary32(self, *arrays: Float32Array) -> Float32Array:
        """One rounding on the negative branch."""
        x, slope = arrays
        with np.errstate(all="ignore"):
            return np.where(x >= 0, x, slope * x)
