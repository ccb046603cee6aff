"""Spin-transfer-torque MRAM: write errors and retention of a macrospin with spread.

Write: the Fokker-Planck equation in Legendre modes (fokker_planck.py). The spread of the
thermal stability factor moves the critical current with it (Ic0 is proportional to Delta
for a macrospin), so a cell of Delta sees i * Delta_0 / Delta. Retention: a two-state
master equation, equal barriers, P(flipped) = (1 - exp(-2 t exp(-Delta(T)) / tau_0)) / 2 with
Delta(T) = Delta * T_0 / T at least. The same cell's Delta enters both, so the channel
is the mean over cells of the whole chain, not a product of mean channels.

A failed write keeps the old bit: over random old data half of the failures are errors.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from hysteron.memory.channel import Channel
from hysteron.memory.fokker_planck import write_error_rate
from hysteron.memory.technology import Condition, Technology

_NODES = 31  # Gauss-Hermite: within 1 % of 41 nodes, retention at 10 % spread included
_YEAR_S = 365.25 * 86400
_ZERO_C_K = 273.15

#: Share of failed writes that are errors when the old data is random, opposite or equal.
_PREVIOUS: Mapping[str, float] = {"random": 0.5, "complement": 1.0}


class StMram(Technology):
    """Perpendicular ST-MRAM, one device per bit."""

    physics: ClassVar[str] = "st-mram"
    formula: ClassVar[str] = (
        "mean over Delta of [write failure (Fokker-Planck) * share of changed bits, then two-state "
        "thermal flips (1 - exp(-2 t exp(-Delta T0/T) / tau0)) / 2]"
    )
    needs: ClassVar[tuple[str, ...]] = (
        "thermal_stability_factor",
        "thermal_stability_sigma_percent",
        "relaxation_time_ns",
        "attempt_time_ns",
        "reference_temperature_c",
    )
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {"previous": ("random", "complement")}
    cells_per_bit: ClassVar[float] = 1.0

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """Current, pulse, spread, storage time and temperature."""
        sigma = self.value("thermal_stability_sigma_percent")
        temperature = self.value("reference_temperature_c")
        return (
            Condition("current_ratio", "I/Ic0", 2.0, 1.05, 5.0, "write current over critical"),
            Condition("pulse_ns", "ns", 10.0, 0.1, 200.0, "write pulse"),
            Condition("sigma_percent", "%", sigma, 0.0, 15.0, "spread of Delta over cells"),
            Condition("retention_years", "years", 0.0, 0.0, 100.0, "time between write and read"),
            Condition("temperature_c", "C", temperature, -40.0, 150.0, "storage temperature"),
        )

    def derived(self, levels: int, at: Mapping[str, float]) -> Channel:
        """Return the symmetric channel after write and retention."""
        del levels
        nominal, sigma = self.value("thermal_stability_factor"), at["sigma_percent"] / 100
        tau = at["pulse_ns"] / self.value("relaxation_time_ns")
        if sigma == 0.0:
            return Channel.symmetric(self._error(nominal, at, tau))
        nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
        deltas = nominal * (1 + sigma * nodes)
        usable = deltas > 1.0  # a barrier below kT is no memory: certain error
        errors = [
            self._error(float(delta), at, tau) if fine else 0.5
            for delta, fine in zip(deltas, usable, strict=True)
        ]
        return Channel.symmetric(float(np.dot(weights, errors) / weights.sum()))

    def _error(self, delta: float, at: Mapping[str, float], tau: float) -> float:
        nominal = self.value("thermal_stability_factor")
        failed = write_error_rate(delta, at["current_ratio"] * nominal / delta, tau)
        wrong = failed * _PREVIOUS[self.options["previous"]]
        flipped = self.retention_flip(delta, at["retention_years"] * _YEAR_S, at["temperature_c"])
        return wrong * (1 - flipped) + (1 - wrong) * flipped

    def retention_flip(self, delta: float, seconds: float, temperature_c: float) -> float:
        """Return the probability that a cell of barrier ``delta`` is found flipped."""
        reference = self.value("reference_temperature_c") + _ZERO_C_K
        barrier = delta * reference / (temperature_c + _ZERO_C_K)
        attempts = seconds / (self.value("attempt_time_ns") * 1e-9)
        return -math.expm1(-2 * attempts * math.exp(-barrier)) / 2
