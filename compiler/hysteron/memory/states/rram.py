"""RRAM cells as their devices: ln R of one or two of them, written, drifting, sensed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from hysteron.memory.rram_cells import Levels as Distributions
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

#: Shift and added spread of ln R after some hours: (LRS shift, LRS spread, HRS shift, HRS spread).
DriftLaw = Callable[[float], tuple[float, float, float, float]]

#: True where a device is in the low state, per stored level; rows are devices.
IN_LOW = {
    "1t1r": np.array([[False, True]]),
    "2t2r": np.array([[False, True], [True, False]]),
    "2t2r-ternary": np.array([[False, False, True], [True, False, False]]),
}


class RramCells(Cells):
    """Cells of one or two devices against a reference or against each other."""

    def __init__(
        self,
        kind: str,
        fresh: Distributions,
        reference: float,
        drift: DriftLaw | None,
        values: Mapping[str, float],
        site: Site,
    ) -> None:
        """Draw what stays with devices and comparators.

        ``fresh`` are the distributions right after a write, its offset the comparator's own;
        ``drift`` is None where nothing is known of it.
        """
        super().__init__(values, site)
        self._kind, self._fresh, self._reference, self._drift = kind, fresh, reference, drift
        self._wear = math.sqrt(values["device_share"])
        self._offset: Vector | float = values["column_offset_sigma"] * np.asarray(site.column)
        if fresh.offset:
            self._offset = self._offset + fresh.offset * site.draws.normal("cell", 0)
        devices = len(IN_LOW[kind])
        self._device = (
            np.stack([site.draws.normal("cell", 1 + d) for d in range(devices)])
            if self._wear
            else np.zeros((devices, 1))
        )
        self._high = fresh.high + (fresh.high - fresh.low) * values["die_sigma"] * site.die
        self._low_state = np.zeros((devices, site.count), dtype=np.bool_)
        self._ln_r = np.zeros((devices, site.count))
        self._z = np.zeros((devices, 1))
        self._age: Vector | float = 0.0
        self._moved: npt.NDArray[np.float64] | None = None

    def write(self, target: Levels, which: Mask, event: int) -> None:
        """Program all devices of the cells anew."""
        low_state = IN_LOW[self._kind][:, target]
        z = np.stack([self._normal("write", event, d) for d in range(len(low_state))])
        z = self._wear * self._device + math.sqrt(1 - self._wear**2) * z
        ln_r = np.where(
            low_state,
            self._fresh.low + self._fresh.low_spread * z,
            self._high + self._fresh.high_spread * z,
        )
        self._low_state = np.where(which, low_state, self._low_state)
        self._ln_r = np.where(which, ln_r, self._ln_r)
        if self._drift is not None:
            z = np.stack([self._normal("retention", event, d) for d in range(len(low_state))])
            self._z = np.where(which, z, self._z)
            self._age = 0.0 if which.all() else np.where(which, 0.0, self._age)
        if self._moved is not None:  # what is not written keeps its drift
            self._moved = np.where(which, ln_r, self._moved)

    def keep(self, hours: float, reads: float, first: bool, event: int) -> None:
        """Drift by the time since the last write: each device keeps the deviate it got then."""
        if self._drift is None or not hours:
            return
        self._age = self._age + hours
        moved = np.empty_like(self._ln_r)
        for age in np.unique(self._age):
            low_shift, low_spread, high_shift, high_spread = self._drift(float(age))
            low = self._ln_r + low_shift + low_spread * self._z
            high = self._ln_r + high_shift + high_spread * self._z
            now = np.where(self._low_state, low, high)
            moved = np.where(self._age == age, now, moved)
        self._moved = moved

    def read(self, noise: Vector | float = 0.0, where: Where = EVERYWHERE) -> Levels:
        """Compare with the reference (1T1R) or the two devices (2T2R)."""
        ln_r = self._ln_r if self._moved is None else self._moved
        ln_r = ln_r[:, where]
        offset = pick(self._offset, where) + noise
        if self._kind == "1t1r":
            return np.asarray(ln_r[0] - offset < self._reference, dtype=np.int8)
        higher = ln_r[1] - ln_r[0] + offset > 0
        if self._kind == "2t2r":
            return np.asarray(higher, dtype=np.int8)
        zero = (ln_r > self._reference).all(axis=0)
        return np.where(zero, 1, np.where(higher, 2, 0)).astype(np.int8)

    def _normal(self, mechanism: str, event: int, device: int) -> Vector:
        return self.site.draws.normal(mechanism, event << 1 | device)
