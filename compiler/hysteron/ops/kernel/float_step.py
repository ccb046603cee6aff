"""Thresholds on a float tensor: comparisons only, so exact."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from hysteron.ir.types import Array, TensorType
from hysteron.ops.kernel._base import (
    OUT_CODES,
    Example,
    KernelOp,
    Params,
    check_count,
    check_dtype,
    check_field,
)
from hysteron.ops.kernel._steps import apply_steps, infer_steps, step_types


@dataclass(frozen=True, slots=True)
class FloatStep(KernelOp):
    """bit[p] = XOR_f [x >= t[p,f,c]] XOR inv[p,c] on binary32; NaN compares false.

    Inputs: x f32 (..,C), t f32 (P,F,C), inv b1 (P,C).
    """

    name: ClassVar[str] = "float_step"
    CONSTANTS: ClassVar[tuple[int, int]] = (2, 2)
    OUTPUTS: ClassVar[tuple[int, int]] = (1, 2)
    SOURCES: ClassVar[tuple[str, ...]] = ("op_float_step",)

    out: str = "b1"
    flips: int = 1

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        """Return packed bits of x's shape."""
        check_count(self, types, 3)
        check_dtype(self, "x", types[0], "f32")
        check_field(self, "out", self.out, ("b1", "t2", "b1x2"))
        return infer_steps(self, self.out, self.flips, types[0].shape, types[1:], ("f32",))

    def reference(self, *arrays: Array) -> tuple[Array, ...]:
        """Return the bits; x (B,..,C)."""
        return apply_steps(self.out, arrays[0], arrays[1:])

    def params(self, *types: TensorType) -> Params:
        """Return the fields of hyst_float_step_params."""
        x = types[0]
        return (
            ("pixels", x.size // x.shape[-1]),
            ("channels", x.shape[-1]),
            ("out_kind", OUT_CODES[self.out]),
            ("flips", self.flips),
        )

    def const_encodings(self, *types: TensorType) -> tuple[str, ...]:
        """Return plain thresholds and inversion bits."""
        return ("plain", "bits")

    @classmethod
    def examples(cls) -> Iterator[Example]:
        """Yield ragged channels, every output kind, one and two flips."""
        kinds = (("b1", 1), ("t2", 2), ("b1x2", 1), ("b1", 2), ("t2", 1))
        for number, channels in enumerate((1, 3, 8, 31, 32, 33, 64, 65, 128)):
            out, flips = kinds[number % len(kinds)]
            shape = ((channels,), (2, 3, channels))[number % 2]
            steps = step_types(out, flips, channels, "f32")
            yield cls(out=out, flips=flips), (TensorType("f32", shape), *steps)
