"""Element-wise arithmetic on binary32."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hysteron.errors import ShapeError
from hysteron.ir.types import Array, TensorType
from hysteron.ops.kernel._base import (
    Example,
    KernelOp,
    Params,
    check_count,
    check_dtype,
    check_field,
)
from hysteron.ops.kernel._float import canonical

KINDS = ("add", "sub", "mul", "div", "rsub", "rdiv")


@dataclass(frozen=True, slots=True)
class FloatBinary(KernelOp):
    """y = a op b in binary32; rsub is b - a, rdiv is b / a.

    Inputs: a f32 (..,C), b f32 of a's shape, (C,), or (1,); b is an activation (then of
    a's shape) or, with ``constant``, a section of the image: the same to the C side.
    """

    name: ClassVar[str] = "float_binary"
    # b fills the one pointer after a, whichever it is: no NULL stands for the other.
    ACTIVATIONS: ClassVar[tuple[int, int]] = (1, 1)
    CONSTANTS: ClassVar[tuple[int, int]] = (0, 0)
    SOURCES: ClassVar[tuple[str, ...]] = ("op_float_binary",)

    kind: str = "add"
    constant: bool = True

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        """Return f32 of a's shape."""
        check_count(self, types, 2)
        a, b = types
        check_dtype(self, "a", a, "f32")
        check_dtype(self, "b", b, "f32")
        check_field(self, "kind", self.kind, KINDS)
        if b.shape not in (a.shape, a.shape[-1:], (1,)):
            raise ShapeError(
                f"{self.name}: shape of b",
                got=str(b),
                wanted=f"{a.shape}, {a.shape[-1:]} or (1,)",
            )
        return (a,)

    def reference(self, *arrays: Array) -> tuple[Array, ...]:
        """Return the result; a and b (B,..,C), or b constant without the batch axis."""
        a, b = (array.astype(np.float32) for array in arrays)
        with np.errstate(all="ignore"):
            result = {
                "add": lambda: a + b,
                "sub": lambda: a - b,
                "mul": lambda: a * b,
                "div": lambda: a / b,
                "rsub": lambda: b - a,
                "rdiv": lambda: b / a,
            }[self.kind]()
        return (canonical(result),)

    def params(self, *types: TensorType) -> Params:
        """Return the fields of hyst_float_binary_params."""
        a, b = types
        return (("count", a.size), ("period", b.size), ("kind", KINDS.index(self.kind)))

    def activation_count(self, *types: TensorType) -> int:
        """Return 1 when b is a constant, else 2."""
        return 1 if self.constant else 2

    def const_encodings(self, *types: TensorType) -> tuple[str, ...]:
        """Return plain for a constant b."""
        return ("plain",) if self.constant else ()

    @classmethod
    def examples(cls) -> Iterator[Example]:
        """Yield every kind with full, per-channel and scalar second operands."""
        for kind in KINDS:
            a = TensorType("f32", (2, 3, 33))
            for shape in (a.shape, (33,), (1,)):
                yield cls(kind=kind, constant=shape != a.shape), (a, TensorType("f32", shape))
