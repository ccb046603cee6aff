"""Scrub through a code: read data and check cells, correct, write corrected words again.

As the generated ``scrub``: detected words are left alone, a miscorrected one is written as
if it were right. Whole code words are rewritten, data and check cells.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hysteron.chips.defects import any_defect, failed_places, torn_words
from hysteron.chips.draw import SectionFaults, apply, stored_bits
from hysteron.chips.life import Life, Schedule, schedule
from hysteron.chips.packing import Index, Packing
from hysteron.chips.philox import Stream
from hysteron.errors import InputError
from hysteron.image.layout import ImageLayout, Images, Section, section_bytes
from hysteron.image.protection import policy_named, section_code
from hysteron.memory.ecc import Status
from hysteron.memory.states.base import Levels


@dataclass(frozen=True, eq=False)
class PlacedLife:
    """The life of a section's cells, and how they hold its bits."""

    life: Life
    packing: Packing
    stored: Levels
    stream: Stream

    def seen(self, level: Levels) -> Levels:
        """Return the levels as read where cells, rows, columns and words have failed."""
        part = self.life.part
        if not any_defect(part.values):
            return level
        technology, values = part.technology, part.values
        ones = technology.ones_level(self.packing.levels)
        level = torn_words(level, ones, values, technology.geometry, self.stream)
        levels = self.packing.levels
        return failed_places(level, levels, values, technology.geometry, self.stream)

    def listed(self, read: Levels) -> SectionFaults | None:
        """Return the logical cells that differ from what was to be stored."""
        differ = np.flatnonzero(self.stored != read)
        return listed(self.packing, differ, self.stored[differ], read[differ])


def listed(packing: Packing, where: Index, stored: Levels, read: Levels) -> SectionFaults | None:
    """Return the logical cells of memory cells whose levels differ."""
    cell, planes = packing.wrong(where, stored, read)
    return SectionFaults(cell, planes) if cell.size else None


def live_together(
    layout: ImageLayout, images: Mapping[str, bytes], lives: Mapping[str, PlacedLife]
) -> None:
    """Let all sections of a chip live; those under one code are scrubbed together."""
    joined: set[str] = set()
    for section in layout.protected:
        members = (section, *layout.checks_of(section.name))
        group = {m.name: lives[m.name] for m in members if m.name in lives}
        plan = _plan(section, group)
        if plan is not None and plan.scrubs:
            joined |= set(group)
            _live_under_code(layout, images, section, group, plan)
    for name, placed in lives.items():
        if name not in joined:
            placed.life.alone(placed.stored)


def _plan(section: Section, group: Mapping[str, PlacedLife]) -> Schedule | None:
    plans = {schedule(placed.life.part, corrected=True) for placed in group.values()}
    if len(plans) > 1 and any(plan.scrubs for plan in plans):
        raise InputError(
            "data and check bits are scrubbed at different times", where=section.name,
            fix="place both in memories with the same storage time and scrub interval",
        )  # fmt: skip
    return plans.pop() if plans else None


def _live_under_code(
    layout: ImageLayout,
    images: Mapping[str, bytes],
    section: Section,
    group: Mapping[str, PlacedLife],
    plan: Schedule,
) -> None:
    for placed in group.values():
        placed.life.write(placed.stored, None, 0)
    for number in range(plan.scrubs):
        read = {}
        for name, placed in group.items():
            placed.life.keep(plan.every, number)
            if wrong := placed.listed(placed.seen(placed.life.scrub_read(number))):
                read[name] = wrong
        if read:
            _rewrite(layout, apply(layout, images, read), section, group, number + 1)
    for placed in group.values():
        placed.life.keep(plan.rest, plan.scrubs)


def _rewrite(
    layout: ImageLayout,
    read: Images,
    section: Section,
    group: Mapping[str, PlacedLife],
    number: int,
) -> None:
    """Write the corrected words of a section and of its check bits."""
    coder, places = section_code(section), (section, *layout.checks_of(section.name))
    data, *checks = (section_bytes(place, read) for place in places)
    words, status = coder.decode(
        coder.cut(data), coder.cut_checks(tuple(checks)), policy_named(section.policy)
    )
    corrected = status == Status.CORRECTED
    if not corrected.any():
        return
    mask = np.broadcast_to(corrected[:, None], words.shape).astype(np.uint8)
    encoded = coder.code.encode(words)
    touched = np.broadcast_to(corrected[:, None], encoded.shape).astype(np.uint8)
    targets = (coder.join(words), *coder.join_checks(encoded))
    masks = (coder.join(mask), *coder.join_checks(touched))
    for place, target, which in zip(places, targets, masks, strict=True):
        if place.name in group:
            placed = group[place.name]
            level = placed.packing.pack(_bits(place, target))
            hit = placed.packing.touched(_bits(place, which))
            placed.life.write(level, hit, number)


def _bits(section: Section, data: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Return the bits (planes, cells) of a section's bytes."""
    return stored_bits(section, {section.region: b"\0" * section.offset + data})
