"""Counts of error patterns by weight and by what a syndrome decoder makes of them.

The decoder flips the bit whose column equals the syndrome. The number of patterns of a
given weight and syndrome follows from the characters of the syndrome space (F. J. MacWilliams
and N. J. A. Sloane, The Theory of Error-Correcting Codes, 1977, ch. 5): for patterns e with
syndrome s, m rows and columns h_j,

    sum over e of x^|e| = 2^-m sum over u of (-1)^(u.s) prod over j of (1 + (-1)^(u.h_j) x).

Counts are integers; data and check errors have separate weights a and b.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Counts: TypeAlias = npt.NDArray[np.object_]  # Python integers: binomials of 72 pass 2^64


@dataclass(frozen=True)
class Enumerator:
    """Counts (data_bits + 1, check_bits + 1) over all patterns of a data and b check errors.

    ``detected`` and ``silent``: words flagged, and words decoded to another code word.
    ``wrong_undetected``: data bits wrong after decoding in words that are not flagged;
    ``wrong_as_read``: the same plus the wrong data bits of flagged words, left as read.
    """

    detected: Counts
    silent: Counts
    wrong_undetected: Counts
    wrong_as_read: Counts

    def expect(self, counts: Counts, p_data: float, p_check: float) -> float:
        """Return the expectation for independent errors; no term is negative."""
        k, c = (size - 1 for size in counts.shape)
        a, b = np.arange(k + 1), np.arange(c + 1)
        weight_data = p_data**a * (1.0 - p_data) ** (k - a)
        weight_check = p_check**b * (1.0 - p_check) ** (c - b)
        return float(weight_data @ counts.astype(np.float64) @ weight_check)


def enumerate_errors(columns: npt.NDArray[np.int64], rows: int) -> Enumerator:
    """Return the counts of the code with the given data columns and unit check columns.

    The columns of H must be distinct and not 0. Sums over u are grouped by the numbers
    (wd, wc) of data and check columns with odd u.h.
    """
    k, c = len(columns), rows
    groups = Counter(
        (sum((u & int(h)).bit_count() & 1 for h in columns), u.bit_count()) for u in range(2**rows)
    )
    accepted, undetected, moved = (_zeros(k, c) for _ in range(3))
    for (wd, wc), count in groups.items():
        check = _product(c - wc, wc)
        #: 1 + sum of (-1)^(u.h) over all columns: syndrome 0 and those of single errors
        s = 1 + (k - 2 * wd) + (c - 2 * wc)
        accepted += count * s * np.multiply.outer(_product(k - wd, wd), check)
        # One data bit i apart: its character is +1 for k - wd bits, -1 for wd bits. The terms
        # are (bit i in error) and (bit i sound, syndrome h_i).
        for sign, bits in ((1, k - wd), (-1, wd)):
            if not bits:
                continue
            rest = _product(k - wd - (sign == 1), wd - (sign == -1))
            in_error, sound = np.append(0, rest), np.append(rest, 0)
            scaled = count * bits
            undetected += scaled * np.multiply.outer(
                (sign * s - 1) * in_error + sign * sound, check
            )
            moved += scaled * np.multiply.outer(sign * sound - in_error, check)
    accepted, undetected, moved = (x // 2**rows for x in (accepted, undetected, moved))
    patterns = np.multiply.outer(_product(k, 0), _product(c, 0))
    correct = _zeros(k, c)
    correct[0, 0], correct[1, 0], correct[0, 1] = 1, k, c
    raw = np.arange(k + 1).astype(object)[:, None] * patterns
    return Enumerator(patterns - accepted, accepted - correct, undetected, raw + moved)


def _zeros(k: int, c: int) -> Counts:
    return np.full((k + 1, c + 1), 0, object)


def _product(plus: int, minus: int) -> Counts:
    """Return the coefficients of (1 + x)^plus (1 - x)^minus."""
    result = [1]
    for sign in [1] * plus + [-1] * minus:
        result = [low + sign * high for low, high in zip([*result, 0], [0, *result], strict=True)]
    return np.array(result, object)
