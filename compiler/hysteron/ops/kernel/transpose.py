"""Permutation of axes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from hysteron.errors import ShapeError
from hysteron.ir.types import DTYPES, Array, TensorType
from hysteron.ops.kernel._base import (
    DTYPE_CODES,
    Example,
    KernelOp,
    Params,
    check_count,
    check_dtype,
)

MAX_RANK: Final = 6


@dataclass(frozen=True, slots=True)
class Transpose(KernelOp):
    """y[i0, i1, ..] = x[..] with y's axis j being x's axis perm[j]; at most 6 axes.

    Inputs: x of any encoding.
    """

    name: ClassVar[str] = "transpose"
    SOURCES: ClassVar[tuple[str, ...]] = ("op_transpose",)

    perm: tuple[int, ...] = (0,)

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        """Return x's encoding with permuted axes."""
        check_count(self, types, 1)
        x = types[0]
        check_dtype(self, "x", x, *DTYPES)
        if len(x.shape) > MAX_RANK or sorted(self.perm) != list(range(len(x.shape))):
            raise ShapeError(
                f"{self.name}: perm {self.perm} of {x}",
                wanted=f"a permutation of at most {MAX_RANK} axes",
            )
        return (TensorType(x.dtype, tuple(x.shape[axis] for axis in self.perm)),)

    def reference(self, *arrays: Array) -> tuple[Array, ...]:
        """Return the permuted tensor; x has a leading batch axis."""
        axes = (0, *(axis + 1 for axis in self.perm))
        return (np.ascontiguousarray(np.transpose(arrays[0], axes)),)

    def params(self, *types: TensorType) -> Params:
        """Return the output sizes and the input stride of each output axis, outermost first."""
        x = types[0]
        strides = [1]
        for dim in reversed(x.shape[1:]):
            strides.insert(0, strides[0] * dim)
        pad = MAX_RANK - len(self.perm)
        dims = [1] * pad + [x.shape[axis] for axis in self.perm]
        steps = [0] * pad + [strides[axis] for axis in self.perm]
        return (
            ("x_type", DTYPE_CODES[x.dtype]),
            *((f"dim{axis}", dims[axis]) for axis in range(MAX_RANK)),
            *((f"step{axis}", steps[axis]) for axis in range(MAX_RANK)),
        )

    @classmethod
    def examples(cls) -> Iterator[Example]:
        """Yield ranks 1 to 6 with every encoding."""
        shapes = ((7,), (5, 33), (3, 4, 31), (2, 3, 4, 5), (2, 3, 1, 4, 3), (2, 1, 3, 2, 2, 3))
        for shape in shapes:
            perm = (*range(1, len(shape)), 0)
            for dtype in DTYPES:
                yield cls(perm=perm), (TensorType(dtype, shape),)
                yield cls(perm=tuple(reversed(perm))), (TensorType(dtype, shape),)
