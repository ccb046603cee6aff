"""Sliding windows over (H, W, C) maps: shape rule, tap gathering, C parameters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from hysteron.errors import ShapeError
from hysteron.ir.types import TensorType
from hysteron.ops.kernel._base import I32_MAX, Params


class Windowed(Protocol):
    """An op with the stride, pad and dilation fields."""

    @property
    def stride_h(self) -> int:
        """Rows between windows."""

    @property
    def stride_w(self) -> int:
        """Columns between windows."""

    @property
    def pad_top(self) -> int:
        """Rows added above."""

    @property
    def pad_left(self) -> int:
        """Columns added at the left."""

    @property
    def pad_bottom(self) -> int:
        """Rows added below."""

    @property
    def pad_right(self) -> int:
        """Columns added at the right."""

    @property
    def dilation_h(self) -> int:
        """Rows between taps."""

    @property
    def dilation_w(self) -> int:
        """Columns between taps."""


def output_size(
    op: Windowed, height: int, width: int, kernel_h: int, kernel_w: int
) -> tuple[int, int]:
    """Return (OH, OW). Raises ShapeError when a field is out of range or no window fits."""
    name = getattr(op, "name", "")
    for field, low in (("stride", 1), ("dilation", 1)):
        for axis in "hw":
            value = getattr(op, f"{field}_{axis}")
            if not low <= value <= 2**15:
                raise ShapeError(
                    f"{name}: {field}_{axis}", got=str(value), wanted=f"{low} .. 32768"
                )
    pads = (op.pad_top, op.pad_left, op.pad_bottom, op.pad_right)
    if min(pads) < 0 or max(pads) > 2**15:
        raise ShapeError(f"{name}: pads", got=str(pads), wanted="0 .. 32768")
    span_h = op.dilation_h * (kernel_h - 1) + 1
    span_w = op.dilation_w * (kernel_w - 1) + 1
    room_h = height + op.pad_top + op.pad_bottom - span_h
    room_w = width + op.pad_left + op.pad_right - span_w
    if min(room_h, room_w, kernel_h - 1, kernel_w - 1) < 0 or max(span_h, span_w) > I32_MAX:
        raise ShapeError(
            f"{name}: no window fits",
            got=f"window {span_h}x{span_w} on {height}x{width} with pads {pads}",
            wanted="a window not larger than the padded map",
        )
    return room_h // op.stride_h + 1, room_w // op.stride_w + 1


def taps(
    op: Windowed, x: npt.NDArray[Any], kernel_h: int, kernel_w: int, fill: float
) -> npt.NDArray[Any]:
    """Return (B, OH, OW, KH, KW, C): every tap of every window, ``fill`` outside the map."""
    batch, height, width, channels = x.shape
    out_h, out_w = output_size(op, height, width, kernel_h, kernel_w)
    padded = np.full(
        (
            batch,
            height + op.pad_top + op.pad_bottom,
            width + op.pad_left + op.pad_right,
            channels,
        ),
        fill,
        dtype=x.dtype,
    )
    padded[:, op.pad_top : op.pad_top + height, op.pad_left : op.pad_left + width] = x
    out = np.empty((batch, out_h, out_w, kernel_h, kernel_w, channels), dtype=x.dtype)
    for i in range(kernel_h):
        for j in range(kernel_w):
            top, left = i * op.dilation_h, j * op.dilation_w
            out[:, :, :, i, j] = padded[
                :,
                top : top + (out_h - 1) * op.stride_h + 1 : op.stride_h,
                left : left + (out_w - 1) * op.stride_w + 1 : op.stride_w,
            ]
    return out


def window_params(op: Windowed) -> Params:
    """Return the window fields that the C side reads (end pads follow from the sizes)."""
    fields = ("stride_h", "stride_w", "pad_top", "pad_left", "dilation_h", "dilation_w")
    return tuple((field, getattr(op, field)) for field in fields)


def pool_params(op: Windowed, x: TensorType, kernel_h: int, kernel_w: int) -> Params:
    """Return the geometry fields of a pooling kernel in C order."""
    height, width, channels = x.shape
    out_h, out_w = output_size(op, height, width, kernel_h, kernel_w)
    return (
        ("in_h", height),
        ("in_w", width),
        ("channels", channels),
        ("out_h", out_h),
        ("out_w", out_w),
        ("kernel_h", kernel_h),
        ("kernel_w", kernel_w),
        *window_params(op),
    )


def pool_examples() -> Iterator[tuple[tuple[int, int, int], dict[str, int]]]:
    """Yield (x shape, fields): ragged channels, strides, dilations, asymmetric pads."""
    square = {"kernel_h": 2, "kernel_w": 2, "stride_h": 2, "stride_w": 2}
    for channels in (1, 3, 8, 31, 32, 33, 64, 65, 128):
        yield (4, 5, channels), square
        yield (
            (3, 5, channels),
            {"kernel_h": 3, "kernel_w": 2, "pad_top": 1, "pad_right": 1, "stride_w": 2},
        )
    yield (9, 7, 5), {"kernel_h": 3, "kernel_w": 2, "dilation_h": 2, "dilation_w": 3}
    yield (5, 4, 7), {"kernel_h": 3, "kernel_w": 3, "pad_top": 2, "pad_left": 1, "pad_bottom": 2}
    yield (1, 12, 6), {"kernel_w": 4, "stride_w": 4}
    yield (2, 2, 3), {"kernel_h": 2, "kernel_w": 2, "pad_top": 3, "pad_right": 4}
    yield (8, 8, 64), {"kernel_h": 8, "kernel_w": 8}
