"""Where the wrong cells of a chip come from: one protocol for every engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from hysteron.chips.draw import Faults, faults
from hysteron.chips.trajectory import Specimen
from hysteron.image.layout import ImageLayout
from hysteron.memory.array import TIME_AXES
from hysteron.memory.channel import Channel
from hysteron.memory.technology import Technology


class Source(Protocol):
    """Draws specimens. The same (seed, chip) is the same specimen, in any order and thread."""

    @property
    def sections(self) -> tuple[str, ...]:
        """Return the names of the sections that may have wrong cells."""

    def faults(
        self, layout: ImageLayout, images: Mapping[str, bytes], seed: int, chip: int
    ) -> Faults:
        """Return the wrong cells of one chip that was to hold ``images``."""


@runtime_checkable
class SenseSource(Source, Protocol):
    """A source whose inferences on one chip may differ (errors of the sense amplifiers)."""

    @property
    def has_sense_errors(self) -> bool:
        """Return whether they do."""

    @property
    def sense(self) -> str:
        """Return how often a weight is sensed: one of trajectory.SENSE."""

    def specimen(
        self, layout: ImageLayout, images: Mapping[str, bytes], seed: int, chip: int
    ) -> Specimen:
        """Return one chip: its lasting faults, and those that each inference adds."""


@dataclass(frozen=True)
class Marginal:
    """The marginal engine: an error channel per section name."""

    channels: Mapping[str, Channel]

    @property
    def sections(self) -> tuple[str, ...]:
        """Return the sections that have a channel."""
        return tuple(self.channels)

    def faults(
        self, layout: ImageLayout, images: Mapping[str, bytes], seed: int, chip: int
    ) -> Faults:
        """Return ``draw.faults``."""
        return faults(layout, images, self.channels, seed, chip)

    def symmetric_rate(self) -> float | None:
        """Return the one bit error rate of all sections, None when they differ."""
        rates = {c.matrix for c in self.channels.values()}
        if len(rates) != 1:
            return None
        channel = next(iter(self.channels.values()))
        same = channel.levels == 2 and channel.p01 == channel.p10
        return channel.p01 if same else None


def engine_for(
    technology: Technology, conditions: Mapping[str, float], varied: Sequence[str] = ()
) -> str:
    """Return "trajectory" where the state of cells must be followed, otherwise "marginal".

    ``varied`` names the conditions that take several values on one chip. Followed are
    verify and retry, scrub, offsets of columns and dies, sense noise, defects with a place,
    several times of one chip, maps of single bits, and bits that share a cell.
    """
    off = {axis.name: axis.default for axis in technology.extras}
    used = any(conditions.get(name, default) != default for name, default in off.items())
    several = [name for name in varied if name in TIME_AXES or name in off]
    always = technology.has_places or technology.bit_levels > 2
    return "trajectory" if used or several or always else "marginal"
