"""What every source op provides: shapes, enclosures, exact and binary32 values."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from hysteron.errors import InternalError, ShapeError
from hysteron.exact import Surd
from hysteron.ir.op import Op
from hysteron.ir.types import TensorType
from hysteron.ops.source._real import FloatArray, Real

Exact = Fraction | Surd
Index = tuple[int, ...]
Float32Array = npt.NDArray[np.float32]
SignArray = npt.NDArray[np.int8]


class Pull(Protocol):
    """Exact values of an op's inputs, one element at a time."""

    def __call__(self, number: int, index: Index) -> Exact:
        """Return the exact value of element ``index`` of input ``number``."""

    def shape(self, number: int) -> Index:
        """Return the shape of input ``number``, batch included."""


class Oracle(Protocol):
    """Decides signs: by the float where its bound allows, else exactly."""

    def signs(self, margin: Real, exact: Callable[[Index, Pull], Exact]) -> SignArray:
        """Return -1, 0, +1 per element; ``exact`` gives one element's true margin."""

    def winners(self, x: Real, axis: int) -> npt.NDArray[np.int64]:
        """Return the lowest index of the largest value of input 0 along ``axis``."""


class SourceOp(Op):
    """An operation on real numbers, batch axis first."""

    def enclose(self, args: tuple[Real, ...], oracle: Oracle) -> Real:
        """Return the outputs of a batch with their error data."""
        raise InternalError(f"'{self.name}' has no enclosure", where="ops/source")

    def exact_at(self, index: Index, pull: Pull) -> Exact:
        """Return the exact value of one output element."""
        raise InternalError(f"'{self.name}' has no exact value", where="ops/source")

    def binary32(self, *arrays: Float32Array) -> Float32Array:
        """Return the defined real-tier result: every operation rounded to binary32."""
        raise InternalError(f"'{self.name}' is not defined in binary32", where="ops/source")

    def fail(self, what: str, *types: TensorType) -> ShapeError:
        """Return a ShapeError that names this op and the types it got."""
        return ShapeError(what, where=self.name, got=", ".join(map(str, types)))


def real(shape: Index) -> tuple[TensorType, ...]:
    """Return the type list of one real-valued output."""
    return (TensorType("f32", shape),)


def operand_index(index: Index, shape: Index) -> Index:
    """Map an output index to an operand that was broadcast to the output."""
    tail = index[len(index) - len(shape) :]
    return tuple(0 if dim == 1 else i for i, dim in zip(tail, shape, strict=True))


def broadcast_types(op: SourceOp, *types: TensorType) -> tuple[TensorType, ...]:
    """Return the NumPy broadcast of the shapes; raises ShapeError."""
    try:
        return real(tuple(np.broadcast_shapes(*(t.shape for t in types))))
    except ValueError:
        raise op.fail("shapes do not broadcast", *types) from None


def float32(value: npt.NDArray[Any]) -> Float32Array:
    """Round to binary32 without a warning on overflow: infinity is the IEEE result."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return np.asarray(value, dtype=np.float32)


def channel(values: FloatArray, ndim: int) -> FloatArray:
    """Shape a per-channel vector for axis 1 of an array with ``ndim`` axes."""
    return values.reshape((1, -1) + (1,) * (ndim - 2))
