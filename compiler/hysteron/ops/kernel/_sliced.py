"""Buffers of the bit-sliced kernels (runtime_c/include/hyst/sliced_steps.h), shared by two ops."""

from __future__ import annotations

from typing import Final, Protocol

from hysteron.ir.op import Op
from hysteron.ir.types import TensorType
from hysteron.ops.kernel._base import (
    BINARY_LAYOUT_CODES,
    DTYPE_CODES,
    Params,
    check_dtype,
    check_field,
    row_words,
)
from hysteron.ops.kernel._steps import PLANES

#: Words that a 16-bit byte offset reaches: HYST_LIST_SPAN.
LIST_SPAN: Final = 2**14
#: Sums over taps outside the map that a convolution keeps: HYST_BORDER_SLOTS.
SLOTS: Final = 3


class SlicedOp(Protocol):
    """What the buffers depend on beside the tensor types."""

    @property
    def layout(self) -> str:
        """Weight layout."""

    @property
    def out(self) -> str:
        """Output kind."""

    @property
    def flips(self) -> int:
        """Flip points of a step."""


def check_layout(op: Op, layout: str, x: TensorType, w: TensorType) -> None:
    """Raise ShapeError unless ``layout`` is known and holds these operands."""
    check_field(op, "layout", layout, tuple(BINARY_LAYOUT_CODES))
    if layout == "sliced_ct":
        check_dtype(op, "x with layout sliced_ct", x, "b1")
        check_dtype(op, "w with layout sliced_ct", w, "b1")


def stored_layout(layout: str) -> str:
    """Return the encoding of the weights."""
    return "rows" if layout == "rows" else "sliced"


def counter_planes(k: int) -> int:
    """Return the planes that hold 0 .. 4 k + 1."""
    return (4 * k + 1).bit_length()


def blocks_of(outputs: int, groups: int) -> int:
    """Return the blocks of 32 outputs of all groups."""
    return groups * -(-(outputs // groups) // 32)


def table_steps(op: SlicedOp, types: tuple[TensorType, ...]) -> int:
    """Return the rows of thresholds that become tables; 0 where plain sums are kept."""
    return 0 if types[1].dtype == "t2" else PLANES[op.out] * op.flips


def sums_bytes(op: SlicedOp, types: tuple[TensorType, ...], groups: int) -> int:
    """Return the bytes that ``hyst_sliced_sums`` fills: 4 per output, or two tables per step."""
    x, w = types[:2]
    if op.layout == "rows" or x.dtype != "b1":
        return 0
    tables = 8 * table_steps(op, types) * counter_planes(w.size // w.shape[0])
    return tables * blocks_of(w.shape[0], groups) if tables else 4 * w.shape[0]


def sums_params(op: SlicedOp, types: tuple[TensorType, ...], groups: int) -> Params:
    """Return the integer arguments of ``hyst_sliced_sums`` in C order."""
    w = types[1]
    return (
        ("t_type", DTYPE_CODES[types[2].dtype if len(types) > 2 else "i32"]),
        ("steps", table_steps(op, types)),
        ("k", w.size // w.shape[0]),
        ("n", w.shape[0]),
        ("groups", groups),
        ("ternary", int(w.dtype == "t2")),
    )


def one_list(k: int) -> int:
    """Return the bytes of the list of the fewer of ones and zeros of ``k`` bits."""
    return _aligned(2 * (k if k > LIST_SPAN else k // 2))


def two_lists(k: int) -> int:
    """Return the bytes of the lists of +1 and of -1 elements."""
    return 2 * _aligned(2 * k)


def list_scratch(x: TensorType, w: TensorType, k: int, patches: int) -> int:
    """Return the scratch of a sliced product: ``patches`` of signs and mask, then lists.

    Binary operands need one list and, from a dense input, no patch.
    """
    if x.dtype == w.dtype == "b1" and not patches:
        return one_list(k)
    return 16 * row_words(k) * max(patches, 1) + two_lists(k)


def shared_list_scratch(columns: int, depth: int, kernel_h: int, blocks: int, planes: int) -> int:
    """Return the scratch of ``hyst_xnor_sliced_conv``: positions, sums outside, list."""
    entries = columns * depth * kernel_h // 2
    return _aligned(4 * (columns + 1) + border_bytes(blocks, planes) + 2 * entries)


def border_bytes(blocks: int, planes: int) -> int:
    """Return the bytes of the kept sums over taps outside the map."""
    return 4 * SLOTS * blocks * planes


def _aligned(size: int) -> int:
    return (size + 7) // 8 * 8
