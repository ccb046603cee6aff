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

from hysteron.chips.defects import any_defect, failed_places, torn_words
from hysteron.chips.draw import Faults, SectionFaults, stored_bits
from hysteron.chips.packing import Bits, Index, Packing, packing_of
from hysteron.chips.philox import Stream
from hysteron.chips.purpose import SectionDraws, deviates, words_at
from hysteron.errors import InputError
from hysteron.image.layout import ImageLayout, check_images
from hysteron.memory.array import intervals
from hysteron.memory.states.base import Cells, Draws, Levels, Site, Vector
from hysteron.memory.technology import Technology

#: How often a weight is sensed; the first is the default.
SENSE = ("inference", "xnor", "per-fetch")
_NOISE_REACH = 8.3  # standard deviations; a 53-bit normal deviate goes to 8.2
_ATTEMPTS = 16  # events of one write; array.WRITE_ATTEMPTS allows no more
_DENSE = 0.1  # share of undecided cells from which drawing all of them is faster


@dataclass(frozen=True)
class Part:
    """A technology and the conditions (all of them, resolved) of one section."""

    technology: Technology
    values: Mapping[str, float]

    @property
    def noise(self) -> float:
        """Standard deviation of the noise of one read."""
        return _named(self.values, "sense_noise")


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
        found: dict[str, SectionFaults] = {}
        sensed: dict[str, SensedSection] = {}
        for name, part in self.parts.items():
            section = layout.section(name)
            packing = packing_of(section, part.technology)
            stored = packing.pack(stored_bits(section, images))
            old = None
            if self.previous is not None:
                old = packing.pack(stored_bits(section, self.previous))
            stream = Stream(seed, chip, name)
            draws = SectionDraws(stream, packing.count)
            column, die = _column_deviates(part, packing, stream), _die_deviate(part, stream)
            cells = lived(
                part, packing.levels, stored, Site(packing.count, draws, column, die, old)
            )
            read = _with_defects(part, packing, cells.read(), stream)
            differ = np.flatnonzero(stored != read)
            if wrong := _listed(packing, differ, stored[differ], read[differ]):
                found[name] = wrong
            if part.noise:
                sensed[name] = _sensed(part, packing, cells, read, stream)
        return Specimen(found, sensed)


def _named(values: Mapping[str, float], start: str) -> float:
    """Return the condition whose name starts so (its unit may follow), 0 where there is none."""
    return next((value for name, value in values.items() if name.startswith(start)), 0.0)


def lived(part: Part, levels: int, stored: Levels, site: Site) -> Cells:
    """Return cells of ``levels`` levels that were to hold ``stored``, at the moment of the read."""
    technology, values = part.technology, part.values
    cells = technology.cells(levels, values, site)
    hours, every = technology.storage_hours(values), values.get("scrub_interval_hours", 0.0)
    every = every if technology.scrub_matters(values) else 0.0
    scrubs, rest = intervals(hours, every, technology.name)
    reads = values.get("reads", 0.0)
    _program(cells, stored, part, site.draws, 0)
    for number in range(scrubs):
        cells.keep(every, reads * every / hours, number == 0, number)
        noise = part.noise * site.draws.normal("scrub", number) if part.noise else 0.0
        _program(cells, cells.read(noise), part, site.draws, number + 1)
    cells.keep(rest, reads * (rest / hours if scrubs else 1.0), scrubs == 0, scrubs)
    return cells


def estimated_rate(part: Part, levels: int, count: int = 1 << 18) -> float:
    """Return the share of wrong cells among ``count`` drawn ones, each with amplifier and die.

    For conditions whose channel cannot be derived.
    """
    draws = SectionDraws(Stream(0, 0, f"estimate {part.technology.name}"), count)
    stored = (np.arange(count) % levels).astype(np.int8)
    site = Site(count, draws, draws.normal("column"), draws.normal("die"))
    cells = lived(part, levels, stored, site)
    noise = part.noise * draws.normal("sense") if part.noise else 0.0
    return float((cells.read(noise) != stored).mean())


def _program(cells: Cells, target: Levels, part: Part, draws: Draws, number: int) -> None:
    """Write, and with verify again where the target is not read."""
    attempts = int(part.values.get("write_attempts", 1))
    margin, pending = _named(part.values, "verify_margin"), np.ones(target.size, dtype=np.bool_)
    for attempt in range(attempts):
        event = number * _ATTEMPTS + attempt
        cells.write(target, pending, event)
        if attempt + 1 < attempts and part.values.get("verify"):
            noise = part.noise * draws.normal("verify", event) if part.noise else 0.0
            pending = pending & ~cells.verified(target, noise, margin)
            if not pending.any():
                return


def _column_deviates(part: Part, packing: Packing, stream: Stream) -> Vector | float:
    """Return the deviate of each cell's amplifier; every section has amplifiers of its own."""
    if not _named(part.values, "column_offset_sigma") or not packing.count:
        return 0.0
    amplifier = part.technology.geometry.amplifier(np.arange(packing.count))
    return SectionDraws(stream, int(amplifier.max()) + 1).normal("column")[amplifier]


def _die_deviate(part: Part, stream: Stream) -> float:
    """Return the deviate of the chip: one for all sections in the same technology."""
    if not part.values.get("die_sigma"):
        return 0.0
    die = Stream(stream.seed, stream.chip, f"die {part.technology.name}")
    return float(SectionDraws(die, 1).normal("die")[0])


def _with_defects(part: Part, packing: Packing, level: Levels, stream: Stream) -> Levels:
    if not any_defect(part.values):
        return level
    technology, values = part.technology, part.values
    ones = technology.ones_level(packing.levels)
    level = torn_words(level, ones, values, technology.geometry, stream)
    return failed_places(level, packing.levels, values, technology.geometry, stream)


def _sensed(
    part: Part, packing: Packing, cells: Cells, read: Levels, stream: Stream
) -> SensedSection:
    """Return the cells whose read the noise can turn; defects do not listen to the noise."""
    reach, quiet = _NOISE_REACH * part.noise, cells.read()
    turned = (cells.read(reach) != quiet) | (cells.read(-reach) != quiet)
    undecided = np.flatnonzero(turned & (read == quiet))
    return SensedSection(part, packing, cells, quiet, undecided, stream)


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
    return _listed(section.packing, where[differ], quiet[differ], now[differ])


def _listed(packing: Packing, where: Index, stored: Levels, read: Levels) -> SectionFaults | None:
    cell, planes = packing.wrong(where, stored, read)
    return SectionFaults(cell, planes) if cell.size else None


def resolved_part(technology: Technology, conditions: Mapping[str, float]) -> Part:
    """Return a part with every condition filled in. Raises InputError."""
    values = technology.resolve(conditions)
    if values.get("verify") and values["write_attempts"] == 1:
        raise InputError(
            "verify needs a second attempt", where=technology.name, got="write_attempts = 1",
            fix="set write_attempts=3, or leave verify out",
        )  # fmt: skip
    return Part(technology, values)
