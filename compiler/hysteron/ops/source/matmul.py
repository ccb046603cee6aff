"""Product with a constant matrix."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import numpy as np

from hysteron.ir.types import TensorType
from hysteron.ops.source._base import Exact, Float32Array, Index, Oracle, Pull, SourceOp, real
from hysteron.ops.source._product import levels, product_real
from hysteron.ops.source._real import FloatArray, Real


@dataclass(frozen=True)
class MatMul(SourceOp):
    """y[.., n] = sum over k of x[.., k] * w[k, n]; w is constant."""

    name: ClassVar[str] = "matmul"

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        """x (1, .., K) and w (K, N) give (1, .., N)."""
        if len(types) != 2 or len(types[0].shape) < 2 or len(types[1].shape) != 2:
            raise self.fail("wants x (1, .., K) and w (K, N)", *types)
        if types[0].shape[-1] != types[1].shape[0]:
            raise self.fail("inner dimensions differ", *types)
        return real((*types[0].shape[:-1], types[1].shape[1]))

    def enclose(self, args: tuple[Real, ...], oracle: Oracle) -> Real:
        """One BLAS product, exact when the grid of the sums fits."""
        x, w = args

        def dot(values: FloatArray, weights: FloatArray) -> FloatArray:
            return np.asarray(np.matmul(values, weights))

        def total(values: FloatArray) -> FloatArray:
            return np.asarray(values.sum(axis=-1, keepdims=True))

        return product_real(x, w, levels(w.raw, axis=1), dot, total)

    def exact_at(self, index: Index, pull: Pull) -> Exact:
        """Sum of K exact products."""
        out: Exact = Fraction(0)
        for k in range(pull.shape(1)[0]):
            weight = pull(1, (k, index[-1]))
            if weight != 0:
                out = out + pull(0, (*index[:-1], k)) * weight
        return out

    def binary32(self, *arrays: Float32Array) -> Float32Array:
        """acc = 0; acc = fl(acc + fl(x[k] * w[k])) for ascending k."""
        x, w = arrays
        acc = np.zeros((*x.shape[:-1], w.shape[1]), dtype=np.float32)
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            for k in range(w.shape[0]):
                acc += x[..., k, None] * w[k]
        return acc
