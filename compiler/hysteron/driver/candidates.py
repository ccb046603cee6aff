"""The grid of a campaign: error rates, or memories with their conditions and codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hysteron.driver.placement import (
    Point,
    memory_points,
    parse_placement,
    parse_rates,
    parse_settings,
    rate_points,
    technology_assumptions,
)
from hysteron.errors import InputError
from hysteron.image.layout import ImageLayout
from hysteron.memory.ecc import Code
from hysteron.memory.technology import Technology

#: What ``--ber`` means.
RATE_NOTE = "errors are independent and equally likely in both directions; no device physics"


@dataclass(frozen=True)
class Candidate:
    """One point of the grid and the memory it stands for ("" for plain error rates)."""

    point: Point
    memory: str = ""
    placement: Mapping[str, Technology] = field(default_factory=dict)
    code: Code | None = None

    @property
    def cells_per_bit(self) -> float:
        """Return the cells stored per data bit, check bits of a code included."""
        return 1.0 if self.code is None else self.code.cells_per_bit

    @property
    def fields(self) -> dict[str, float | str]:
        """Return what tells candidates apart: error rate, memory, settings."""
        memory = {"memory": self.memory} if self.memory else {}
        return {"ber": self.point.ber, **memory, **self.point.settings}


@dataclass(frozen=True)
class Grid:
    """All candidates, and what to tell about their memories."""

    candidates: Sequence[Candidate]
    notes: tuple[str, ...]


def choose_grid(
    layout: ImageLayout,
    ber: str | None,
    memories: Sequence[str],
    settings: Sequence[str],
    only: str | None,
) -> Grid:
    """Return the grid of --ber, or of all -m with their settings.

    A setting goes to every memory that has such a condition. Raises InputError unless exactly
    one of the two is given, and for a setting that no memory has.
    """
    if (ber is None) == (not memories):
        raise InputError("give either bit error rates (--ber) or a technology (-m)")
    if ber is not None:
        if settings:
            raise InputError("conditions need a technology (-m)", got=settings[0])
        points = rate_points(layout, parse_rates(ber), only)
        return Grid([Candidate(point) for point in points], (RATE_NOTE,))
    if len(set(memories)) != len(memories):
        raise InputError("the same memory twice", got=", ".join(memories))
    placements = {memory: parse_placement(memory, layout) for memory in memories}
    wanted = parse_settings(settings)
    _check_names(placements, wanted)
    candidates = []
    for memory, placement in placements.items():
        known = _conditions(placement)
        mine = {name: values for name, values in wanted.items() if name in known}
        for point in memory_points(layout, placement, mine, only):
            candidates.append(Candidate(point, memory, placement))
    return Grid(candidates, _notes(placements))


def _conditions(placement: Mapping[str, Technology]) -> set[str]:
    return {c.name for technology in placement.values() for c in technology.conditions}


def _check_names(
    placements: Mapping[str, Mapping[str, Technology]], settings: Mapping[str, Sequence[float]]
) -> None:
    known = set().union(*map(_conditions, placements.values()))
    for name in settings:
        if name not in known:
            wanted = ", ".join(sorted(known)) or "none"
            raise InputError(f"unknown condition '{name}'", wanted=wanted)


def _notes(placements: Mapping[str, Mapping[str, Technology]]) -> tuple[str, ...]:
    technologies = {t.name: t for placed in placements.values() for t in placed.values()}
    notes: list[str] = []
    for technology in technologies.values():
        notes.append(f"{technology.name}: {technology.formula}")
        notes += [f"{technology.name}: {note}" for note in technology.notes]
        if unsourced := technology_assumptions(technology):
            notes.append(f"{technology.name}: assumptions, not sources: {', '.join(unsourced)}")
    return tuple(notes)
