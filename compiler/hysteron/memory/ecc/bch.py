"""Binary BCH codes of t = 2 and 3, analytically: no encoder and no decoder.

R. C. Bose and D. K. Ray-Chaudhuri, Information and Control 3 (1960). A primitive code over
GF(2^m), shortened to k data bits, has m t check bits for these t (m >= 5).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import bdtrc
from scipy.stats import binom

from hysteron.errors import InputError


@dataclass(frozen=True, slots=True)
class Bch:
    """A shortened primitive BCH code that corrects ``t`` errors in ``data_bits`` data bits."""

    data_bits: int
    t: int

    def __post_init__(self) -> None:
        """Raise InputError unless t is 2 or 3 and 8 <= data_bits <= 4096."""
        if self.t not in (2, 3) or not 8 <= self.data_bits <= 4096:
            raise InputError("no such BCH code", got=f"t = {self.t}, {self.data_bits} data bits",
                             wanted="t = 2 or 3 and 8 to 4096 data bits")  # fmt: skip

    @property
    def field_degree(self) -> int:
        """The smallest m with k + m t <= 2^m - 1."""
        return next(m for m in range(5, 15) if self.data_bits + m * self.t < 2**m)

    @property
    def word_bits(self) -> int:
        """Cells of a code word, n."""
        return self.data_bits + self.field_degree * self.t

    @property
    def cells_per_bit(self) -> float:
        """Cells per data bit, n / k."""
        return self.word_bits / self.data_bits

    def word_failure(self, p: float) -> float:
        """Return the sum over j > t of C(n, j) p^j (1 - p)^(n - j)."""
        return float(bdtrc(self.t, self.word_bits, p))

    def data_ber(self, p: float) -> tuple[float, float]:
        """Return (estimate, upper bound) of the data bit error rate of a bounded decoder.

        Estimate: every failure is detected and left as read. Upper bound: every failure
        is miscorrected and adds t wrong bits, all of them data.
        """
        j = np.arange(self.t + 1, self.word_bits + 1)
        weight = binom.pmf(j, self.word_bits, p)
        as_read = float(weight @ j) / self.word_bits
        return as_read, as_read + float(weight.sum()) * self.t / self.data_bits
