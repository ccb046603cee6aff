"""Thresholding of an accumulator into packed bits, shared by several kernels.

Plane p of channel c is ``XOR_f [acc >= t[p, f, c]] XOR inv[p, c]``. Kind ``b1``
has one plane, ``t2`` a positive and a negative plane (value = pos - neg, so 11
reads as 0), ``b1x2`` two planes kept apart as two b1 tensors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from hysteron.errors import ShapeError
from hysteron.ir.op import Op
from hysteron.ir.types import Array, TensorType
from hysteron.ops.kernel._base import OUT_CODES, check_dtype, check_field, check_shape

PLANES: Final = {"i32": 0, "b1": 1, "t2": 2, "b1x2": 2}


def infer_steps(
    op: Op,
    out: str,
    flips: int,
    shape: tuple[int, ...],
    consts: Sequence[TensorType],
    thresholds: tuple[str, ...] = ("i16", "i32"),
) -> tuple[TensorType, ...]:
    """Check (t, inv) against the channels of ``shape`` and return the output types.

    ``consts`` is empty for ``out="i32"``. Raises ShapeError.
    """
    check_field(op, "out", out, tuple(OUT_CODES))
    check_field(op, "flips", flips, (1, 2))
    if len(consts) != (0 if out == "i32" else 2):
        raise ShapeError(
            f"{op.name}: constants t and inv with out={out!r}",
            got=str(len(consts)),
            wanted="0" if out == "i32" else "2",
        )
    if out == "i32":
        return (TensorType("i32", shape),)
    channels = shape[-1]
    t, inv = consts
    check_dtype(op, "t", t, *thresholds)
    check_shape(op, "t (planes, flips, channels)", t, (PLANES[out], flips, channels))
    check_dtype(op, "inv", inv, "b1")
    check_shape(op, "inv (planes, channels)", inv, (PLANES[out], channels))
    if out == "b1x2":
        return (TensorType("b1", shape), TensorType("b1", shape))
    return (TensorType(out, shape),)


def apply_steps(out: str, acc: Array, consts: Sequence[Array]) -> tuple[Array, ...]:
    """Return the output arrays of an accumulator ``(B, .., C)``."""
    if out == "i32":
        return (acc,)
    t, inv = consts
    planes = []
    for thresholds, inverted in zip(t, inv, strict=True):
        bit = np.broadcast_to(inverted > 0, acc.shape)
        for row in thresholds:
            bit = bit ^ (acc >= row)
        planes.append(bit)
    if out == "t2":
        return ((planes[0].astype(np.int8) - planes[1].astype(np.int8)).astype(np.int8),)
    return tuple(np.where(bit, 1, -1).astype(np.int8) for bit in planes)


def step_types(out: str, flips: int, channels: int, dtype: str = "i16") -> tuple[TensorType, ...]:
    """Return the types of (t, inv) for examples; () for ``out="i32"``."""
    if out == "i32":
        return ()
    planes = PLANES[out]
    return (TensorType(dtype, (planes, flips, channels)), TensorType("b1", (planes, channels)))
