"""Largest value of every window."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from hysteron.ir.types import TensorType
from hysteron.ops.source._base import Exact, Float32Array, Index, Oracle, Pull, SourceOp, real
from hysteron.ops.source._real import Real
from hysteron.ops.source._window import Window


@dataclass(frozen=True)
class MaxPool(SourceOp):
    """Maximum over valid cells; padding is the identity, minus infinity."""

    name: ClassVar[str] = "max_pool"
    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    pads: tuple[int, ...]
    dilations: tuple[int, ...]

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
        return real((*shape[:2], *self.window().sizes(shape[2:])))

    def _pool(self, values: Any) -> Any:
        window = self.window()
        out = window.sizes(values.shape[2:])
        padded = window.padded(values, out, -np.inf)
        best: Any = None
        for _, view in window.taps(padded, out):
            best = view.copy() if best is None else np.maximum(best, view, out=best)
        return best

    def enclose(self, args: tuple[Real, ...], oracle: Oracle) -> Real:
        """|max a - max b| <= max |a - b|, so the window's largest bound holds."""
        x = args[0]
        mag = None
        if x.mag is not None or x.n or not x.exact:
            mag = self._pool(np.broadcast_to(x.magnitude, x.raw.shape))
        return replace(x, raw=self._pool(x.raw), mag=mag)

    def exact_at(self, index: Index, pull: Pull) -> Exact:
        """The largest exact value of one window."""
        spatial = pull.shape(0)[2:]
        values = [
            pull(0, (*index[:2], *cell)) for _, cell in self.window().cells(index[2:], spatial)
        ]
        best = values[0]
        for value in values[1:]:
            best = value if value > best else best
        return best

    def binary32(self, *arrays: Float32Array) -> Float32Array:
        """No rounding."""
        return np.asarray(self._pool(arrays[0]), dtype=np.float32)
