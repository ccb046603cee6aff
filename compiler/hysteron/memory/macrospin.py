"""Perpendicular macrospin: write error, thermal escape, two-state retention.

Delta = E_b / kT is the barrier, i = I / Ic0 the current, tau = t / t_d the pulse with
t_d = (1 + alpha^2) / (alpha gamma mu0 Hk). Tail exponent of the write error: Butler et al.,
IEEE Trans. Magn. 48 (2012), arXiv:1202.2621. Escape rate: Brown's high-barrier result,
with the exponent 2 that the Fokker-Planck equation gives.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from hysteron.errors import InputError
from hysteron.memory import fokker_planck, write_table

Vector = npt.NDArray[np.float64]


def closed_form(delta: float, i: float, tau: float) -> float:
    """Return the closed-form write error rate, for i > 1 only (InputError).

    ``1 - exp(-(pi^2/4) Delta (i-1) / (i e^{2(i-1)tau} - 1))``; conservative by 1.07 at
    i = 3, 1.7 at i = 2 and 3 to 6 at i = 1.5 against the Fokker-Planck solver.
    """
    if not (i > 1.0 and delta > 0.0 and tau >= 0.0):
        raise InputError(
            "the closed-form write error rate does not hold",
            got=f"delta {delta:g}, i {i:g}, tau {tau:g}",
            wanted="delta > 0, i > 1, tau >= 0",
        )
    return float(_form(delta, i, tau, 1.0, 1.0))


def corrected(delta: npt.ArrayLike, i: npt.ArrayLike, tau: float) -> Vector:
    """Return the closed form with K and k of ``write_table``; InputError outside the table."""
    if not write_table.covers(delta, i).all():
        low, high = write_table.DELTAS[0], write_table.DELTAS[-1]
        slow, fast = write_table.CURRENTS[0], write_table.CURRENTS[-1]
        raise InputError(
            "outside the table of write error rates",
            got=f"delta {np.asarray(delta)}, i {np.asarray(i)}",
            wanted=f"delta {low:g} to {high:g}, i {slow:g} to {fast:g}",
        )
    return _form(delta, i, tau, *write_table.corrections(delta, i))


def write_error_rate(delta: Vector, i: Vector, tau: float) -> Vector:
    """Return the write error rate per cell: the corrected form, off its table the solver."""
    result = np.empty(np.shape(delta))
    inside = write_table.covers(delta, i)
    if inside.any():
        result[inside] = corrected(delta[inside], i[inside], tau)
    for index in np.flatnonzero(~inside):
        result[index] = fokker_planck.write_error_rate(float(delta[index]), float(i[index]), tau)
    return result


def _form(
    delta: npt.ArrayLike, i: npt.ArrayLike, tau: float, big_k: npt.ArrayLike, k: npt.ArrayLike
) -> Vector:
    delta, i, k = np.asarray(delta), np.asarray(i), np.asarray(k)
    growth = i * np.exp(np.minimum(2.0 * k * (i - 1.0) * tau, 700.0)) - 1.0  # exp overflows at 709
    return np.asarray(-np.expm1(-np.asarray(big_k) * (math.pi**2 / 4) * delta * (i - 1) / growth))


def escape_rate(delta: Vector, i: Vector, relaxation_time: float, exponent: float = 2.0) -> Vector:
    """Return the rate of thermal escape from one well, in 1 / (unit of relaxation_time).

    ``(1/t_d) sqrt(Delta/pi) (1-i^2)(1-i) exp(-Delta (1-i)^b)``; i < 1 drives the cell out
    when positive. At |i| >= 1 there is no barrier (InputError).
    """
    i = np.asarray(i)
    if not (np.abs(i) < 1.0).all():
        raise InputError("no barrier is left at this current", got=f"i {np.max(np.abs(i)):g}")
    prefactor = np.sqrt(delta / math.pi) * (1 - i * i) * (1 - i) / relaxation_time
    return np.asarray(prefactor * np.exp(-delta * (1 - i) ** exponent))


def arrhenius_rate(delta: Vector, i: Vector, attempt_time: float, exponent: float = 2.0) -> Vector:
    """Return ``exp(-Delta (1-i)^b) / tau0``, the customary law with a fixed attempt time."""
    return np.asarray(np.exp(-delta * (1 - np.asarray(i)) ** exponent) / attempt_time)


def two_state(escapes_0: Vector, escapes_1: Vector) -> Vector:
    """Return (cells, 2, 2) transition probabilities of the two-state master equation.

    ``escapes_s`` is rate times time out of state s. It saturates at the equilibrium
    instead of at 1, which is what sets it apart from first_passage.
    """
    total = np.asarray(escapes_0 + escapes_1)
    # (1 - e^-s) / s tends to 1: no division by zero for infinite barriers
    share = np.where(total > 0, -np.expm1(-total) / np.where(total > 0, total, 1.0), 1.0)
    up, down = escapes_0 * share, escapes_1 * share
    return np.stack([np.stack([1 - up, up], -1), np.stack([down, 1 - down], -1)], -2)


def first_passage(escapes: Vector) -> Vector:
    """Return the probability of at least one escape; never a bit error rate."""
    return np.asarray(-np.expm1(-escapes))
