"""Single error correction, double error detection: shortened extended Hamming codes.

R. W. Hamming, "Error detecting and error correcting codes", Bell Syst. Tech. J. 29 (1950):
bit positions are numbered from 1, the powers of two are check bits, check bit j is the
parity of the positions that contain 2^j; one more check bit makes the parity of the whole
word even. Data bit i sits at the i-th position from 3 that is no power of two. Adding all
rows to the last one gives every column of H an odd number of ones (the form of M. Y. Hsiao,
IBM J. Res. Dev. 14 (1970), without its choice of light columns): check columns are unit
vectors, and no even syndrome, that is no double error, looks like a single one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, cached_property

import numpy as np
import numpy.typing as npt

from hysteron.errors import InputError
from hysteron.memory.channel import Channel
from hysteron.memory.ecc.code import (
    Bits,
    Code,
    Decoded,
    Policy,
    Rates,
    Status,
    check_ones,
    checked_bits,
    finish,
)
from hysteron.memory.ecc.enumerator import Enumerator, enumerate_errors

_MAX_DATA_BITS = 1024


@dataclass(frozen=True)
class Secded(Code):
    """The extended Hamming code of ``data_bits``: 4 -> (8,4), 32 -> (39,32), 64 -> (72,64)."""

    data_bits: int
    check_bits: int = field(init=False)
    name: str = field(init=False)

    def __post_init__(self) -> None:
        """Raise InputError unless 1 <= data_bits <= 1024."""
        k = self.data_bits
        if not 1 <= k <= _MAX_DATA_BITS:
            raise InputError("data bits of a code out of range", got=str(k),
                             wanted=f"1 to {_MAX_DATA_BITS}")  # fmt: skip
        hamming = next(r for r in range(2, 12) if 2**r >= k + r + 1)
        object.__setattr__(self, "check_bits", hamming + 1)
        object.__setattr__(self, "name", f"secded-{k + hamming + 1}-{k}")

    @cached_property
    def columns(self) -> npt.NDArray[np.int64]:
        """Columns of H of the data bits, bit j of a number being row j; all of odd weight."""
        found: list[int] = []
        position = 3
        while len(found) < self.data_bits:
            ones = position.bit_count()
            if ones > 1:
                found.append(position | (1 - ones % 2) << (self.check_bits - 1))
            position += 1
        return np.array(found)

    @cached_property
    def _actions(self) -> tuple[npt.NDArray[np.int64], Bits]:
        """Return data bit to flip (-1: none) and Status, by syndrome."""
        flip = np.full(2**self.check_bits, -1)
        status = np.full(2**self.check_bits, int(Status.DETECTED), np.uint8)
        flip[self.columns] = np.arange(self.data_bits)
        status[self.columns] = status[1 << np.arange(self.check_bits)] = int(Status.CORRECTED)
        status[0] = int(Status.OK)
        return flip, status

    def encode(self, data: Bits) -> Bits:
        """Return check bits (words, check_bits)."""
        sums = self._sums(checked_bits(data, self.data_bits, "data"))
        return ((sums[:, None] >> np.arange(self.check_bits)) & 1).astype(np.uint8)

    def decode(self, data: Bits, check: Bits, policy: Policy = Policy.AS_READ) -> Decoded:
        """Correct one error per word; even and unused syndromes are detected."""
        data = checked_bits(data, self.data_bits, "data")
        check = checked_bits(check, self.check_bits, "check")
        if len(data) != len(check):
            raise InputError("data and check bits of different word counts",
                             got=f"{len(data)} and {len(check)}")  # fmt: skip
        syndrome = self._sums(data) ^ (check.astype(np.int64) << np.arange(self.check_bits)).sum(1)
        flip, status = self._actions
        words = np.flatnonzero(flip[syndrome] >= 0)
        data[words, flip[syndrome[words]]] ^= 1
        return finish(data, status[syndrome], policy)

    def rates(
        self, data: Channel, check: Channel, policy: Policy = Policy.AS_READ, ones: float = 0.5
    ) -> Rates:
        """Return the rates from the weight enumerators of the error patterns.

        Exact when p01 = p10. Otherwise each cell errs at its mean rate, independently of the
        others and of the data: code bits of balanced data are independent up to the distance
        of the dual code less one (3 of (8,4), more of longer codes), so for ones = 0.5 the
        leading terms are exact; ``residual.exact`` and ``residual.simulate`` assume nothing.
        """
        check_ones(ones)
        enumerator = _enumerator(self)
        p_data = data.error_rate((1 - ones, ones))
        member = (self.columns[:, None] >> np.arange(self.check_bits)) & 1
        check_ones_mean = float(np.mean((1 - (1 - 2 * ones) ** member.sum(0)) / 2))
        p_check = check.error_rate((1 - check_ones_mean, check_ones_mean))
        detected = enumerator.expect(enumerator.detected, p_data, p_check)
        silent = enumerator.expect(enumerator.silent, p_data, p_check)
        if policy is Policy.ZERO:
            wrong = enumerator.expect(enumerator.wrong_undetected, p_data, p_check)
            return Rates(wrong / self.data_bits + detected * ones, detected, silent)
        wrong = enumerator.expect(enumerator.wrong_as_read, p_data, p_check)
        return Rates(wrong / self.data_bits, detected, silent)

    def _sums(self, data: Bits) -> npt.NDArray[np.int64]:
        """Return the sum modulo 2 of the columns of the set bits, (words,)."""
        if not len(data):
            return np.zeros(0, np.int64)
        return np.asarray(np.bitwise_xor.reduce(data * self.columns, axis=1))


@cache
def _enumerator(code: Secded) -> Enumerator:
    return enumerate_errors(code.columns, code.check_bits)
