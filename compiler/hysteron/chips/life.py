"""The life of the cells of one section: write, keep, scrub, until they are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hysteron.chips.philox import Stream
from hysteron.chips.purpose import SectionDraws
from hysteron.errors import InputError
from hysteron.memory.array import intervals
from hysteron.memory.states.base import Cells, Levels, Mask, Site
from hysteron.memory.technology import Technology

_ATTEMPTS = 16  # events of one write; array.WRITE_ATTEMPTS allows no more


@dataclass(frozen=True)
class Part:
    """A technology and the conditions (all of them, resolved) of one section."""

    technology: Technology
    values: Mapping[str, float]

    @property
    def noise(self) -> float:
        """Standard deviation of the noise of one read."""
        return named(self.values, "sense_noise")


def resolved_part(technology: Technology, conditions: Mapping[str, float]) -> Part:
    """Return a part with every condition filled in. Raises InputError."""
    values = technology.resolve(conditions)
    if values.get("verify") and values["write_attempts"] == 1:
        raise InputError(
            "verify needs a second attempt", where=technology.name, got="write_attempts = 1",
            fix="set write_attempts=3, or leave verify out",
        )  # fmt: skip
    return Part(technology, values)


def named(values: Mapping[str, float], start: str) -> float:
    """Return the condition whose name starts so (its unit may follow), 0 where there is none."""
    return next((value for name, value in values.items() if name.startswith(start)), 0.0)


@dataclass(frozen=True)
class Schedule:
    """``scrubs`` intervals of ``every`` hours that end in a rewrite, then ``rest`` hours."""

    scrubs: int
    every: float
    rest: float


def schedule(part: Part, corrected: bool = False) -> Schedule:
    """Return when a part is scrubbed; ``corrected`` says that a code stands before the rewrite."""
    technology, values = part.technology, part.values
    every = values.get("scrub_interval_hours", 0.0)
    if not (corrected or technology.scrub_matters(values)):
        every = 0.0
    scrubs, rest = intervals(technology.storage_hours(values), every, technology.name)
    return Schedule(scrubs, every, rest)


@dataclass(frozen=True, eq=False)
class Life:
    """Cells of one section of one chip in time; every method is called in order."""

    part: Part
    cells: Cells
    site: Site

    def write(self, target: Levels, which: Mask | None, number: int) -> None:
        """Write, and with verify again where the target is not read; ``number`` counts writes."""
        values, noise, draws = self.part.values, self.part.noise, self.site.draws
        attempts, margin = int(values.get("write_attempts", 1)), named(values, "verify_margin")
        pending = np.ones(target.size, dtype=np.bool_) if which is None else which
        for attempt in range(attempts):
            event = number * _ATTEMPTS + attempt
            self.cells.write(target, pending, event)
            if attempt + 1 < attempts and values.get("verify"):
                seen = noise * draws.normal("verify", event) if noise else 0.0
                pending = pending & ~self.cells.verified(target, seen, margin)
                if not pending.any():
                    return

    def keep(self, hours: float, number: int) -> None:
        """Let ``hours`` pass; the reads of the whole life are spread over it."""
        total = self.part.technology.storage_hours(self.part.values)
        reads = self.part.values.get("reads", 0.0) * (hours / total if total else 1.0)
        self.cells.keep(hours, reads, number == 0, number)

    def scrub_read(self, number: int) -> Levels:
        """Return what the scrub after interval ``number`` reads."""
        noise = self.part.noise
        return self.cells.read(noise * self.site.draws.normal("scrub", number) if noise else 0.0)

    def alone(self, stored: Levels) -> None:
        """Live without a code: each scrub writes again what it reads."""
        plan = schedule(self.part)
        self.write(stored, None, 0)
        for number in range(plan.scrubs):
            self.keep(plan.every, number)
            self.write(self.scrub_read(number), None, number + 1)
        self.keep(plan.rest, plan.scrubs)


def lived(part: Part, levels: int, stored: Levels, site: Site) -> Cells:
    """Return cells of ``levels`` levels that were to hold ``stored``, at the moment of the read."""
    cells = part.technology.cells(levels, part.values, site)
    Life(part, cells, site).alone(stored)
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
