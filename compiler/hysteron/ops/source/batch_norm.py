"""Batch normalisation with constant statistics."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import ClassVar

import numpy as np

from hysteron.exact import Surd
from hysteron.ir.types import TensorType
from hysteron.ops.source._base import (
    Exact,
    Float32Array,
    Index,
    Oracle,
    Pull,
    SourceOp,
    channel,
)
from hysteron.ops.source._real import Real
from hysteron.ops.source._rounding import to_binary32

#: x - mean; var + eps, its root, gamma / root; the product; + beta; and one more
#: for evaluations that fold mean and beta first.
_ROUNDINGS = 7


@dataclass(frozen=True)
class BatchNorm(SourceOp):
    """y = (x - mean) / sqrt(var + epsilon) * gamma + beta per channel (axis 1)."""

    name: ClassVar[str] = "batch_norm"
    epsilon: float

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        """x (1, C, ..) and four constants (C,) give x's shape."""
        if len(types) != 5 or len(types[0].shape) < 2:
            raise self.fail("wants x (1, C, ..) and gamma, beta, mean, var", *types)
        if any(t.shape != (types[0].shape[1],) for t in types[1:]):
            raise self.fail("every constant must have one value per channel", *types)
        return (types[0],)

    def enclose(self, args: tuple[Real, ...], oracle: Oracle) -> Real:
        """Float64 evaluation; never exact, because of the root."""
        x = args[0]
        gamma, beta, mean, var = (channel(a.val, x.raw.ndim) for a in args[1:])
        inv = gamma / np.sqrt(var + self.epsilon)
        raw = (x.val - mean) * inv + beta
        mag = (x.magnitude + np.abs(mean)) * np.abs(inv) + np.abs(beta)
        return Real(raw, mag=mag, n=x.n + _ROUNDINGS, exact=False)

    def exact_at(self, index: Index, pull: Pull) -> Exact:
        """Exact in Q(sqrt(var + epsilon))."""
        c = (index[1],)
        x = pull(0, index)
        gamma, beta, mean, var = (pull(number, c) for number in range(1, 5))
        assert isinstance(gamma, Fraction) and isinstance(var, Fraction)
        return (x - mean) * _inverse(gamma, var + Fraction(self.epsilon)) + beta

    def binary32(self, *arrays: Float32Array) -> Float32Array:
        """fl(fl(fl(x - mean) * inv) + beta), inv = gamma/sqrt(var+eps) rounded once."""
        x, gamma, beta, mean, var = arrays
        inv = rounded_scale(gamma, var, self.epsilon)
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            centred = x - _axis1(mean, x.ndim)
            return centred * _axis1(inv, x.ndim) + _axis1(beta, x.ndim)


def _axis1(values: Float32Array, ndim: int) -> Float32Array:
    return values.reshape((1, -1) + (1,) * (ndim - 2))


@lru_cache(maxsize=65536)
def _inverse(gamma: Fraction, variance: Fraction) -> Surd:
    return Surd.sqrt(variance) * (gamma / variance)


def rounded_scale(gamma: Float32Array, var: Float32Array, epsilon: float) -> Float32Array:
    """Return gamma / sqrt(var + epsilon) per channel, each rounded once to binary32."""
    pairs = zip(gamma.tolist(), var.tolist(), strict=True)
    return np.array([_rounded(g, v, epsilon) for g, v in pairs], dtype=np.float32)


@lru_cache(maxsize=65536)
def _rounded(gamma: float, var: float, epsilon: float) -> np.float32:
    return to_binary32(_inverse(Fraction(gamma), Fraction(var) + Fraction(epsilon)))
