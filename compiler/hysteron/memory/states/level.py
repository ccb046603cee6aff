"""Cells whose only state is the level that is read: drawn once from their channel."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate

import numpy as np

from hysteron.memory.channel import Channel
from hysteron.memory.states.base import EVERYWHERE, Cells, Levels, Mask, Site, Vector, Where


class LevelCells(Cells):
    """For technologies that say nothing of what is behind a level: ideal and measured ones."""

    def __init__(self, channel: Channel, values: Mapping[str, float], site: Site) -> None:
        """Keep the channel."""
        super().__init__(values, site)
        self._channel = channel
        self._level = np.zeros(site.count, dtype=np.int8)

    def write(self, target: Levels, which: Mask, event: int) -> None:
        """Draw what will be read; downward errors take the low end, upward ones the high end."""
        level = target.copy()
        for stored, row in enumerate(self._channel.matrix):
            lower, upper = list(accumulate(row[:stored])), list(accumulate(row[:stored:-1]))
            for read in reversed(range(stored)):
                hit, _ = self.site.draws.ends(lower[read], 0.0, "write", event)
                level[hit & (target == stored)] = read
            for read in range(stored + 1, len(row)):
                _, hit = self.site.draws.ends(0.0, upper[len(row) - 1 - read], "write", event)
                level[hit & (target == stored)] = read
        self._level = np.where(which, level, self._level)

    def keep(self, hours: float, reads: float, first: bool, event: int) -> None:
        """Change nothing: the channel holds all of it."""

    def read(self, noise: Vector | float = 0.0, where: Where = EVERYWHERE) -> Levels:
        """Return the level drawn."""
        level: Levels = self._level[where]
        return level


class MappedCells(Cells):
    """Bits with error rates of their own, known by their place in the array."""

    def __init__(self, p01: Vector, p10: Vector, values: Mapping[str, float], site: Site) -> None:
        """Keep the rates of each bit."""
        super().__init__(values, site)
        self._p01, self._p10 = p01, p10
        self._level = np.zeros(site.count, dtype=np.int8)

    def write(self, target: Levels, which: Mask, event: int) -> None:
        """Draw what will be read, as ``LevelCells``."""
        low, high = self.site.draws.ends(self._p10, self._p01, "write", event)
        level = np.where(np.where(target == 1, low, high), 1 - target, target)
        self._level = np.where(which, level, self._level).astype(np.int8)

    def keep(self, hours: float, reads: float, first: bool, event: int) -> None:
        """Change nothing: the rates hold all of it."""

    def read(self, noise: Vector | float = 0.0, where: Where = EVERYWHERE) -> Levels:
        """Return the level drawn."""
        level: Levels = self._level[where]
        return level
