"""Sliding windows over (N, C, W) and (N, C, H, W) arrays: sizes and taps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

Index = tuple[int, ...]
AnyArray = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Window:
    """Geometry of a window: one entry per spatial axis; pads: begins, then ends."""

    kernel: Index
    strides: Index
    pads: Index
    dilations: Index

    @property
    def rank(self) -> int:
        """Number of spatial axes."""
        return len(self.kernel)

    def extent(self, axis: int) -> int:
        """Input cells that one window spans along an axis."""
        return (self.kernel[axis] - 1) * self.dilations[axis] + 1

    def sizes(self, spatial: Index, ceil_mode: bool = False) -> Index:
        """Return the output sizes; a window must start before the end padding (ONNX)."""
        out = []
        for axis, size in enumerate(spatial):
            begin, end = self.pads[axis], self.pads[axis + self.rank]
            room = size + begin + end - self.extent(axis)
            steps = -(-room // self.strides[axis]) if ceil_mode else room // self.strides[axis]
            if ceil_mode and steps * self.strides[axis] >= size + begin:
                steps -= 1
            out.append(steps + 1)
        return tuple(out)

    def problem(self, spatial: Index) -> str:
        """Return why this window does not fit an input, "" when it does."""
        if len(spatial) != self.rank or not 1 <= self.rank <= 2:
            return f"window of rank {self.rank} on {len(spatial)} spatial axes"
        if any(value < 1 for value in self.kernel + self.strides + self.dilations):
            return "kernel, strides and dilations must be at least 1"
        if len(self.pads) != 2 * self.rank or any(value < 0 for value in self.pads):
            return "pads must be two non-negative numbers per spatial axis"
        if len(self.strides) != self.rank or len(self.dilations) != self.rank:
            return "strides and dilations must have one number per spatial axis"
        if any(size < 1 for size in self.sizes(spatial)):
            return "the window is larger than its padded input"
        return ""

    def padded(self, x: AnyArray, out: Index, fill: float) -> AnyArray:
        """Return x with ``fill`` on every cell that some window reaches."""
        widths = [(0, 0), (0, 0)]
        for axis in range(self.rank):
            need = (out[axis] - 1) * self.strides[axis] + self.extent(axis)
            begin, size = self.pads[axis], x.shape[axis + 2]
            widths.append((begin, max(0, need - begin - size)))
        if not any(max(pair) for pair in widths):
            return x
        return np.pad(x, widths, constant_values=fill)

    def taps(self, padded: AnyArray, out: Index) -> Iterator[tuple[Index, AnyArray]]:
        """Yield (tap position, view of the output's shape) in ascending order."""
        for tap in product(*(range(size) for size in self.kernel)):
            cut: list[slice] = [slice(None), slice(None)]
            for axis, position in enumerate(tap):
                start = position * self.dilations[axis]
                stop = start + (out[axis] - 1) * self.strides[axis] + 1
                cut.append(slice(start, stop, self.strides[axis]))
            yield tap, padded[tuple(cut)]

    def cells(self, position: Index, spatial: Index) -> Iterator[tuple[Index, Index]]:
        """Yield (tap, input cell) of one output position, padding left out."""
        for tap in product(*(range(size) for size in self.kernel)):
            cell = tuple(
                p * s - b + t * d
                for p, s, b, t, d in zip(
                    position, self.strides, self.pads, tap, self.dilations, strict=False
                )
            )
            if all(0 <= c < size for c, size in zip(cell, spatial, strict=True)):
                yield tap, cell

    def counts(self, spatial: Index, out: Index, include_pad: bool) -> npt.NDArray[np.int64]:
        """Return how many cells each output position averages over, shape ``out``.

        ``include_pad`` counts declared padding, never what ceil_mode overhangs.
        """
        ones = np.ones((1, 1, *spatial))
        if include_pad:
            ends = [(self.pads[a], self.pads[a + self.rank]) for a in range(self.rank)]
            ones = np.pad(ones, [(0, 0), (0, 0), *ends], constant_values=1.0)
            inner = Window(self.kernel, self.strides, (0,) * 2 * self.rank, self.dilations)
            return inner.counts(ones.shape[2:], out, False)
        full = self.padded(ones, out, 0.0)
        total = sum(view for _, view in self.taps(full, out))
        return np.asarray(np.asarray(total)[0, 0], dtype=np.int64)
