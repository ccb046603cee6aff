"""Joining tensors along an axis."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import ClassVar, Final

import numpy as np

from hysteron.errors import ShapeError
from hysteron.ir.types import DTYPES, Array, TensorType
from hysteron.ops.kernel._base import DTYPE_CODES, Example, KernelOp, Params, check_dtype

MAX_INPUTS: Final = 8


@dataclass(frozen=True, slots=True)
class Concat(KernelOp):
    """y = the inputs one after the other along ``axis``; at most 8 of one encoding.

    More inputs are joined by a chain of these.
    """

    name: ClassVar[str] = "concat"
    ACTIVATIONS: ClassVar[tuple[int, int]] = (1, MAX_INPUTS)
    SOURCES: ClassVar[tuple[str, ...]] = ("op_concat",)

    axis: int = 0

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        """Return the common encoding with the axis sizes added."""
        if not 1 <= len(types) <= MAX_INPUTS:
            raise ShapeError(
                f"{self.name}: wrong number of inputs",
                got=str(len(types)),
                wanted=f"1 .. {MAX_INPUTS}; join more in several steps",
            )
        first = types[0]
        if not 0 <= self.axis < len(first.shape):
            raise ShapeError(f"{self.name}: axis", got=str(self.axis), wanted=f"an axis of {first}")
        for given in types:
            check_dtype(self, "input", given, first.dtype)
            if _without(given, self.axis) != _without(first, self.axis):
                raise ShapeError(
                    f"{self.name}: shapes differ off axis {self.axis}",
                    got=str(given),
                    wanted=str(first),
                )
        total = sum(given.shape[self.axis] for given in types)
        shape = (*first.shape[: self.axis], total, *first.shape[self.axis + 1 :])
        return (TensorType(first.dtype, shape),)

    def reference(self, *arrays: Array) -> tuple[Array, ...]:
        """Return the joined tensor; inputs have a leading batch axis."""
        return (np.concatenate(arrays, axis=self.axis + 1),)

    def params(self, *types: TensorType) -> Params:
        """Return the number of runs and the elements per run of each input (0: absent)."""
        runs = [prod(given.shape[self.axis :]) for given in types]
        runs += [0] * (MAX_INPUTS - len(runs))
        return (
            ("x_type", DTYPE_CODES[types[0].dtype]),
            ("outer", prod(types[0].shape[: self.axis])),
            *((f"run{index}", run) for index, run in enumerate(runs)),
        )

    def activation_count(self, *types: TensorType) -> int:
        """Return the number of inputs: all are activations."""
        return len(types)

    @classmethod
    def examples(cls) -> Iterator[Example]:
        """Yield every encoding, axis and 1, 2, 3 and 8 inputs of ragged sizes."""
        for dtype in DTYPES:
            for axis, sizes in (
                (0, (2, 1)),
                (1, (3, 1, 4)),
                (2, (31, 33)),
                (2, (1,) * 8),
                (2, (5,)),
            ):
                shapes = [[2, 3, 7] for _ in sizes]
                for shape, size in zip(shapes, sizes, strict=True):
                    shape[axis] = size
                yield cls(axis=axis), tuple(TensorType(dtype, tuple(shape)) for shape in shapes)


def _without(given: TensorType, axis: int) -> tuple[int, ...]:
    return given.shape[:axis] + given.shape[axis + 1 :]
