"""What error-correcting codes leave of a chip's wrong cells.

Only words that hold a wrong cell are decoded, so the cost follows the errors and not
the image; ``image.protection.decode_images`` is the same on whole images.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hysteron.chips.draw import Faults, SectionFaults
from hysteron.errors import InputError
from hysteron.image.layout import ImageLayout, Section, section_bytes
from hysteron.image.protection import (
    SectionCode,
    WordCounts,
    decode_images,
    is_copies,
    policy_named,
    section_code,
)
from hysteron.memory.ecc import Status

Bits = npt.NDArray[np.uint8]
Index = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class _Stored:
    """A protected section as it was written: its code, data words and check words."""

    section: Section
    checks: tuple[Section, ...]
    coder: SectionCode
    data: Bits
    check: Bits


class ChipDecoder:
    """Decodes the chips of one set of error-free images; used by several threads at once."""

    def __init__(self, layout: ImageLayout, images: Mapping[str, bytes]) -> None:
        """Cut the images into words. Raises InputError when they hold errors themselves."""
        seen = decode_images(layout, images).total
        if seen.corrected or seen.detected:
            raise InputError(
                "the images have errors before any chip is drawn",
                got=f"{seen.corrected + seen.detected} words",
            )
        self._layout = layout
        self._stored = [self._store(section, images) for section in layout.protected]

    def _store(self, section: Section, images: Mapping[str, bytes]) -> _Stored:
        coder, checks = section_code(section), self._layout.checks_of(section.name)
        data = coder.cut(section_bytes(section, images))
        check = coder.cut_checks(tuple(section_bytes(one, images) for one in checks))
        return _Stored(section, checks, coder, data, check)

    def decode(self, wrong: Faults) -> tuple[Faults, WordCounts]:
        """Return the wrong cells of data sections after decoding, and what the decoders saw."""
        left = {
            name: found
            for name, found in wrong.items()
            if not self._layout.section(name).code and not self._layout.section(name).protects
        }
        total = WordCounts()
        for stored in self._stored:
            found, counts = _decode(stored, wrong)
            total += counts
            if found.cell.size:
                left[stored.section.name] = found
        return left, total


def _decode(stored: _Stored, wrong: Faults) -> tuple[SectionFaults, WordCounts]:
    flips = [_bits(stored, part, wrong) for part in (stored.section, *stored.checks)]
    rows = np.unique(np.concatenate([row for row, _ in flips]))
    data, check = stored.data[rows], stored.check[rows]
    _flip(data, rows, *flips[0])
    width = data.shape[1]
    for number, (row, column) in enumerate(flips[1:]):
        _flip(check, rows, row, column + number * width)
    words, status = stored.coder.decode(data, check, policy_named(stored.section.policy), rows)
    corrected, detected = (int((status == s).sum()) for s in (Status.CORRECTED, Status.DETECTED))
    counts = WordCounts(len(stored.data), corrected, detected)
    return _cells(stored, rows, words ^ stored.data[rows]), counts


def _bits(stored: _Stored, part: Section, wrong: Faults) -> tuple[Index, Index]:
    """Return (code word, bit in the part's word) of every flipped bit of a section."""
    found = wrong.get(part.name)
    if found is None:
        none = np.zeros(0, dtype=np.int64)
        return none, none
    if part.protects and not is_copies(stored.section.code):
        return found.cell // stored.check.shape[1], found.cell % stored.check.shape[1]
    byte, bit = part.cells.locate(found.cell)
    hit = (found.planes[:, None] >> np.arange(byte.shape[1], dtype=np.uint8) & 1).astype(bool)
    where = byte[hit] * 8 + bit[hit]
    width = stored.data.shape[1]
    return np.searchsorted(stored.coder.cells.used, where // width), where % width


def _flip(words: Bits, rows: Index, row: Index, column: Index) -> None:
    """Flip bits of words, whose numbers are ``rows``, in place; each bit is listed once."""
    words[np.searchsorted(rows, row), column] ^= 1


def _cells(stored: _Stored, rows: Index, differ: Bits) -> SectionFaults:
    """Return the cells of the bits that differ."""
    row, column = np.nonzero(differ)
    where = stored.coder.cells.used[rows[row]] * differ.shape[1] + column
    cell, plane = stored.section.cells.index(where // 8, where % 8)
    cells, place = np.unique(cell, return_inverse=True)
    planes = np.zeros(cells.size, dtype=np.uint8)
    np.bitwise_or.at(planes, place, np.left_shift(1, plane).astype(np.uint8))
    return SectionFaults(cells.astype(np.int64), planes)
