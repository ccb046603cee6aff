"""Closed-form bijection between logical memory cells and image bits.

A cell is what a memory stores: one binary weight (one bit), one ternary weight
(two bits, one in each plane), or one bit of a plain integer. Cells are numbered
in logical order, whatever layout holds them, so a chip keeps its errors when an
image is laid out anew. Padding bits belong to no cell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Index = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Axis:
    """One logical axis: entry i sits at ``(i % block) * stride + (i // block) * block_stride``.

    ``block`` 0 means the axis is not split: entry i sits at ``i * stride``.
    Strides count bits.
    """

    extent: int
    stride: int
    block: int = 0
    block_stride: int = 0

    def offset(self, index: Index) -> Index:
        """Return the bit offset of each entry of ``index``."""
        if not self.block:
            return index * self.stride
        return (index % self.block) * self.stride + (index // self.block) * self.block_stride

    def digits(self) -> tuple[tuple[int, int], ...]:
        """Return (stride, multiplier): what one step at that stride adds to the entry."""
        if not self.block:
            return ((self.stride, 1),)
        return ((self.block_stride, self.block), (self.stride, 1))


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of one section: row-major over ``axes``, ``planes`` bits each.

    Bit b of the section is bit ``b % 8`` of byte ``b // 8``. ``plane_stride`` is
    the distance in bits between the planes of one cell.
    """

    axes: tuple[Axis, ...]
    planes: int
    plane_stride: int

    @property
    def count(self) -> int:
        """Number of cells."""
        total = 1
        for axis in self.axes:
            total *= axis.extent
        return total

    def locate(self, cell: npt.ArrayLike) -> tuple[Index, Index]:
        """Return (byte, bit) of each cell, both of shape ``cell.shape + (planes,)``."""
        rest = np.asarray(cell, dtype=np.int64)
        base = np.zeros_like(rest)
        for axis in reversed(self.axes):
            base += axis.offset(rest % axis.extent)
            rest = rest // axis.extent
        plane = np.arange(self.planes, dtype=np.int64) * self.plane_stride
        where = base[..., None] + plane
        return where >> 3, where & 7

    def index(self, byte: npt.ArrayLike, bit: npt.ArrayLike) -> tuple[Index, Index]:
        """Return (cell, plane) that owns each bit; -1 in both where it is padding."""
        where = np.asarray(byte, dtype=np.int64) * 8 + np.asarray(bit, dtype=np.int64)
        plane = where // self.plane_stride if self.plane_stride else np.zeros_like(where)
        rest = where - plane * self.plane_stride
        entries = [np.zeros_like(where) for _ in self.axes]
        # Strides nest (each is at least the span of all smaller ones), so dividing
        # by them in descending order is unique; the sort is stable, the outer axis first.
        digits = [
            (stride, factor, number)
            for number, axis in enumerate(self.axes)
            for stride, factor in axis.digits()
        ]
        for stride, factor, number in sorted(digits, key=lambda digit: -digit[0]):
            entries[number] += (rest // stride) * factor
            rest = rest % stride
        cell = np.zeros_like(where)
        valid = (plane >= 0) & (plane < self.planes)
        for axis, entry in zip(self.axes, entries, strict=True):
            cell = cell * axis.extent + entry
            valid &= (entry < axis.extent) & (entry >= 0)
        # A bit inside a block but past it (or past an extent) does not map back.
        back = self._base(np.where(valid, cell, 0)) + plane * self.plane_stride
        valid &= back == where
        return np.where(valid, cell, -1), np.where(valid, plane, -1)

    def _base(self, cell: Index) -> Index:
        """Return the bit position of plane 0 of each cell."""
        byte, bit = self.locate(cell)
        where: Index = byte[..., 0] * 8 + bit[..., 0]
        return where

    def describe(self) -> dict[str, object]:
        """Return the bijection as JSON values (``image.json``)."""
        axes = []
        for axis in self.axes:
            entry: dict[str, int] = {"extent": axis.extent, "stride_bits": axis.stride}
            if axis.block:
                entry |= {"block": axis.block, "block_stride_bits": axis.block_stride}
            axes.append(entry)
        return {
            "count": self.count,
            "order": "row-major",
            "bits_per_cell": self.planes,
            "plane_stride_bits": self.plane_stride,
            "axes": axes,
            "bit_order": "bit b is bit b%8 of byte b/8",
        }
