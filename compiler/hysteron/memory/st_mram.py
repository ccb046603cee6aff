"""Spin-transfer-torque MRAM: write, retention and read disturb of one cell, as one chain.

Bit 0 is the parallel state P, bit 1 the antiparallel state AP. A failed write leaves the
old state, so the data that were there before matter (``previous``). Every cell has its own
barrier: Delta = mean (1 + sigma z), and Ic0 moves with it (macrospin: Ic0 ~ Delta at a fixed
Hk), so a cell that keeps its data well is harder to write. The channel is the average over
z of the whole chain; averages of single mechanisms are never multiplied.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from hysteron.memory import array, macrospin
from hysteron.memory.channel import Channel
from hysteron.memory.condition import Condition
from hysteron.memory.level_chain import Amplifier, scrubbed
from hysteron.memory.numerics import Vector, require, require_positive
from hysteron.memory.schema import StMramFile, described
from hysteron.memory.states.base import Cells, Site
from hysteron.memory.states.st_mram import HOURS_PER_YEAR, Law, StMramCells
from hysteron.memory.technology import Energy, Technology, to_channel


@dataclass(frozen=True, kw_only=True)
class StMram(Technology):
    """See the module; numbers come from ``data``."""

    data: StMramFile

    physics = "st-mram"
    formula = (
        "WER = 1 - exp(-K (pi^2/4) Delta (i-1) / (i e^{2k(i-1)tau} - 1)), tau = pulse / t_d;  "
        "escape rate = (1/t_d) sqrt(Delta/pi) (1-i^2)(1-i) exp(-Delta (1-i)^b);  "
        "channel = mean over Delta of write x retention x read disturb"
    )
    options: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "previous": ("random", "complement", "zeros", "ones"),
        "exponent": ("2", "1"),
        "prefactor": ("brown", "attempt-time"),
        "read_toward": ("0", "1"),
    }
    plot_axis = "write_pulse_ns"
    mechanisms: ClassVar[tuple[Condition, ...]] = (
        array.WRITE_ATTEMPTS, array.VERIFY, array.SCRUB, array.DIE, *array.sensing("ln R", 0.5),
    )  # fmt: skip

    @classmethod
    def from_file(cls, data: StMramFile, folder: Path) -> Self:
        """Return the technology of a file; raises InputError for impossible constants."""
        names = ("delta_ap_ratio", "ic0_ap_ratio", "relaxation_time_ns", "attempt_time_ns",
                 "tunnel_magnetoresistance_percent")  # fmt: skip
        values = [(name, getattr(data, name).value) for name in names]
        axes = [("write_pulse_ns", data.write_pulse_ns.low), ("delta", data.delta.low)]
        require_positive([*values, *axes], data.name)
        require(data.write_current_ratio.low > 1, "write_current_ratio must be above 1", data.name)
        require(
            0 <= data.delta_sigma_percent.low and data.delta_sigma_percent.high <= 12,
            "delta_sigma_percent must lie in 0 to 12 (barriers stay positive at 8 sigma)",
            data.name,
        )
        for low in (data.retention_years.low, data.reads.low, *(s.hours for s in data.profile)):
            require(low >= 0, "times and reads cannot be negative", data.name)
        return cls(**described(data), cells_per_bit=1.0, data=data)

    def energy(self, conditions: Mapping[str, float] | None = None) -> Energy:
        """Return I^2 R t, relative: Ic0 and R are not identifiable from public data.

        All attempts count, and with verify the reads between them.
        """
        values, default = self.resolve(conditions), self.resolve(None)
        unit = _charge(default)
        read = self.data.read_current_ratio.value**2 * self.data.read_pulse_ns.value
        pulses, checks = self._effort(values)
        program = (pulses * _charge(values) + checks * read) / unit
        reference = "one write pulse at this technology's default conditions"
        return Energy(program, read / unit, False, reference)

    def _effort(self, values: Mapping[str, float]) -> tuple[float, float]:
        """Return the mean numbers of write pulses and of verify reads of one bit."""
        attempts = values["write_attempts"]
        if not values["verify"] or attempts == 1:
            return attempts, 0.0
        law, amplifier = self.law(values), self._amplifier(values)
        relative, weights = law.nodes()
        differs = [p if t else 1 - p for t, p in enumerate(_OLD_IS_0[self.option("previous")])]
        pulses = checks = 0.0
        for offset, share in zip(*amplifier.offsets(), strict=True):
            accepted = amplifier.seen(float(offset), values["verify_margin"])
            for t, failure in enumerate(reversed(law.write_failures(relative))):
                missed, seen = accepted[1 - t, t], accepted[t, t]
                left = weights * differs[t] * failure
                wrong, right = left, weights - left
                counts = [1.0]
                for _ in range(int(attempts) - 1):
                    wrong, right = wrong * (1 - missed), right * (1 - seen)
                    counts.append(float((wrong + right).sum()))
                    wrong, right = wrong * failure, right + wrong * (1 - failure)
                pulses += share * sum(counts) / 2
                checks += share * sum(counts[:-1]) / 2
        return pulses, checks

    def derived(self, conditions: Mapping[str, float] | None = None) -> dict[str, float]:
        """Return mechanisms apart, the bound for complementary old data, and sizes."""
        values = self.resolve(conditions)
        law = self.law(values)
        relative, weights = law.nodes()
        fails = law.write_failures(relative)
        escapes = law.escapes(relative, self.storage_hours(values), True)
        bound = self.configured(previous="complement").channel(2, values).error_rate()
        current = values["write_current_ratio"] / self.data.write_current_ratio.default
        kept = macrospin.two_state(*escapes)
        return {
            "pulse in units of t_d": values["write_pulse_ns"] / self.data.relaxation_time_ns.value,
            "write error rate 0 -> 1": float(weights @ fails[0]),
            "write error rate 1 -> 0": float(weights @ fails[1]),
            "bit error rate, previous = complement (upper bound)": bound,
            "retention bit error rate": float(weights @ (kept[:, 0, 1] + kept[:, 1, 0]) / 2),
            "retention first-passage probability (not an error rate)": float(
                weights @ sum(macrospin.first_passage(e) for e in escapes) / 2
            ),
            "access transistor width, relative (width ~ write current)": current,
        }

    def law(self, values: Mapping[str, float]) -> Law:
        """Return the physics of one cell at resolved conditions; it keeps its tables."""
        key = tuple(sorted(values.items()))
        if key not in self._laws:
            exponent, toward = float(self.option("exponent")), self.option("read_toward") == "1"
            brown = self.option("prefactor") == "brown"
            self._laws[key] = Law(self.data, values, exponent, brown, toward)
        return self._laws[key]

    @cached_property
    def _laws(self) -> dict[tuple[tuple[str, float], ...], Law]:
        return {}

    def storage_hours(self, values: Mapping[str, float]) -> float:
        """Return the retention time in hours."""
        return values["retention_years"] * HOURS_PER_YEAR

    def _channel(self, levels: int, values: Mapping[str, float]) -> Channel:
        law, amplifier = self.law(values), self._amplifier(values)
        relative, weights = law.nodes()
        hours = self.storage_hours(values)
        scrubs, rest = array.intervals(hours, values["scrub_interval_hours"], self.name)
        if not self.scrub_matters(values):
            scrubs, rest = 0, hours
        spent = (hours - rest) / max(scrubs, 1)
        reads = [values["reads"] * (part / hours if scrubs else 1.0) for part in (spent, rest)]
        start = macrospin.two_state(*law.escapes(relative, 0.0, True))
        between, last = (
            _kept(law, relative, part, n) for part, n in zip((spent, rest), reads, strict=True)
        )
        old = _OLD_IS_0[self.option("previous")]
        total = np.zeros((2, 2))
        for offset, share in zip(*amplifier.offsets(), strict=True):
            rewrite = law.rewrite(relative, amplifier, float(offset))
            # [stored, state]: mixed over the old state
            first = np.stack(
                [p * rewrite[:, t, 0] + (1 - p) * rewrite[:, t, 1] for t, p in enumerate(old)], 1
            )
            seen = amplifier.seen(float(offset))
            chain = scrubbed(first @ start, between, last, seen, rewrite, scrubs)
            total += share * np.tensordot(weights, chain, 1)
        return to_channel(total)

    def scrub_matters(self, values: Mapping[str, float]) -> bool:
        """Return whether a bit can be misread: writing the bit that is there changes nothing."""
        return not self._amplifier(values).perfect

    def _amplifier(self, values: Mapping[str, float]) -> Amplifier:
        half = math.log1p(self.data.tunnel_magnetoresistance_percent.value / 100) / 2
        return Amplifier(
            (-half, half), (0.0,), values["column_offset_sigma"], values["sense_noise"]
        )

    def _cells(self, levels: int, values: Mapping[str, float], site: Site) -> Cells:
        law, amplifier = self.law(values), self._amplifier(values)
        return StMramCells(law, amplifier, self.option("previous"), values, site)


#: P(the old bit is 0) where 0 is stored, where 1 is stored.
_OLD_IS_0 = {
    "random": (0.5, 0.5),
    "complement": (0.0, 1.0),
    "zeros": (1.0, 1.0),
    "ones": (0.0, 0.0),
}


def _kept(law: Law, relative: Vector, hours: float, reads: float) -> Vector:
    """Return (cells, 2, 2): what storage and then reads do to the state."""
    escapes, disturbs = law.escapes(relative, hours, False), law.disturbs(relative, reads)
    return macrospin.two_state(*escapes) @ macrospin.two_state(*disturbs)


def _charge(values: Mapping[str, float]) -> float:
    return values["write_current_ratio"] ** 2 * values["write_pulse_ns"]
