"""Chips of the marginal engine: every cell errs on its own, by its derived channel.

Right for one observation of an array written once; docs/chips.md says where the
state of a cell must be followed instead. A draw below the probability of reading
low is an error downwards, one above 1 - the probability of reading high an error
upwards, so raw error sets nest along any axis on which all error probabilities grow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from hysteron.chips import native
from hysteron.chips.philox import Stream, Words, below, threshold
from hysteron.errors import InputError
from hysteron.image.layout import ImageLayout, Images, Section, check_images, section_bytes
from hysteron.memory.channel import Channel

Cells = npt.NDArray[np.int64]
Bits = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class SectionFaults:
    """Wrong cells in ascending order; bit p of ``planes`` says that plane p of the cell flips."""

    cell: Cells
    planes: Bits


#: Wrong cells by section name; sections without an entry are right.
Faults = Mapping[str, SectionFaults]


def stored_bits(section: Section, images: Mapping[str, bytes]) -> Bits:
    """Return the stored bits (planes, cells) of a section in logical order."""
    raw = section.encoding.load(section_bytes(section, images), section.type)
    if section.type.dtype in ("b1", "t2"):
        return raw.reshape(raw.shape[0], -1).astype(np.uint8)
    width = section.cells.count // max(section.type.size, 1)
    integers = raw.reshape(-1, 1).astype(np.uint64)
    bits = integers >> np.arange(width, dtype=np.uint64) & np.uint64(1)
    return bits.reshape(1, -1).astype(np.uint8)


@lru_cache(maxsize=256)
def _packed_bits(section: Section, region: bytes) -> tuple[Bits, ...]:
    """Return the stored bits of each plane, packed: the same for every chip of an image."""
    bits = stored_bits(section, {section.region: region})
    return tuple(np.packbits(plane, bitorder="little") for plane in bits)


def faults(
    layout: ImageLayout,
    images: Mapping[str, bytes],
    channels: Mapping[str, Channel],
    seed: int,
    chip: int,
) -> Faults:
    """Return the wrong cells of one chip.

    ``channels`` has an error channel per section name; other sections are perfect.
    Two levels act on each bit of a cell, three on ternary weights (-1, 0, +1; a
    raw 11 counts as 0). Raises InputError for sections or images that do not fit,
    ToolchainError without a C compiler.
    """
    check_images(layout, images)
    found: dict[str, SectionFaults] = {}
    for name, channel in channels.items():
        section = layout.section(name)
        stream = Stream(seed, chip, name)
        if channel.levels == 2:
            down, up = threshold(channel.p10), threshold(channel.p01)
            planes = _drawn(section, images[section.region], stream, down, up)
            wrong = _joined([cell for cell, _ in planes])
        elif channel.levels == 3 and section.type.dtype == "t2":
            flips = _ternary(stored_bits(section, images), channel, stream)
            cell = np.flatnonzero(flips).astype(np.int64)
            wrong = SectionFaults(cell, flips[cell])
        else:
            got = f"{channel.levels} levels for {section.type}"
            raise InputError("error channel does not fit the section", where=name, got=got)
        if wrong.cell.size:
            found[name] = wrong
    return found


def _drawn(
    section: Section, region: bytes, stream: Stream, down: int, up: int
) -> list[tuple[Cells, Words]]:
    """Return (cell, depth) of the wrong bits of each plane, cells ascending."""
    return [
        native.marginal_packed(stream, packed, section.cells.count, down, up, plane)
        for plane, packed in enumerate(_packed_bits(section, region))
    ]


def _joined(planes: list[Cells]) -> SectionFaults:
    """Return the cells that are wrong in any plane, each once."""
    if len(planes) == 1:
        return SectionFaults(planes[0], np.ones(planes[0].size, dtype=np.uint8))
    cell = np.unique(np.concatenate(planes))
    flips = np.zeros(cell.size, dtype=np.uint8)
    for plane, wrong in enumerate(planes):
        flips[np.searchsorted(cell, wrong)] |= np.uint8(1 << plane)
    return SectionFaults(cell, flips)


_CODES = np.array([2, 0, 1], dtype=np.uint8)  # planes of the levels -1, 0, +1


def _ternary(bits: Bits, channel: Channel, stream: Stream) -> Bits:
    raw = bits[0] | bits[1] << np.uint8(1)
    level = np.array([1, 2, 0, 1], dtype=np.int8)[raw]
    draws = native.draw(stream, level.size, "marginal")
    read = level.copy()
    for stored, row in enumerate(channel.matrix):
        mine = level == stored
        lower = list(accumulate(row[:stored]))
        upper = list(accumulate(row[:stored:-1]))
        for target in range(stored - 1, -1, -1):
            read[mine & below(draws, threshold(lower[target]))] = target
        for target in range(stored + 1, 3):
            read[mine & below(~draws, threshold(upper[2 - target]))] = target
    wrong = read != level
    return np.where(wrong, raw ^ _CODES[read], 0).astype(np.uint8)


def apply(layout: ImageLayout, images: Mapping[str, bytes], wrong: Faults) -> Images:
    """Return the images with every listed cell flipped. Raises InputError when they do not fit."""
    check_images(layout, images)
    bytes_of = {region: np.frombuffer(data, np.uint8).copy() for region, data in images.items()}
    for name, found in wrong.items():
        section = layout.section(name)
        cells = section.cells
        if found.cell.size and not 0 <= found.cell.min() <= found.cell.max() < cells.count:
            raise InputError("faulty cell outside its section", where=name)
        byte, bit = cells.locate(found.cell)
        for plane in range(cells.planes):
            hit = (found.planes >> np.uint8(plane) & 1).astype(bool)
            masks = np.left_shift(1, bit[hit, plane]).astype(np.uint8)
            at = section.offset + byte[hit, plane]
            np.bitwise_xor.at(bytes_of[section.region], at, masks)
    return {region: array.tobytes() for region, array in bytes_of.items()}


def chip_images(
    layout: ImageLayout,
    images: Mapping[str, bytes],
    channels: Mapping[str, Channel],
    seed: int,
    chip: int,
) -> Images:
    """Return what one chip holds: ``apply`` of its ``faults``."""
    return apply(layout, images, faults(layout, images, channels, seed, chip))


class NestedDraw:
    """One chip drawn once up to a bit error rate; smaller rates are parts of it.

    For errors that are as likely in both directions and at every listed section.
    """

    def __init__(
        self,
        layout: ImageLayout,
        images: Mapping[str, bytes],
        sections: tuple[str, ...],
        largest: float,
        seed: int,
        chip: int,
    ) -> None:
        """Draw every cell of ``sections`` at the rate ``largest``."""
        check_images(layout, images)
        self.largest = largest
        limit = threshold(Channel.symmetric(largest).p01)
        self._drawn = {}
        for name in sections:
            section, stream = layout.section(name), Stream(seed, chip, name)
            self._drawn[name] = _drawn(section, images[section.region], stream, limit, limit)

    def below(self, rate: float) -> Faults:
        """Return the faults at a rate up to ``largest``: the same as ``faults`` draws there."""
        if not 0.0 <= rate <= self.largest:
            raise InputError("rate out of the drawn range", got=str(rate), wanted=str(self.largest))
        found: dict[str, SectionFaults] = {}
        limit = threshold(Channel.symmetric(rate).p01)
        for name, planes in self._drawn.items():
            wrong = _joined([cell[below(depth, limit)] for cell, depth in planes])
            if wrong.cell.size:
                found[name] = wrong
        return found
