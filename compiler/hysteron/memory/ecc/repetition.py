"""Repetition: two copies detect, three copies vote bit by bit."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

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

_NAMES = {2: "duplicate", 3: "triplicate"}


@dataclass(frozen=True)
class Repetition(Code):
    """Words of ``data_bits``, stored ``copies`` times; check bits are whole copies in order."""

    copies: int
    data_bits: int = 32
    check_bits: int = field(init=False)
    name: str = field(init=False)

    def __post_init__(self) -> None:
        """Raise InputError unless there are 2 or 3 copies of at least one bit."""
        if self.copies not in _NAMES or self.data_bits < 1:
            raise InputError("no such repetition code", wanted="2 or 3 copies of 1 or more bits",
                             got=f"{self.copies} copies of {self.data_bits}")  # fmt: skip
        object.__setattr__(self, "check_bits", (self.copies - 1) * self.data_bits)
        object.__setattr__(self, "name", _NAMES[self.copies])

    def encode(self, data: Bits) -> Bits:
        """Return the further copies, (words, check_bits)."""
        return np.tile(checked_bits(data, self.data_bits, "data"), (1, self.copies - 1))

    def decode(self, data: Bits, check: Bits, policy: Policy = Policy.AS_READ) -> Decoded:
        """Flag words whose two copies differ, or vote over three and never flag."""
        data = checked_bits(data, self.data_bits, "data")
        check = checked_bits(check, self.check_bits, "check")
        if len(data) != len(check):
            raise InputError("data and check bits of different word counts",
                             got=f"{len(data)} and {len(check)}")  # fmt: skip
        differ = (np.tile(data, (1, self.copies - 1)) != check).any(axis=1)
        if self.copies == 2:
            return finish(
                data, np.where(differ, Status.DETECTED, Status.OK).astype(np.uint8), policy
            )
        second, third = check[:, : self.data_bits], check[:, self.data_bits :]
        voted = (data & second) | (data & third) | (second & third)
        return finish(voted, np.where(differ, Status.CORRECTED, Status.OK).astype(np.uint8), policy)

    def rates(
        self, data: Channel, check: Channel, policy: Policy = Policy.AS_READ, ones: float = 0.5
    ) -> Rates:
        """Return the exact rates: bits are independent and copies of a bit store one value."""
        check_ones(ones)
        share = np.array((1 - ones, ones))
        d, c = np.array((data.p01, data.p10)), np.array((check.p01, check.p10))
        k = self.data_bits
        if self.copies == 3:
            wrong = float(share @ (c * c + 2 * d * c * (1 - c)))
            return Rates(wrong, 0.0, _at_least_one(wrong, k))
        both_wrong = d * c
        differ = d * (1 - c) + c * (1 - d)
        equal = float(share @ (1 - differ))
        detected = _at_least_one(float(share @ differ), k)
        # Words whose copies agree: all bits agree, less those in which all are right.
        conditional = float(share @ both_wrong) / equal if equal else 0.0
        silent = equal**k * _at_least_one(conditional, k)
        if policy is not Policy.ZERO:
            return Rates(float(share @ d), detected, silent)
        others = equal ** (k - 1)
        flagged_ones = ones * (differ[1] + (1 - differ[1]) * _at_least_one(1 - equal, k - 1))
        return Rates(float(share @ both_wrong) * others + float(flagged_ones), detected, silent)


def _at_least_one(p: float, count: int) -> float:
    """Return 1 - (1 - p)^count, to full precision for small p."""
    return 1.0 if p >= 1.0 and count else float(-np.expm1(count * np.log1p(-p))) if count else 0.0
