"""The life of ST-MRAM cells: their laws given one cell's barrier, and cells that follow them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hysteron.memory import macrospin
from hysteron.memory.level_chain import Amplifier
from hysteron.memory.numerics import spread_nodes
from hysteron.memory.schema import StMramFile
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

HOURS_PER_YEAR = 365.25 * 24
_NS_PER_HOUR = 3600e9
_KELVIN = 273.15
_TABLE_STEPS = 512
_REACH = 8.5


@dataclass(frozen=True)
class Law:
    """What happens to a cell whose barrier is ``relative`` times the mean one.

    Ic0 moves with the barrier (macrospin, fixed Hk).
    """

    data: StMramFile
    values: Mapping[str, float]
    exponent: float
    brown: bool
    read_toward_1: bool

    def nodes(self) -> tuple[Vector, Vector]:
        """Return relative barriers and weights: spread over cells, then over chips."""
        sigma, die = self.values["delta_sigma_percent"] / 100, self.values["die_sigma"]
        z, weights = spread_nodes(sigma)
        shift, shares = spread_nodes(die, 4)
        relative = np.outer(1 + die * shift, 1 + sigma * z).reshape(-1)
        return relative, np.outer(shares, weights).reshape(-1)

    def relative(self, cell: Vector, die: Vector | float) -> Vector:
        """Return the relative barriers of cells and a chip with these standard deviates."""
        sigma = self.values["delta_sigma_percent"] / 100
        return (1 + self.values["die_sigma"] * die) * (1 + sigma * cell)

    def write_failures(self, relative: Vector) -> list[Vector]:
        """Return P(still in state s after a pulse that should leave it), s = 0, 1.

        Many barriers are interpolated (linear in ln of the hazard, 0.1 %).
        """
        if relative.size <= _TABLE_STEPS:
            return self._solved(relative)
        grid, hazards = self._table
        out = [-np.expm1(-np.exp(np.interp(relative, grid, hazard))) for hazard in hazards]
        return out * (3 - len(out))

    @cached_property
    def _table(self) -> tuple[Vector, list[Vector]]:
        """Relative barriers that a cell can have, ln of the hazards (one where both are equal)."""
        sigma, die = self.values["delta_sigma_percent"] / 100, self.values["die_sigma"]
        ends = [(1 + s * _REACH * die) * (1 + s * _REACH * sigma) for s in (-1, 1)]
        grid = np.linspace(max(ends[0], 0.05), ends[1], _TABLE_STEPS)
        hazards = [-np.log1p(-np.clip(f, 1e-300, 1 - 1e-16)) for f in self._solved(grid)]
        same = self.data.ic0_ap_ratio.value == self.data.delta_ap_ratio.value == 1.0
        return grid, [np.log(hazard) for hazard in hazards[: 1 if same else 2]]

    def _solved(self, relative: Vector) -> list[Vector]:
        tau = self.values["write_pulse_ns"] / self.data.relaxation_time_ns.value
        delta = self.values["delta"] * relative
        i = self.values["write_current_ratio"] / relative
        from_p = macrospin.write_error_rate(delta, i, tau)
        i_ap = i / self.data.ic0_ap_ratio.value
        delta_ap = delta * self.data.delta_ap_ratio.value
        return [from_p, macrospin.write_error_rate(delta_ap, i_ap, tau)]

    def rewrite(self, relative: Vector, amplifier: Amplifier, offset: float) -> Vector:
        """Return (cells, t, x, y): P(state x becomes y when t is written), all attempts.

        A pulse towards the state that is there changes nothing, nor does verify then.
        """
        fails, attempts = self.write_failures(relative), int(self.values["write_attempts"])
        accepted = amplifier.seen(offset, self.values["verify_margin"])
        out = np.zeros((relative.size, 2, 2, 2))
        for t in (0, 1):
            failure = fails[1 - t]
            again = failure
            if self.values["verify"]:  # verify may take the wrong state for the right one
                missed = accepted[1 - t, t]
                again = missed + (1 - missed) * failure
            left = failure * again ** (attempts - 1)
            out[:, t, t, t] = 1.0
            out[:, t, 1 - t, 1 - t] = left
            out[:, t, 1 - t, t] = 1 - left
        return out

    def escapes(self, relative: Vector, hours: float, profile: bool) -> tuple[Vector, Vector]:
        """Return rate times time out of P and AP: storage, after the file's profile or without."""
        steps = [(s.hours, s.temperature_c) for s in self.data.profile] if profile else []
        steps.append((hours, self.values["temperature_c"]))
        out = []
        for delta in self._barriers(relative)[: 1 if self._symmetric else 2]:
            total = np.zeros_like(relative)
            for duration, temperature in steps:
                if duration:
                    barrier = delta * self._cooling(temperature)
                    total += duration * _NS_PER_HOUR * self._rate(barrier, np.zeros_like(barrier))
            out.append(total)
        return out[0], out[-1]

    @property
    def _symmetric(self) -> bool:
        return self.data.delta_ap_ratio.value == 1.0

    def disturbs(self, relative: Vector, reads: float) -> tuple[Vector, Vector]:
        """Return rate times time out of P and AP under the read current.

        Ic0 ~ Delta kT does not change with temperature when Delta ~ 1/T.
        """
        if not reads:
            return np.zeros_like(relative), np.zeros_like(relative)
        i = self.data.read_current_ratio.value / relative
        toward_1 = i if self.read_toward_1 else -i
        time = reads * self.data.read_pulse_ns.value
        cooling = self._cooling(self.values["temperature_c"])
        barrier_0, barrier_1 = self._barriers(relative)
        out_0 = self._rate(barrier_0 * cooling, toward_1)
        return time * out_0, time * self._rate(barrier_1 * cooling, -toward_1)

    def _barriers(self, relative: Vector) -> tuple[Vector, Vector]:
        delta = self.values["delta"] * relative
        return delta, delta * self.data.delta_ap_ratio.value

    def _rate(self, delta: Vector, i: Vector) -> Vector:
        """Return the escape rate per ns at barrier delta under current i."""
        if self.brown:
            time = self.data.relaxation_time_ns.value
            return macrospin.escape_rate(delta, i, time, self.exponent)
        return macrospin.arrhenius_rate(delta, i, self.data.attempt_time_ns.value, self.exponent)

    def _cooling(self, temperature_c: float) -> float:
        """Return Delta(T) / Delta(T0) = T0 / T."""
        reference = self.data.reference_temperature_c.value + _KELVIN
        return reference / (temperature_c + _KELVIN)


class StMramCells(Cells):
    """Cells with a barrier each; the state is the bit."""

    def __init__(
        self,
        law: Law,
        amplifier: Amplifier,
        previous: str,
        values: Mapping[str, float],
        site: Site,
    ) -> None:
        """Draw the barriers; the old bits follow at the first write."""
        super().__init__(values, site)
        self._law, self._amplifier, self._previous = law, amplifier, previous
        z = site.draws.normal("cell") if values["delta_sigma_percent"] else np.zeros(site.count)
        self._relative = law.relative(z, site.die)
        self._fails = law.write_failures(self._relative)
        self._bit: Levels | None = None

    def _old(self, target: Levels) -> Levels:
        if self.site.old is not None:
            return self.site.old.copy()
        if self._previous == "random":
            return self.site.draws.below(0.5, "previous").astype(np.int8)
        if self._previous == "complement":
            return (1 - target).astype(np.int8)
        return np.full_like(target, int(self._previous == "ones"))

    def write(self, target: Levels, which: Mask, event: int) -> None:
        """A pulse that fails leaves the bit that was there."""
        if self._bit is None:
            self._bit = self._old(target)
        failure = np.where(target == 1, self._fails[0], self._fails[1])
        fails = self.site.draws.below(failure, "write", event)
        self._bit = np.where(which & ~fails, target, self._bit)

    def keep(self, hours: float, reads: float, first: bool, event: int) -> None:
        """Thermal escape, then read disturb; one draw each, so flips nest in time."""
        profile = first and bool(self._law.data.profile)
        if profile:  # a draw of its own: the storage time may vary without moving it
            self._hop(self._law.escapes(self._relative, 0.0, True), "retention", event << 1)
        if hours:
            escapes = self._law.escapes(self._relative, hours, False)
            self._hop(escapes, "retention", event << 1 | 1)
        if reads:
            self._hop(self._law.disturbs(self._relative, reads), "disturb", event)

    def _hop(self, escapes: tuple[Vector, Vector], mechanism: str, event: int) -> None:
        bit = self._bits()
        total = escapes[0] + escapes[1]
        mine = np.where(bit == 1, escapes[1], escapes[0])
        # as in macrospin.two_state; (1 - e^-s) / s tends to 1
        share = np.where(total > 0, -np.expm1(-total) / np.where(total > 0, total, 1.0), 1.0)
        leave = mine * share
        flips = self.site.draws.below(leave, mechanism, event)
        self._bit = (bit ^ flips).astype(np.int8)

    def read(self, noise: Vector | float = 0.0, where: Where = EVERYWHERE) -> Levels:
        """Compare ln R with the middle of the two states."""
        bit = self._bits()[where]
        step = np.array(self._amplifier.steps)[bit]
        offset = self.values["column_offset_sigma"] * pick(self.site.column, where)
        return np.asarray(step + offset + noise > 0, dtype=np.int8)

    def _bits(self) -> Levels:
        if self._bit is None:
            self._bit = np.zeros(self.site.count, dtype=np.int8)
        return self._bit
