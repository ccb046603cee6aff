"""Counter-based random draws: Philox4x32-10.

J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as easy
as 1, 2, 3", SC'11. A draw is a pure function of what it is for, so a chip keeps its
errors on any machine, in any layout, in any order of evaluation.

Key: the 64-bit seed. Counter words: 0 half the cell number (two 64-bit draws per
block), 1 the section, 2 the chip, 3 the mechanism (8 bits) and the event (24 bits).
This is the specification; ``native`` is the same in C, for speed.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
import numpy.typing as npt

from hysteron.errors import InputError, InternalError

Words = npt.NDArray[np.uint64]

#: What a draw decides; the numbers are part of every chip's identity.
MECHANISMS: Final = {
    "marginal": 0,
    "write": 1,
    "retention": 2,
    "disturb": 3,
    "sense": 4,
    "cell": 5,
    "verify": 6,
    "column": 7,
    "die": 8,
    "previous": 9,
    "defect": 10,
    "scrub": 11,
}

_ROUNDS: Final = 10
_MULTIPLY: Final = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL: Final = (0x9E3779B9, 0xBB67AE85)
_LOW: Final = np.uint64(0xFFFFFFFF)
_SHIFT: Final = np.uint64(32)
_CHUNK: Final = 1 << 16


def philox4x32(counter: Words, key: tuple[int, int]) -> Words:
    """Return the random words (4, n) of counters (4, n), all 32-bit values in uint64."""
    x0, x1, x2, x3 = (np.asarray(word, dtype=np.uint64) for word in counter)
    k0, k1 = key
    for _ in range(_ROUNDS):
        first, second = x0 * _MULTIPLY[0], x2 * _MULTIPLY[1]
        x0, x1, x2, x3 = (
            (second >> _SHIFT) ^ x1 ^ np.uint64(k0),
            second & _LOW,
            (first >> _SHIFT) ^ x3 ^ np.uint64(k1),
            first & _LOW,
        )
        k0, k1 = (k0 + _WEYL[0]) & 0xFFFFFFFF, (k1 + _WEYL[1]) & 0xFFFFFFFF
    return np.stack(np.broadcast_arrays(x0, x1, x2, x3))


@dataclass(frozen=True, slots=True)
class Stream:
    """The draws of one chip for one section. Raises InputError for numbers out of range."""

    seed: int
    chip: int
    section: str

    def __post_init__(self) -> None:
        """Check the ranges of seed (64 bits) and chip (32 bits)."""
        for what, value, bits in (("seed", self.seed, 64), ("chip", self.chip, 32)):
            if not 0 <= value < 1 << bits:
                raise InputError(f"{what} out of range", got=str(value), wanted=f"0 to 2^{bits}-1")

    def words(
        self, cells: int, mechanism: str, event: int
    ) -> tuple[tuple[int, int], tuple[int, int, int]]:
        """Return the key and counter words 1 to 3. Raises InternalError where they would repeat."""
        if not (0 <= cells <= 1 << 33 and 0 <= event < 1 << 24):
            raise InternalError("draws would repeat", got=f"{cells} cells, event {event}")
        purpose = MECHANISMS[mechanism] << 24 | event
        key = (self.seed & 0xFFFFFFFF, self.seed >> 32)
        return key, (zlib.crc32(self.section.encode()), self.chip, purpose)

    def draw(self, cells: int, mechanism: str, event: int = 0) -> Words:
        """Return 64 random bits for each of ``cells`` cells."""
        key, counter = self.words(cells, mechanism, event)
        out = np.empty(-(-cells // 2) * 2, dtype=np.uint64)
        for start in range(0, len(out) // 2, _CHUNK):  # chunks stay in the cache
            block = np.arange(start, min(start + _CHUNK, len(out) // 2), dtype=np.uint64)
            fixed = (np.full_like(block, word) for word in counter)
            words = philox4x32(np.stack([block, *fixed]), key)
            pairs = out[2 * start : 2 * (start + len(block))].reshape(-1, 2)
            pairs[:, 0] = words[0] | words[1] << _SHIFT
            pairs[:, 1] = words[2] | words[3] << _SHIFT
        return out[:cells]

    def uniform(self, cells: int, mechanism: str, event: int = 0) -> npt.NDArray[np.float64]:
        """Return numbers strictly between 0 and 1 (53 bits), for continuous quantities."""
        bits = self.draw(cells, mechanism, event) >> np.uint64(11)
        return (bits.astype(np.float64) + 0.5) * 2.0**-53


def threshold(probability: float) -> int:
    """Return the integer T in 0 .. 2^64 with P(draw < T) = probability, rounded down."""
    return int(Fraction(probability) * 2**64)


def below(draws: Words, limit: int) -> npt.NDArray[np.bool_]:
    """Return draws < limit for a limit in 0 .. 2^64: exact at both ends."""
    if limit >= 1 << 64:
        return np.ones(draws.shape, dtype=np.bool_)
    return np.less(draws, np.uint64(limit))
