"""Analog RRAM: two conductances per weight, read as the quantized sign of their difference.

G is normal with sigma_G = a + b G in the programmed range: Milo et al., IRPS 2021, HfO2, the
fit that CrossSim (Sandia) ships for 50 to 225 uS.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from hysteron.errors import InputError
from hysteron.memory import array
from hysteron.memory.channel import Channel
from hysteron.memory.condition import Condition
from hysteron.memory.gaussian_chain import Drift, Readout
from hysteron.memory.numerics import require, tail
from hysteron.memory.schema import AnalogRramFile, described
from hysteron.memory.states.analog_rram import UNIT, PairCells
from hysteron.memory.states.base import Cells, Site
from hysteron.memory.technology import Energy, Technology, to_channel


@dataclass(frozen=True, kw_only=True)
class AnalogRram(Technology):
    """Bits as the sign of a pair's difference; ternary weights with thresholds at +-half of it."""

    data: AnalogRramFile

    physics = "analog-rram"
    formula = (
        "D = G+ - G-, sigma_G = a + b G;  bit: Q((GH - GL) / s);  ternary (0 = both low): "
        "read 0 where |D| < (GH - GL)/2"
    )
    cell_levels: ClassVar[tuple[int, ...]] = (2, 3)
    plot_axis = "conductance_high_microsiemens"
    mechanisms: ClassVar[tuple[Condition, ...]] = (
        array.WRITE_ATTEMPTS, array.VERIFY, array.DIE, *array.sensing("uS", 50.0, UNIT),
    )  # fmt: skip

    @classmethod
    def from_file(cls, data: AnalogRramFile, folder: Path) -> Self:
        """Return the technology of a file; raises InputError where sigma would not be > 0."""
        for axis in (data.conductance_high_microsiemens, data.conductance_low_microsiemens):
            for end in (axis.low, axis.high):
                require(_sigma(data, end) > 0, f"sigma is not above 0 at {end:g} uS", data.name)
        return cls(**described(data), cells_per_bit=2.0, data=data)

    def energy(self, conditions: Mapping[str, float] | None = None) -> Energy:
        """Return relative energies: programming ~ GH + GL, read current ~ GH + GL.

        Filament conductance is about proportional to the programming current; that makes
        the programming energy an assumption. Retries are those of bits.
        """
        values = self.resolve(conditions)
        high, low = self._pair(values)
        relative = (high + low) / sum(self._pair(self.resolve(None)))
        pulses = self._readout(2, values).pulses()
        program = relative * sum(pulses) / len(pulses)
        return Energy(program, relative, False, "the same action at the default conductances")

    def derived(self, conditions: Mapping[str, float] | None = None) -> dict[str, float]:
        """Return the spreads of the two conductances."""
        high, low = self._pair(self.resolve(conditions))
        return {
            "sigma of the high conductance, uS": _sigma(self.data, high),
            "sigma of the low conductance, uS": _sigma(self.data, low),
        }

    def _channel(self, levels: int, values: Mapping[str, float]) -> Channel:
        if any(values[condition.name] != condition.default for condition in self.mechanisms):
            readout = self._readout(levels, values)
            still = Drift((0.0,) * levels, (0.0,) * levels)
            return to_channel(readout.channel(0, still, still))
        high, low = self._pair(values)
        offset = values["sense_offset_microsiemens"]
        apart = math.hypot(_sigma(self.data, high), _sigma(self.data, low), offset)
        gap = high - low
        if levels == 2:
            return Channel.symmetric(float(tail(gap / apart)))
        # thresholds at +-gap/2; the three stored levels have means -gap, 0, +gap
        same = math.hypot(math.sqrt(2) * _sigma(self.data, low), offset)
        across = float(tail(1.5 * gap / apart))
        near, lost = float(tail(0.5 * gap / apart)), float(tail(0.5 * gap / same))
        return to_channel([[0, near - across, across], [lost, 0, lost], [across, near - across, 0]])

    def _readout(self, levels: int, values: Mapping[str, float]) -> Readout:
        """Return the difference of conductances as what is compared, without its own offset."""
        high, low = self._pair(values)
        gap, die = high - low, values["die_sigma"]
        apart = math.hypot(_sigma(self.data, high), _sigma(self.data, low))
        same = math.sqrt(2) * _sigma(self.data, low)
        bits = levels == 2
        return Readout(
            (-gap, gap) if bits else (-gap, 0.0, gap),
            (apart, apart) if bits else (apart, same, apart),
            (die * gap,) * 2 if bits else (die * gap, 0.0, die * gap),
            (0.0,) if bits else (-gap / 2, gap / 2),
            math.hypot(values["sense_offset_microsiemens"], values[f"column_offset_sigma{UNIT}"]),
            values[f"sense_noise{UNIT}"],
            int(values["write_attempts"]),
            bool(values["verify"]),
            values[f"verify_margin{UNIT}"],
        )

    def _cells(self, levels: int, values: Mapping[str, float], site: Site) -> Cells:
        own = values["sense_offset_microsiemens"]
        return PairCells(self._readout(levels, values), own, values, site)

    def _pair(self, values: Mapping[str, float]) -> tuple[float, float]:
        high = values["conductance_high_microsiemens"]
        low = values["conductance_low_microsiemens"]
        if high <= low:
            raise InputError(
                "the high conductance is not above the low one",
                where=self.name,
                got=f"{high:g} and {low:g} uS",
            )
        return high, low


def _sigma(data: AnalogRramFile, conductance: float) -> float:
    return data.sigma_intercept_microsiemens.value + data.sigma_slope.value * conductance
