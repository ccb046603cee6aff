"""Where the wrong cells of a chip come from: one protocol for every engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from hysteron.chips.draw import Faults, faults
from hysteron.image.layout import ImageLayout
from hysteron.memory.channel import Channel


class Source(Protocol):
    """Draws specimens. The same (seed, chip) is the same specimen, in any order and thread."""

    @property
    def sections(self) -> tuple[str, ...]:
        """Return the names of the sections that may have wrong cells."""

    def faults(
        self, layout: ImageLayout, images: Mapping[str, bytes], seed: int, chip: int
    ) -> Faults:
        """Return the wrong cells of one chip that was to hold ``images``."""


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
