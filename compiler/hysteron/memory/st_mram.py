"""Spin-transfer-torque MRAM: write, retention and read disturb of one cell, as one chain.

Bit 0 is the parallel state P, bit 1 the antiparallel state AP. A failed write leaves the
old state, so the data that were there before matter (``previous``). Every cell has its own
barrier: Delta = mean (1 + sigma z), and Ic0 moves with it (macrospin: Ic0 ~ Delta at a fixed
Hk), so a cell that keeps its data well is harder to write. The channel is the average over
z of the whole chain; averages of single mechanisms are never multiplied.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from hysteron.memory import macrospin
from hysteron.memory.channel import Channel
from hysteron.memory.numerics import Vector, require, require_positive, spread_nodes
from hysteron.memory.schema import StMramFile, described
from hysteron.memory.technology import Energy, Technology, to_channel

_NS_PER_HOUR = 3600e9
_HOURS_PER_YEAR = 365.25 * 24
_KELVIN = 273.15


@dataclass(frozen=True)
class _Cells:
    """The distribution of cells: barriers (reference temperature) and weights, per node."""

    weights: Vector
    relative: Vector
    delta: tuple[Vector, Vector]


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

    @classmethod
    def from_file(cls, data: StMramFile, folder: Path) -> Self:
        """Return the technology of a file; raises InputError for impossible constants."""
        names = ("delta_ap_ratio", "ic0_ap_ratio", "relaxation_time_ns", "attempt_time_ns")
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
        """Return I^2 R t, relative: Ic0 and R are not identifiable from public data."""
        values, default = self.resolve(conditions), self.resolve(None)
        unit = _charge(default)
        read = self.data.read_current_ratio.value**2 * self.data.read_pulse_ns.value
        reference = "one write pulse at this technology's default conditions"
        return Energy(_charge(values) / unit, read / unit, False, reference)

    def derived(self, conditions: Mapping[str, float] | None = None) -> dict[str, float]:
        """Return mechanisms apart, the bound for complementary old data, and sizes."""
        values = self.resolve(conditions)
        cells = self._cells(values)
        fails = self._write_failures(cells, values)
        escapes = self._retention(cells, values)
        bound = self.configured(previous="complement").channel(2, values).error_rate()
        current = values["write_current_ratio"] / self.data.write_current_ratio.default
        kept = macrospin.two_state(*escapes)
        return {
            "pulse in units of t_d": values["write_pulse_ns"] / self.data.relaxation_time_ns.value,
            "write error rate 0 -> 1": float(cells.weights @ fails[0]),
            "write error rate 1 -> 0": float(cells.weights @ fails[1]),
            "bit error rate, previous = complement (upper bound)": bound,
            "retention bit error rate": float(cells.weights @ (kept[:, 0, 1] + kept[:, 1, 0]) / 2),
            "retention first-passage probability (not an error rate)": float(
                cells.weights @ sum(macrospin.first_passage(e) for e in escapes) / 2
            ),
            "access transistor width, relative (width ~ write current)": current,
        }

    def _channel(self, levels: int, values: Mapping[str, float]) -> Channel:
        cells = self._cells(values)
        chain = self._write(cells, values)
        chain = chain @ macrospin.two_state(*self._retention(cells, values))
        chain = chain @ macrospin.two_state(*self._read_disturb(cells, values))
        return to_channel(np.tensordot(cells.weights, chain, 1))

    def _cells(self, values: Mapping[str, float]) -> _Cells:
        sigma = values["delta_sigma_percent"] / 100
        z, weights = spread_nodes(sigma)
        relative = 1.0 + sigma * z
        delta = values["delta"] * relative
        return _Cells(weights, relative, (delta, delta * self.data.delta_ap_ratio.value))

    def _write_failures(self, cells: _Cells, values: Mapping[str, float]) -> list[Vector]:
        """Return P(still in state s after a pulse that should leave it), s = 0, 1."""
        tau = values["write_pulse_ns"] / self.data.relaxation_time_ns.value
        i = values["write_current_ratio"] / cells.relative
        from_p = macrospin.write_error_rate(cells.delta[0], i, tau)
        i_ap = i / self.data.ic0_ap_ratio.value
        return [from_p, macrospin.write_error_rate(cells.delta[1], i_ap, tau)]

    def _write(self, cells: _Cells, values: Mapping[str, float]) -> Vector:
        """Return (cells, stored bit, state): a pulse towards the state it is in changes nothing."""
        fails = self._write_failures(cells, values)
        was_0 = {
            "random": (0.5, 0.5),
            "complement": (0.0, 1.0),
            "zeros": (1.0, 1.0),
            "ones": (0, 0),
        }
        p0_when_0, p0_when_1 = was_0[self.option("previous")]
        stays_1, stays_0 = (1 - p0_when_0) * fails[1], p0_when_1 * fails[0]
        rows = ((1 - stays_1, stays_1), (stays_0, 1 - stays_0))
        return np.stack([np.stack(row, -1) for row in rows], -2)

    def _rate(self, delta: Vector, i: Vector) -> Vector:
        """Return the escape rate per ns at barrier delta under current i."""
        exponent = float(self.option("exponent"))
        if self.option("prefactor") == "brown":
            return macrospin.escape_rate(delta, i, self.data.relaxation_time_ns.value, exponent)
        return macrospin.arrhenius_rate(delta, i, self.data.attempt_time_ns.value, exponent)

    def _retention(self, cells: _Cells, values: Mapping[str, float]) -> tuple[Vector, Vector]:
        """Return rate times time out of P and AP, summed over the profile and the storage."""
        steps = [(step.hours, step.temperature_c) for step in self.data.profile]
        steps.append((values["retention_years"] * _HOURS_PER_YEAR, values["temperature_c"]))
        still = np.zeros_like(cells.relative)
        out = [
            sum(
                (hours * _NS_PER_HOUR * self._rate(delta * self._cooling(temperature), still)
                 for hours, temperature in steps),
                start=still,
            )
            for delta in cells.delta
        ]  # fmt: skip
        return out[0], out[1]

    def _read_disturb(self, cells: _Cells, values: Mapping[str, float]) -> tuple[Vector, Vector]:
        """Return rate times time out of P and AP under the read current.

        Ic0 ~ Delta kT does not change with temperature when Delta ~ 1/T.
        """
        i = self.data.read_current_ratio.value / cells.relative
        toward_1 = i if self.option("read_toward") == "1" else -i
        time = values["reads"] * self.data.read_pulse_ns.value
        cooling = self._cooling(values["temperature_c"])
        out_0 = self._rate(cells.delta[0] * cooling, toward_1)
        return time * out_0, time * self._rate(cells.delta[1] * cooling, -toward_1)

    def _cooling(self, temperature_c: float) -> float:
        """Return Delta(T) / Delta(T0) = T0 / T."""
        reference = self.data.reference_temperature_c.value + _KELVIN
        return reference / (temperature_c + _KELVIN)


def _charge(values: Mapping[str, float]) -> float:
    return values["write_current_ratio"] ** 2 * values["write_pulse_ns"]
