"""The same bytes under another shape: no code runs, the buffer is shared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from hysteron.errors import ShapeError
from hysteron.ir.types import Array, TensorType
from hysteron.ops.kernel._base import Example, KernelOp, Params, check_count


@dataclass(frozen=True)
class Reshape(KernelOp):
    """y = x with another shape of the same size; flat order and bytes are equal."""

    name = "reshape"
    ALIAS: ClassVar[bool] = True
    shape: tuple[int, ...]

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        """Return x's encoding with the new shape; raises ShapeError."""
        check_count(self, types, 1)
        result = TensorType(types[0].dtype, self.shape)
        if result.size != types[0].size:
            raise ShapeError("reshape: sizes differ", got=str(types[0]), wanted=str(result))
        return (result,)

    def reference(self, *arrays: Array) -> tuple[Array, ...]:
        """Return the array reshaped, batch axis kept."""
        (x,) = arrays
        return (x.reshape(x.shape[0], *self.shape),)

    def params(self, *types: TensorType) -> Params:
        """Return no parameters: nothing is called."""
        return ()

    @classmethod
    def examples(cls) -> Iterator[Example]:
        """Yield flattening and unflattening."""
        yield cls((12,)), (TensorType("i32", (2, 2, 3)),)
        yield cls((1, 4, 33)), (TensorType("b1", (132,)),)
