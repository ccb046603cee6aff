"""Padding with a constant."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar

import numpy as np

from hysteron.ir.types import TensorType
from hysteron.ops.source._base import Exact, Float32Array, Index, Oracle, Pull, SourceOp, real
from hysteron.ops.source._elementwise import in_unit, inexact, union_grid
from hysteron.ops.source._real import Real, grid_of


@dataclass(frozen=True)
class Pad(SourceOp):
    """x with ``value`` around it; pads: all begins, then all ends (ONNX order)."""

    name: ClassVar[str] = "pad"
    pads: tuple[int, ...]
    value: float

    def _widths(self) -> list[tuple[int, int]]:
        half = len(self.pads) // 2
        return list(zip(self.pads[:half], self.pads[half:], strict=True))

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        """Every axis grows by its two pads; the batch axis may not."""
        if len(types) != 1 or len(self.pads) != 2 * len(types[0].shape):
            raise self.fail("wants two pads per axis", *types)
        widths = self._widths()
        if any(value < 0 for value in self.pads) or max(widths[0]) > 0:
            raise self.fail("pads must not be negative, nor touch the batch axis", *types)
        return real(tuple(d + b + e for d, (b, e) in zip(types[0].shape, widths, strict=True)))

    def enclose(self, args: tuple[Real, ...], oracle: Oracle) -> Real:
        """Exact where ``value`` is a multiple of x's unit."""
        x = args[0]
        fill = in_unit(x, np.array(self.value, dtype=np.float64))
        if fill is None:
            x, fill = inexact(x), np.array(self.value)
        grid = None if x.grid is None else union_grid(x.grid, grid_of(fill))
        mag = None
        if x.mag is not None:
            full = np.broadcast_to(x.mag, x.raw.shape)
            mag = np.pad(full, self._widths(), constant_values=abs(self.value))
        raw = x.raw
        if raw.dtype == np.float32 and not (grid is not None and grid.fits(24)):
            raw = raw.astype(np.float64)
        return replace(
            x, raw=np.pad(raw, self._widths(), constant_values=float(fill)), mag=mag, grid=grid
        )

    def exact_at(self, index: Index, pull: Pull) -> Exact:
        """The inner element or ``value``."""
        inner = tuple(i - begin for i, (begin, _) in zip(index, self._widths(), strict=True))
        if all(0 <= i < size for i, size in zip(inner, pull.shape(0), strict=True)):
            return pull(0, inner)
        return Fraction(self.value)

    def binary32(self, *arrays: Float32Array) -> Float32Array:
        """No arithmetic."""
        return np.pad(arrays[0], self._widths(), constant_values=np.float32(self.value))
