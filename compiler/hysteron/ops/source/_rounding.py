"""Exact numbers rounded once to binary32."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from hysteron.exact import Number, sign


def to_binary32(value: Number) -> np.float32:
    """Return ``value`` rounded to nearest, ties to even, from its exact value."""
    with np.errstate(over="ignore", under="ignore"):
        guess = np.float32(float(value))
    if not np.isfinite(guess):
        return np.float32(guess)
    # Through float64 the guess is off by one float at most; its midpoints decide.
    for limit, side in ((-np.inf, -1), (np.inf, 1)):
        other = np.nextafter(guess, np.float32(limit))
        if not np.isfinite(other):
            continue
        middle = (Fraction(float(guess)) + Fraction(float(other))) / 2
        beyond = sign(value - middle) * side
        if beyond > 0 or (beyond == 0 and int(guess.view(np.int32)) & 1):
            return np.float32(other)
    return np.float32(guess)
