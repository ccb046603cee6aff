"""Softmax and log-softmax of one vector."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hysteron.ir.types import Array, TensorType
from hysteron.ops.kernel._base import (
    Example,
    KernelOp,
    Params,
    check_count,
    check_dtype,
    check_rank,
)
from hysteron.ops.kernel._float import canonical, exp, log, ordered_sum


@dataclass(frozen=True, slots=True)
class FloatSoftmax(KernelOp):
    """y = e^(x-max) / sum, or (x-max) - ln(sum) with ``log``, all in binary32.

    max scans upwards from -inf and moves to strictly larger elements; sum ascends.
    Inputs: x f32 (C,).
    """

    name: ClassVar[str] = "float_softmax"
    SOURCES: ClassVar[tuple[str, ...]] = ("op_float_softmax",)

    log: bool = False

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        """Return f32 (C,)."""
        check_count(self, types, 1)
        check_dtype(self, "x", types[0], "f32")
        check_rank(self, "x (C,)", types[0], 1)
        return (types[0],)

    def reference(self, *arrays: Array) -> tuple[Array, ...]:
        """Return the probabilities or their logarithms; x (B,C)."""
        x = arrays[0].astype(np.float32)
        top = np.where(np.isnan(x), np.float32(-np.inf), x).max(axis=1, keepdims=True)
        with np.errstate(all="ignore"):
            shifted = x - top
            total = ordered_sum(exp(shifted))[:, None]
            result = shifted - log(total) if self.log else exp(shifted) / total
        return (canonical(result),)

    def params(self, *types: TensorType) -> Params:
        """Return the fields of hyst_float_softmax_params."""
        return (("count", types[0].size), ("log", int(self.log)))

    @classmethod
    def examples(cls) -> Iterator[Example]:
        """Yield both forms over a few sizes."""
        for count in (1, 2, 10, 33, 1000):
            for form in (False, True):
                yield cls(log=form), (TensorType("f32", (count,)),)
