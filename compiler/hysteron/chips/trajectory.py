"""Chips of the trajectory engine: every cell has a state, and one life.

    previous data -> write -> verify, retry -> retention -> read disturb -> (scrub: read and
    write again, any number of times) -> sense

Persistent parameters (a cell's barrier, a device, an amplifier's offset, a die's shift) are
drawn once per chip, events by what they are for, so a chip at another time or after another
history is the same specimen. Every number is keyed by (seed, chip, section, cell, mechanism,
event): order, threads and layouts do not matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from hysteron.chips.draw import Faults, SectionFaults, stored_bits
from hysteron.chips.life import Life, Part, estimated_rate, lived, named, resolved_part
from hysteron.chips.packing import Bits, Index, Packing, packing_of
from hysteron.chips.philox import Stream
from hysteron.chips.purpose import SectionDraws, deviates, words_at
from hysteron.chips.scrub import PlacedLife, listed, live_together
from hysteron.image.layout import ImageLayout, check_images
from hysteron.memory.states.base import Cells, Levels, Site, Vector

__all__ = ["SENSE", "Part", "Specimen", "Trajectory", "estimated_rate", "lived", "resolved_part"]

#: How often a weight is sensed; the first is the default.
SENSE = ("inference", "xnor", "per-fetch")
_NOISE_REACH = 8.3  # standard deviations; a 53-bit normal deviate goes to 8.2
_DENSE = 0.1  # share of undecided cells from which drawing all of them is faster


@dataclass(frozen=True)
class SensedSection:
    """Cells that a noisy read may misread, with what they read without noise."""

    part: Part
    packing: Packing
    cells: Cells
    quiet: Levels
    undecided: Index
    stream: Stream


@dataclass(frozen=True)
class Specimen:
    """One chip: ``faults`` are its wrong cells without noise, ``sensed`` what noise may add."""

    faults: Faults
    sensed: Mapping[str, SensedSection]

    def reads(self, inference: int) -> Faults:
        """Return the cells that one inference reads differently from ``faults``.

        Once per inference whatever the kernel fetches; ``inference`` < 2^24.
        """
        found: dict[str, SectionFaults] = {}
        for name, section in self.sensed.items():
            if wrong := _misread(section, inference):
                found[name] = wrong
        return found

    def products(
        self, name: str, inference: int, positions: int
    ) -> tuple[Index, Index, Bits] | None:
        """Return (position, cell, planes) of wrong products when each position senses anew.

        None where nothing is misread. Cells of several bits are sensed whole.
        """
        section = self.sensed.get(name)
        if section is None or not section.undecided.size:
            return None
        where, count = section.undecided, section.packing.count
        stream = replace(section.stream, section=f"{name} by product")
        cells = np.tile(where, positions)
        place = np.repeat(np.arange(positions), where.size)
        words = words_at(stream, place * count + cells, "sense", inference)
        now = section.cells.read(section.part.noise * deviates(words), cells)
        differ = now != section.quiet[cells]
        if not differ.any():
            return None
        found: list[tuple[Index, Index, Bits]] = []
        for position in np.unique(place[differ]):
            mine = differ & (place == position)
            stored = section.quiet[cells[mine]]
            cell, planes = section.packing.wrong(cells[mine], stored, now[mine])
            found.append((np.full(cell.size, position), cell, planes))
        position, cell, planes = (np.concatenate(part) for part in zip(*found, strict=True))
        return position, cell, planes


@dataclass(frozen=True)
class Trajectory:
    """The trajectory engine: a technology with resolved conditions per section name.

    ``previous`` holds the images that were in the memory before, for technologies whose
    failed writes leave old data; without it their option ``previous`` says. ``sense`` is how
    often a weight is sensed: once per "inference", or "xnor", "per-fetch" (campaign.products).
    """

    parts: Mapping[str, Part]
    previous: Mapping[str, bytes] | None = field(default=None, compare=False)
    sense: str = SENSE[0]

    @property
    def sections(self) -> tuple[str, ...]:
        """Return the sections that are placed in a technology."""
        return tuple(self.parts)

    @property
    def has_sense_errors(self) -> bool:
        """Return whether inferences differ on one chip."""
        return any(part.noise > 0 for part in self.parts.values())

    def faults(
        self, layout: ImageLayout, images: Mapping[str, bytes], seed: int, chip: int
    ) -> Faults:
        """Return the cells that read wrong without noise. Raises InputError where nothing fits."""
        return self.specimen(layout, images, seed, chip).faults

    def reads(
        self, layout: ImageLayout, images: Mapping[str, bytes], seed: int, chip: int, inference: int
    ) -> Faults:
        """Return the cells that one inference reads differently from ``faults``."""
        return self.specimen(layout, images, seed, chip).reads(inference)

    def specimen(
        self, layout: ImageLayout, images: Mapping[str, bytes], seed: int, chip: int
    ) -> Specimen:
        """Return one chip that was to hold ``images``."""
        check_images(layout, images)
        if self.previous is not None:
            check_images(layout, self.previous)
        lives = {
            name: self._born(layout, images, name, Stream(seed, chip, name)) for name in self.parts
        }
        live_together(layout, images, lives)
        found: dict[str, SectionFaults] = {}
        sensed: dict[str, SensedSection] = {}
        for name, placed in lives.items():
            read = placed.seen(placed.life.cells.read())
            if wrong := placed.listed(read):
                found[name] = wrong
            if placed.life.part.noise:
                sensed[name] = _sensed(placed, read)
        return Specimen(found, sensed)

    def _born(
        self, layout: ImageLayout, images: Mapping[str, bytes], name: str, stream: Stream
    ) -> PlacedLife:
        """Return the cells of a section before their first write."""
        part, section = self.parts[name], layout.section(name)
        packing = packing_of(section, part.technology)
        old = None
        if self.previous is not None:
            old = packing.pack(stored_bits(section, self.previous))
        column, die = _column_deviates(part, packing, stream), _die_deviate(part, stream)
        site = Site(packing.count, SectionDraws(stream, packing.count), column, die, old)
        cells = part.technology.cells(packing.levels, part.values, site)
        stored = packing.pack(stored_bits(section, images))
        return PlacedLife(Life(part, cells, site), packing, stored, stream)


def _column_deviates(part: Part, packing: Packing, stream: Stream) -> Vector | float:
    """Return the deviate of each cell's amplifier; every section has amplifiers of its own."""
    if not named(part.values, "column_offset_sigma") or not packing.count:
        return 0.0
    amplifier = part.technology.geometry.amplifier(np.arange(packing.count))
    return SectionDraws(stream, int(amplifier.max()) + 1).normal("column")[amplifier]


def _die_deviate(part: Part, stream: Stream) -> float:
    """Return the deviate of the chip: one for all sections in the same technology."""
    if not part.values.get("die_sigma"):
        return 0.0
    die = Stream(stream.seed, stream.chip, f"die {part.technology.name}")
    return float(SectionDraws(die, 1).normal("die")[0])


def _sensed(placed: PlacedLife, read: Levels) -> SensedSection:
    """Return the cells whose read the noise can turn; defects do not listen to the noise."""
    part, cells = placed.life.part, placed.life.cells
    reach, quiet = _NOISE_REACH * part.noise, cells.read()
    turned = (cells.read(reach) != quiet) | (cells.read(-reach) != quiet)
    undecided = np.flatnonzero(turned & (read == quiet))
    return SensedSection(part, placed.packing, cells, quiet, undecided, placed.stream)


def _misread(section: SensedSection, inference: int) -> SectionFaults | None:
    where = section.undecided
    if not where.size:
        return None
    if where.size > _DENSE * section.packing.count:
        draws = SectionDraws(section.stream, section.packing.count)
        words = draws.words("sense", inference)[where]
    else:
        words = words_at(section.stream, where, "sense", inference)
    now = section.cells.read(section.part.noise * deviates(words), where)
    quiet = section.quiet[where]
    differ = now != quiet
    return listed(section.packing, where[differ], quiet[differ], now[differ])
