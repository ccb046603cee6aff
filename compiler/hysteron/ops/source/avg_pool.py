"""Mean of every window."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from hysteron.ir.types import TensorType
from hysteron.ops.source._base import Exact, Float32Array, Index, Oracle, Pull, SourceOp, real
from hysteron.ops.source._real import Real
from hysteron.ops.source._sum import mean_real, sum_real
from hysteron.ops.source._window import Window


@dataclass(frozen=True)
class AvgPool(SourceOp):
    """Sum over valid cells divided by their number (or by cells with padding)."""

    name: ClassVar[str] = "avg_pool"
    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    pads: tuple[int, ...]
    dilations: tuple[int, ...]
    count_include_pad: bool = False
    ceil_mode: bool = False

    def window(self) -> Window:
        """Return the geometry."""
        return Window(self.kernel, self.strides, self.pads, self.dilations)

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        """x (1, C, ..) gives (1, C, ..) with pooled spatial sizes."""
        if len(types) != 1:
            raise self.fail("wants one input", *types)
        shape = types[0].shape
        problem = self.window().problem(shape[2:])
        if problem:
            raise self.fail(problem, *types)
        return real((*shape[:2], *self.window().sizes(shape[2:], self.ceil_mode)))

    def counts(self, spatial: Index) -> Any:
        """Return the divisor of every output position, float64."""
        out = self.window().sizes(spatial, self.ceil_mode)
        return self.window().counts(spatial, out, self.count_include_pad).astype(np.float64)

    def _sum(self, values: Any, dtype: Any) -> Any:
        window = self.window()
        out = window.sizes(values.shape[2:], self.ceil_mode)
        acc = np.zeros((*values.shape[:2], *out), dtype=dtype)
        for _, view in window.taps(window.padded(values, out, 0.0), out):
            acc += view
        return acc

    def enclose(self, args: tuple[Real, ...], oracle: Oracle) -> Real:
        """Exact when all windows have one count."""
        x = args[0]
        plain = x.n == 0 and x.grid is not None
        mag = None if plain else self._sum(np.broadcast_to(x.magnitude, x.raw.shape), np.float64)
        total = sum_real(x, self._sum(x.raw, np.float64), mag, int(np.prod(self.kernel)))
        return mean_real(total, self.counts(x.raw.shape[2:]))

    def exact_at(self, index: Index, pull: Pull) -> Exact:
        """The exact mean of one window."""
        spatial = pull.shape(0)[2:]
        total: Exact = Fraction(0)
        for _, cell in self.window().cells(index[2:], spatial):
            total = total + pull(0, (*index[:2], *cell))
        return total / Fraction(int(self.counts(spatial)[index[2:]]))

    def binary32(self, *arrays: Float32Array) -> Float32Array:
        """Ascending sum, then one division by the count."""
        counts = self.counts(arrays[0].shape[2:]).astype(np.float32)
        return np.asarray(self._sum(arrays[0], np.float32) / counts, dtype=np.float32)
