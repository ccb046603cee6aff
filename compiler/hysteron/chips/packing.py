"""From the bits of a section to the levels of memory cells, and back.

2 levels      one cell per bit: bit p of weight k is cell k * planes + p
3 levels      one cell per ternary weight; a raw 11 counts as 0
n = 2^b       b consecutive bits share a cell, Gray-coded, the first bit most significant;
              the last cell is filled up with zeros, which are nobody's
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hysteron.image.layout import Section
from hysteron.memory.gray import gray_bits, gray_level
from hysteron.memory.states.base import Levels, Mask
from hysteron.memory.technology import Technology

Bits = npt.NDArray[np.uint8]
Index = npt.NDArray[np.int64]

#: Planes of the levels -1, 0, +1.
TERNARY_CODES = np.array([2, 0, 1], dtype=np.uint8)
_TERNARY_LEVELS = np.array([1, 2, 0, 1], dtype=np.int8)


@dataclass(frozen=True)
class Packing:
    """How ``cells`` logical cells of ``planes`` bits fill memory cells of ``levels`` levels."""

    levels: int
    planes: int
    cells: int

    @property
    def bits_per_cell(self) -> int:
        """Bits in one memory cell; a ternary cell holds both bits of its weight."""
        return 2 if self.levels == 3 else self.levels.bit_length() - 1

    @property
    def count(self) -> int:
        """Memory cells that are needed."""
        return -(-self.cells * self.planes // self.bits_per_cell)

    def pack(self, bits: Bits) -> Levels:
        """Return the levels (count,) that hold bits (planes, cells)."""
        if self.levels == 3:
            found: Levels = _TERNARY_LEVELS[bits[0] | bits[1] << np.uint8(1)]
            return found
        flat = np.ascontiguousarray(bits.T).reshape(-1)
        if self.levels == 2:
            return flat.astype(np.int8)
        width = self.bits_per_cell
        padded = np.zeros(self.count * width, dtype=np.int64)
        padded[: flat.size] = flat
        codes = padded.reshape(-1, width) @ (1 << np.arange(width)[::-1])
        table = [gray_level(tuple(c >> k & 1 for k in reversed(range(width))))
                 for c in range(self.levels)]  # fmt: skip
        return np.array(table, dtype=np.int8)[codes]

    def touched(self, bits: Bits) -> Mask:
        """Return the memory cells (count,) that hold one of the bits set in (planes, cells)."""
        if self.levels == 3:
            return np.asarray(bits.any(axis=0))
        flat = np.zeros(self.count * self.bits_per_cell, dtype=np.bool_)
        flat[: bits.size] = np.ascontiguousarray(bits.T).reshape(-1)
        return np.asarray(flat.reshape(self.count, -1).any(axis=1))

    def wrong(self, index: Index, stored: Levels, read: Levels) -> tuple[Index, Bits]:
        """Return (logical cells, planes that flip) of memory cells whose levels differ.

        ``stored`` and ``read`` are their levels, ``index`` their numbers in ascending order.
        """
        if self.levels == 3:
            return index, TERNARY_CODES[stored] ^ TERNARY_CODES[read]
        width = self.bits_per_cell
        codes = np.array([gray_bits(level, width) for level in range(self.levels)], np.uint8)
        one, position = np.nonzero(codes[stored] ^ codes[read])
        place = index[one] * width + position
        place = place[place < self.cells * self.planes]  # spare bits are nobody's
        cell, where = np.unique(place // self.planes, return_inverse=True)
        planes = np.zeros(cell.size, dtype=np.uint8)
        np.bitwise_or.at(planes, where, (1 << place % self.planes).astype(np.uint8))
        return cell, planes


def levels_for(section: Section, technology: Technology) -> int:
    """Return the levels of the cells that hold a section."""
    if section.type.dtype == "t2" and technology.stores(3):
        return 3
    return technology.bit_levels


def packing_of(section: Section, technology: Technology) -> Packing:
    """Return how a section fills the cells of a technology."""
    cells = section.cells
    return Packing(levels_for(section, technology), cells.planes, cells.count)
