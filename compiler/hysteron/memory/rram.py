"""Filamentary RRAM: ln R is normal in the low (LRS) and high (HRS) resistance state.

    1T1R            R against a reference fixed at time zero; bit 1 = LRS
    2T2R            two complementary devices against each other; bit 1 = (LRS, HRS)
    2T2R, ternary   the same, and both devices above a reference read as 0 = (HRS, HRS)

2T2R: error = Q(d / sqrt(sL^2 + sH^2 + so^2)), d = ln(RH/RL); so is the comparator's offset
in ln R. Drift and endurance shift the means and add spread (in quadrature) by tables; the
reference stays where it was. Bocquet et al., IEDM 2018 (arXiv:1902.02528) for the cell,
Laborieux et al., AICAS 2020 (arXiv:2005.01973) for the ternary one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np

from hysteron.errors import InputError
from hysteron.memory import array
from hysteron.memory.channel import Channel
from hysteron.memory.condition import Condition
from hysteron.memory.gaussian_chain import Drift, Readout
from hysteron.memory.numerics import Table, Vector, require, require_positive, spread_nodes
from hysteron.memory.rram_cells import (
    Levels,
    best_reference,
    differential,
    single,
    ternary,
    ternary_errors,
)
from hysteron.memory.schema import RramFile, UserTable, described, unit_of
from hysteron.memory.states.base import Cells, Site
from hysteron.memory.states.level import LevelCells
from hysteron.memory.states.rram import RramCells
from hysteron.memory.technology import Energy, Technology, to_channel

_DISTRIBUTION = ("resistance_ratio", "lrs_spread", "hrs_spread")
_TABLES = ("programming", "drift", "endurance")


@dataclass(frozen=True, kw_only=True)
class Rram(Technology):
    """1T1R or 2T2R cells of bits."""

    data: RramFile

    physics = "rram"
    formula = (
        "1T1R: p10 = Q((r-mL)/sL), p01 = Q((mH-r)/sH), r fixed at time zero;  "
        "2T2R: p = Q(ln(RH/RL) / sqrt(sL^2 + sH^2 + so^2)), spreads of ln R"
    )
    plot_axis = "hrs_spread"
    mechanisms: ClassVar[tuple[Condition, ...]] = (
        array.WRITE_ATTEMPTS, array.VERIFY, array.SCRUB, array.DIE, array.DEVICE_SHARE,
        *array.sensing("ln R", 1.0),
    )  # fmt: skip

    @classmethod
    def from_file(cls, data: RramFile, folder: Path) -> Rram:
        """Return the technology of a file; raises InputError for parts that do not fit."""
        given = [name for name in _DISTRIBUTION if getattr(data, name) is not None]
        wanted = () if data.programming else _DISTRIBUTION
        require(
            given == list(wanted),
            "needs either [programming] or all of resistance_ratio, lrs_spread, hrs_spread",
            data.name,
        )
        low = [(name, getattr(data, name).low) for name in given if "spread" in name]
        energies = [(n, getattr(data, n).value) for n in ("set_energy", "reset_energy")]
        require_positive([*low, *energies], data.name)
        ratio = data.resistance_ratio
        require(ratio is None or ratio.low > 1, "resistance_ratio must be above 1", data.name)
        require(data.sense_offset.low >= 0, "sense_offset cannot be negative", data.name)
        parts = described(data)
        parts["stated"] += tuple(
            _axis_of(table, getattr(data, name))
            for name in _TABLES
            if (table := _table(data, name)) is not None
        )
        is_ternary = data.cell == "2t2r-ternary"
        rules = (data.error_probability, data.zero_probability)
        require(
            all((axis is not None) == is_ternary for axis in rules),
            "error_probability and zero_probability belong to cell = '2t2r-ternary'",
            data.name,
        )
        kind = TernaryRram if is_ternary else Rram
        return kind(**parts, cells_per_bit=1.0 if data.cell == "1t1r" else 2.0, data=data)

    def energy(self, conditions: Mapping[str, float] | None = None) -> Energy | None:
        """Return programming energy in units of one SET at unit energy; reads are unknown.

        A random bit costs half a SET and half a RESET per device: 1T1R one device,
        2T2R one SET and one RESET; with verify as often as it takes.
        """
        values = self.resolve(conditions)
        low, high = self._energies(values)
        pulses = self._readout(values).pulses()
        if self.data.cell == "1t1r":
            program = (low * pulses[1] + high * pulses[0]) / 2
        else:
            program = (low + high) * sum(pulses) / 2
        return Energy(program, None, False, "one SET of one device with set_energy = 1")

    def derived(self, conditions: Mapping[str, float] | None = None) -> dict[str, float]:
        """Return the same devices read one by one, and the reference in force."""
        values = self.resolve(conditions)
        now, reference = self._levels(values), self._reference(values)
        p01, p10 = single(now, reference)
        return {
            "reference above the LRS median, ln R": reference,
            "bit error rate of 1T1R with these devices": (p01 + p10) / 2,
            "bit error rate of 2T2R with these devices": differential(now),
        }

    def not_derivable(self, values: Mapping[str, float]) -> str:
        """Return why no channel holds: what stays with a device differs from level to level."""
        if self._scrubs(values) and (values["device_share"] or values["die_sigma"]):
            return "scrub together with device_share or die_sigma"
        return ""

    def _scrubs(self, values: Mapping[str, float]) -> int:
        hours = self.storage_hours(values)
        return array.intervals(hours, values["scrub_interval_hours"], self.name)[0]

    def storage_hours(self, values: Mapping[str, float]) -> float:
        """Return the retention time in hours, where the file has a drift table."""
        return values.get("retention_hours", 0.0)

    def _channel(self, levels: int, values: Mapping[str, float]) -> Channel:
        now = self._levels(values)
        if any(values[name] != default for name, default in self._off.items()):
            return self._followed(values)
        if self.data.cell == "1t1r":
            return Channel.binary(*single(now, self._reference(values)))
        return Channel.symmetric(differential(now))

    @property
    def _off(self) -> dict[str, float]:
        return {condition.name: condition.default for condition in self.mechanisms}

    def _readout(self, values: Mapping[str, float]) -> Readout:
        """Return the number that is compared right after a write, in ln R."""
        fresh, share, die = self._written(values), values["device_share"], values["die_sigma"]
        distance = fresh.high - fresh.low
        both = math.hypot(fresh.low_spread, fresh.high_spread)
        if self.data.cell == "1t1r":
            reference = self._reference(values)
            means = (reference - fresh.high, reference - fresh.low)
            spreads = (fresh.high_spread, fresh.low_spread)
            moves = (die * distance, 0.0)
        else:
            means, spreads, moves = (-distance, distance), (both, both), (die * distance,) * 2
        return Readout(
            means,
            tuple(s * math.sqrt(1 - share) for s in spreads),
            tuple(math.hypot(s * math.sqrt(share), m) for s, m in zip(spreads, moves, strict=True)),
            (0.0,),
            math.hypot(fresh.offset, values["column_offset_sigma"]),
            values["sense_noise"],
            int(values["write_attempts"]),
            bool(values["verify"]),
            values["verify_margin"],
        )

    def _followed(self, values: Mapping[str, float]) -> Channel:
        """Return the channel of the whole chain, by quadrature over ln R."""
        readout = self._readout(values)
        hours, every = self.storage_hours(values), values["scrub_interval_hours"]
        scrubs, rest = array.intervals(hours, every, self.name)
        last = self._drifted(rest)
        return to_channel(readout.channel(scrubs, self._drifted(every) if scrubs else last, last))

    def _drifted(self, hours: float) -> Drift:
        """Return the drift of the number that is compared, per stored bit."""
        low, low_spread, high, high_spread = self._drift(hours)
        if self.data.cell == "1t1r":
            return Drift((-high, -low), (high_spread, low_spread))
        both = math.hypot(low_spread, high_spread)
        return Drift((low - high, high - low), (both, both))

    def _drift(self, hours: float) -> tuple[float, float, float, float]:
        table = self._tables.get("drift")
        if table is None or not hours:
            return 0.0, 0.0, 0.0, 0.0
        row = table.at(hours)
        return row["lrs_shift"], row["lrs_spread"], row["hrs_shift"], row["hrs_spread"]

    def _cells(self, levels: int, values: Mapping[str, float], site: Site) -> Cells:
        written, reference = self._written(values), self._reference(values)
        drift = self._drift if "drift" in self._tables else None
        return RramCells(self.data.cell, written, reference, drift, values, site)

    def _other_levels(self) -> str:
        return "ternary weights are stored by hfo2-rram-2t2r-ternary"

    @cached_property
    def _tables(self) -> dict[str, Table]:
        found = {name: _table(self.data, name) for name in _TABLES}
        return {name: table for name, table in found.items() if table is not None}

    def _row(self, name: str, values: Mapping[str, float]) -> dict[str, float]:
        table = self._tables.get(name)
        return {} if table is None else table.at(values[table.axis])

    def _fresh(self, values: Mapping[str, float]) -> Levels:
        """Return the distributions at time zero, as read by the comparator."""
        state = {**values, **self._row("programming", values)}
        distance = math.log(state["resistance_ratio"])
        offset = values["sense_offset"]
        return Levels(0.0, state["lrs_spread"], distance, state["hrs_spread"], offset)

    def _written(self, values: Mapping[str, float]) -> Levels:
        """Return the distributions right after a write: worn by the cycles before it."""
        levels, row = self._fresh(values), self._row("endurance", values)
        return levels.moved(**{k: row[k] for k in _MOVES}) if row else levels

    def _levels(self, values: Mapping[str, float]) -> Levels:
        """Return the distributions after endurance and drift."""
        levels, row = self._written(values), self._row("drift", values)
        return levels.moved(**{k: row[k] for k in _MOVES}) if row else levels

    def _reference(self, values: Mapping[str, float]) -> float:
        if self.data.reference is not None:
            return self.data.reference.value
        return best_reference(self._fresh(values), lambda level, r: sum(single(level, r)) / 2)

    def _energies(self, values: Mapping[str, float]) -> tuple[float, float]:
        row = self._row("programming", values)
        if row:
            return row["set_energy"], row["reset_energy"]
        return self.data.set_energy.value, self.data.reset_energy.value


@dataclass(frozen=True, kw_only=True)
class TernaryRram(Rram):
    """2T2R cells of ternary weights.

    ``rule = authors`` is the error model of the public code of Laborieux et al.: add +-1 to
    a weight with probability q = 2 b / (1 + p0) and clip, b the mean error rate and p0 the
    share of zeros; +1 and -1 are never exchanged.
    """

    formula = (
        "-1, +1 = (HRS, LRS), (LRS, HRS); 0 = (HRS, HRS): both above the reference;  "
        "rule = authors: q = 2 b / (1 + p0), 0 -> +-1 with q/2 each, +-1 -> 0 with q/2"
    )
    cell_levels: ClassVar[tuple[int, ...]] = (3,)
    options: ClassVar[Mapping[str, tuple[str, ...]]] = {"rule": ("sense", "authors")}

    def energy(self, conditions: Mapping[str, float] | None = None) -> Energy | None:
        """Return programming energy for equally frequent weights: 0 takes two RESETs.

        None with verify: how often it writes is not derived.
        """
        values = self.resolve(conditions)
        if values["verify"] and values["write_attempts"] > 1:
            return None
        low, high = self._energies(values)
        program = (2 * (low + high) + 2 * high) / 3 * values["write_attempts"]
        return Energy(program, None, False, "one SET of one device with set_energy = 1")

    def derived(self, conditions: Mapping[str, float] | None = None) -> dict[str, float]:
        """Return the reference in force."""
        return {"reference above the LRS median, ln R": self._reference(self.resolve(conditions))}

    def not_derivable(self, values: Mapping[str, float]) -> str:
        """Return why no channel holds: two devices and a reference are no single number."""
        if values["verify"] and values["write_attempts"] > 1:
            return "verify of ternary cells"
        return "scrub of ternary cells" if self._scrubs(values) else ""

    def _channel(self, levels: int, values: Mapping[str, float]) -> Channel:
        if self.option("rule") == "sense":
            return to_channel(self._sensed(values))
        self._check_authors(values)
        half = values["error_probability"] / (1 + values["zero_probability"])
        if half > 0.5:
            raise InputError(
                "error_probability is too large for this share of zeros",
                where=self.name,
                got=f"{values['error_probability']:g}",
                wanted=f"at most {(1 + values['zero_probability']) / 2:g}",
            )
        return to_channel([[0, half, 0], [half, 0, half], [0, half, 0]])

    def _sensed(self, values: Mapping[str, float]) -> Vector:
        """Return the error probabilities; offsets and noise add up, chips are averaged."""
        now, reference = self._levels(values), self._reference(values)
        offset = math.hypot(now.offset, values["column_offset_sigma"], values["sense_noise"])
        fresh = self._fresh(values)
        step = values["die_sigma"] * (fresh.high - fresh.low)
        shifts, weights = spread_nodes(step, 2)
        mean = np.zeros((3, 3))
        for shift, weight in zip(step * shifts, weights, strict=True):
            high = now.high + float(shift)
            there = Levels(now.low, now.low_spread, high, now.high_spread, offset)
            mean += weight * ternary(there, reference)
        return mean

    def _check_authors(self, values: Mapping[str, float]) -> None:
        used = [name for name, off in self._off.items() if values[name] != off]
        if used:
            raise InputError(
                "rule = authors is an error rate per weight, not a cell", where=self.name,
                got=f"{used[0]} = {values[used[0]]:g}", fix="use rule = sense",
            )  # fmt: skip

    def _cells(self, levels: int, values: Mapping[str, float], site: Site) -> Cells:
        if self.option("rule") == "authors":
            return LevelCells(self._channel(levels, values), values, site)
        return super()._cells(levels, values, site)

    def _reference(self, values: Mapping[str, float]) -> float:
        if self.data.reference is not None:
            return self.data.reference.value
        return best_reference(self._fresh(values), ternary_errors)

    def _other_levels(self) -> str:
        return "bits are stored by hfo2-rram-2t2r"


_MOVES = ("lrs_shift", "lrs_spread", "hrs_shift", "hrs_spread")


def _table(data: RramFile, name: str) -> Table | None:
    part = getattr(data, name)
    return None if part is None else Table.from_rows(part.rows, f"{data.name}: {name}")


def _axis_of(table: Table, part: UserTable) -> Condition:
    low, high = table.at_axis[0], table.at_axis[-1]
    help_text = f"axis of a table with {len(table.at_axis)} rows"
    unit, axis = unit_of(table.axis), table.axis
    return Condition(axis, unit, low, low, high, help_text, part.status, part.source)
