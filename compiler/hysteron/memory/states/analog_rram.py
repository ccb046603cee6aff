"""Differential pairs of analog conductances, as the difference that is sensed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hysteron.memory.gaussian_chain import Readout
from hysteron.memory.states.base import (
    EVERYWHERE,
    Cells,
    Levels,
    Mask,
    Site,
    Vector,
    Where,
    pick,
)

UNIT = "_microsiemens"


class PairCells(Cells):
    """Cells with a difference of conductances each, in uS."""

    def __init__(
        self, readout: Readout, own_offset: float, values: Mapping[str, float], site: Site
    ) -> None:
        """Draw the offsets: ``own_offset`` per cell, the amplifiers' per column."""
        super().__init__(values, site)
        self._readout = readout
        column = values[f"column_offset_sigma{UNIT}"]
        self._offset: Vector | float = column * np.asarray(site.column)
        if own_offset:
            self._offset = self._offset + own_offset * site.draws.normal("cell")
        self._scale = 1 + values["die_sigma"] * site.die
        self._difference = np.zeros(site.count)

    def write(self, target: Levels, which: Mask, event: int) -> None:
        """Program both conductances anew."""
        means = np.array(self._readout.means)[target] * self._scale
        spreads = np.array(self._readout.spreads)[target]
        difference = means + spreads * self.site.draws.normal("write", event)
        self._difference = np.where(which, difference, self._difference)

    def keep(self, hours: float, reads: float, first: bool, event: int) -> None:
        """Change nothing: relaxation and drift are not modelled."""

    def read(self, noise: Vector | float = 0.0, where: Where = EVERYWHERE) -> Levels:
        """Compare the difference with the thresholds."""
        seen = self._difference[where] + pick(self._offset, where) + noise
        return np.asarray(np.searchsorted(self._readout.thresholds, seen), dtype=np.int8)
