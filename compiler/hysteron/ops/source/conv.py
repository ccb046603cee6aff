"""Convolution with constant weights, one or two spatial axes."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from hysteron.ir.types import TensorType
from hysteron.ops.source._base import Exact, Float32Array, Index, Oracle, Pull, SourceOp, real
from hysteron.ops.source._product import levels, product_real
from hysteron.ops.source._real import FloatArray, Real
from hysteron.ops.source._window import Window


@dataclass(frozen=True)
class Conv(SourceOp):
    """Cross-correlation with zero padding: x (N, C, ..), w (O, C/group, ..)."""

    name: ClassVar[str] = "conv"
    strides: tuple[int, ...]
    pads: tuple[int, ...]
    dilations: tuple[int, ...]
    group: int = 1

    def window(self, weights: Index) -> Window:
        """Return the geometry for a weight shape."""
        return Window(weights[2:], self.strides, self.pads, self.dilations)

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        """x (1, C, ..) and w (O, C/group, ..) give (1, O, ..)."""
        if len(types) != 2 or len(types[0].shape) != len(types[1].shape):
            raise self.fail("wants x and w of equal rank", *types)
        x, w = types[0].shape, types[1].shape
        if len(x) not in (3, 4):
            raise self.fail("wants one or two spatial axes", *types)
        window = self.window(w)
        problem = window.problem(x[2:])
        if problem:
            raise self.fail(problem, *types)
        if self.group < 1 or x[1] != w[1] * self.group or w[0] % self.group:
            raise self.fail(f"channels do not fit {self.group} groups", *types)
        return real((1, w[0], *window.sizes(x[2:])))

    def enclose(self, args: tuple[Real, ...], oracle: Oracle) -> Real:
        """One BLAS product per group over gathered windows."""
        x, w = args
        window = self.window(w.raw.shape)
        out = window.sizes(x.raw.shape[2:])

        def dot(values: FloatArray, weights: FloatArray) -> FloatArray:
            return self._dot(window, out, values, weights)

        def total(values: FloatArray) -> FloatArray:
            batch, channels = values.shape[:2]
            grouped = values.reshape(batch, self.group, channels // self.group, *values.shape[2:])
            sums = grouped.sum(axis=2)
            padded = window.padded(sums, out, 0.0)
            boxes: FloatArray = np.zeros((batch, self.group, *out))
            for _, view in window.taps(padded, out):
                boxes += view
            return np.repeat(boxes, w.raw.shape[0] // self.group, axis=1)

        return product_real(x, w, levels(w.raw, axis=0), dot, total)

    def _dot(self, window: Window, out: Index, x: FloatArray, w: FloatArray) -> FloatArray:
        padded = window.padded(x, out, 0.0)
        batch, outputs, inner = x.shape[0], w.shape[0], w.shape[1]
        if inner == 1 and self.group == x.shape[1] == outputs:
            acc: FloatArray = np.zeros((batch, outputs, *out), dtype=np.result_type(x, w))
            for tap, view in window.taps(padded, out):
                acc = acc + view * _tap(w, 0, tap)
            return acc
        per = outputs // self.group
        parts = []
        for g in range(self.group):
            views = [view[:, g * inner : (g + 1) * inner] for _, view in window.taps(padded, out)]
            # (T, N, C, ..) -> (N, .., T, C): each row is one window, channels last.
            order = (1, *range(3, 3 + len(out)), 0, 2)
            rows = np.stack(views).transpose(order).reshape(-1, len(views) * inner)
            weights = w[g * per : (g + 1) * per].reshape(per, inner, -1)
            columns = weights.transpose(2, 1, 0).reshape(-1, per)
            sums = (rows @ np.ascontiguousarray(columns)).reshape(batch, *out, per)
            parts.append(np.moveaxis(sums, -1, 1))
        return np.ascontiguousarray(np.concatenate(parts, axis=1))

    def exact_at(self, index: Index, pull: Pull) -> Exact:
        """Sum of the exact products of one window."""
        shape, weights = pull.shape(0), pull.shape(1)
        inner, first = weights[1], index[1] // (weights[0] // self.group) * weights[1]
        out: Exact = Fraction(0)
        for tap, cell in self.window(weights).cells(index[2:], shape[2:]):
            for c in range(inner):
                weight = pull(1, (index[1], c, *tap))
                if weight != 0:
                    out = out + pull(0, (index[0], first + c, *cell)) * weight
        return out

    def binary32(self, *arrays: Float32Array) -> Float32Array:
        """acc = 0; acc = fl(acc + fl(x * w)), taps ascending, channels innermost.

        A padding tap adds a zero, which changes no accumulator that starts at +0.
        """
        x, w = arrays
        window = self.window(w.shape)
        out = window.sizes(x.shape[2:])
        padded = window.padded(x, out, 0.0)
        per, inner = w.shape[0] // self.group, w.shape[1]
        acc = np.zeros((x.shape[0], w.shape[0], *out), dtype=np.float32)
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            for tap, view in window.taps(padded, out):
                for c in range(inner):
                    source = view[:, c::inner]
                    if self.group > 1:
                        source = np.repeat(source, per, axis=1)
                    acc += source * _tap(w, c, tap)
        return acc


def _tap(w: Any, c: int, tap: Index) -> Any:
    """Return the weights of one tap and channel, outputs on axis 1 of the result."""
    place: tuple[Any, ...] = (slice(None), c, *tap)
    return w[place].reshape((-1,) + (1,) * len(tap))
