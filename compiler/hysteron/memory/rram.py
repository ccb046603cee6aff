"""Filamentary RRAM: normal ln R in the low and high resistance states, read once.

Low (LRS) stores 1, high (HRS) stores 0; d = ln(R_H / R_L), Q the Gaussian tail. With
the standard deviation s_off of the sense amplifier's input-referred offset in ln R:

    1T1R   p10 = Q((r - m_L) / sqrt(s_L^2 + s_off^2)), p01 = Q((m_H - r) / sqrt(s_H^2 + s_off^2))
    2T2R   p10 = p01 = Q(d / sqrt(s_L^2 + s_H^2 + s_off^2))

The 1T1R reference r is fixed where both states err equally often without offset. A
ternary 2T2R weight stores 0 as two HRS devices and is read against a window of +- w:
D = ln R_2 - ln R_1 is N(+-d, s_L^2 + s_H^2 + s_off^2) for +-1, N(0, 2 s_H^2 + s_off^2) for 0.
Offsets are drawn per cell here; shared along a column they keep the mean and widen the
spread over chips. Follows from the lognormal assumption alone; real tails may be heavier.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

from scipy.special import ndtr

from hysteron.errors import InputError
from hysteron.memory.channel import Channel
from hysteron.memory.technology import Condition, Technology


def tail(x: float) -> float:
    """Return Q(x) = P(N(0, 1) > x), accurate far out."""
    return float(ndtr(-x))


class Rram(Technology):
    """1T1R, differential 2T2R or ternary 2T2R, by the option ``cell``."""

    physics: ClassVar[str] = "rram"
    formula: ClassVar[str] = "2T2R: Q(ln(R_H/R_L) / sqrt(s_L^2 + s_H^2 + s_off^2)); 1T1R: two tails"
    needs: ClassVar[tuple[str, ...]] = (
        "lrs_median_ohm",
        "hrs_median_ohm",
        "lrs_sigma_ln",
        "hrs_sigma_ln",
        "offset_sigma_ln",
    )
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "cell": ("1t1r", "2t2r", "2t2r-ternary"),
        # "adjacent": a weight never turns into its opposite (ternary RRAM networks, 2020)
        "ternary_errors": ("all", "adjacent"),
    }

    @property
    def cells_per_bit(self) -> float:
        """One device, or two."""
        return 1.0 if self.options["cell"] == "1t1r" else 2.0

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """The four numbers of the two states and the offset may be set by hand."""
        found = [
            Condition("offset_sigma_ln", "ln R", self.value("offset_sigma_ln"), 0.0, 5.0,
                      "sense amplifier offset, standard deviation"),
            Condition("lrs_sigma_ln", "ln R", self.value("lrs_sigma_ln"), 1e-3, 5.0,
                      "spread of the low resistance state"),
            Condition("hrs_sigma_ln", "ln R", self.value("hrs_sigma_ln"), 1e-3, 5.0,
                      "spread of the high resistance state"),
            Condition("resistance_ratio", "R_H/R_L", self._ratio(), 1.01, 1e6,
                      "ratio of the medians: weaker programming makes it smaller"),
        ]  # fmt: skip
        if self.options["cell"] == "2t2r-ternary":
            half = math.log(self._ratio()) / 2
            found.append(Condition("window_ln", "ln R", half, 0.0, 20.0, "half width that reads 0"))
        return tuple(found)

    def _ratio(self) -> float:
        low, high = self.value("lrs_median_ohm"), self.value("hrs_median_ohm")
        if not 0 < low < high:
            raise InputError(
                "the high resistance must exceed the low one", where=self.name,
                got=f"{low:g} and {high:g} ohm",
            )  # fmt: skip
        return high / low

    def levels_of(self, dtype: str) -> int:
        """Return 3 where a ternary weight is one differential cell."""
        return 3 if dtype == "t2" and self.options["cell"] == "2t2r-ternary" else 2

    def derived(self, levels: int, at: Mapping[str, float]) -> Channel:
        """Return the channel of one read of freshly written cells."""
        d = math.log(at["resistance_ratio"])
        low, high, offset = at["lrs_sigma_ln"], at["hrs_sigma_ln"], at["offset_sigma_ln"]
        if levels == 3:
            return self._ternary(d, low, high, offset, at["window_ln"])
        if self.options["cell"] == "1t1r":
            reference = d * low / (low + high)  # equal tails: r / s_L = (d - r) / s_H
            return Channel.binary(
                tail((d - reference) / math.hypot(high, offset)),
                tail(reference / math.hypot(low, offset)),
            )
        return Channel.symmetric(tail(d / math.hypot(low, high, offset)))

    def _ternary(self, d: float, low: float, high: float, offset: float, w: float) -> Channel:
        unlike, alike = math.hypot(low, high, offset), math.hypot(high, high, offset)
        opposite = tail((d + w) / unlike)
        if self.options["ternary_errors"] == "adjacent":
            opposite = 0.0
        weak = tail((d - w) / unlike) - tail((d + w) / unlike)
        edge = tail(w / alike)
        right = 1.0 - weak - opposite
        return Channel(
            ((right, weak, opposite), (edge, 1.0 - 2 * edge, edge), (opposite, weak, right))
        )
