"""The draws of one section of one chip as a memory model asks for them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from hysteron.chips import native
from hysteron.chips.philox import Stream, Words, philox4x32

Vector = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Index = npt.NDArray[np.int64]

_SHIFT = np.uint64(32)


@dataclass(frozen=True)
class SectionDraws:
    """``count`` draws per purpose; see ``memory.states.base.Draws``."""

    stream: Stream
    count: int

    def words(self, mechanism: str, event: int = 0) -> Words:
        """Return 64 random bits per cell."""
        return native.draw(self.stream, self.count, mechanism, event)

    def normal(self, mechanism: str, event: int = 0) -> Vector:
        """Return standard normal deviates, up to 8.2 in size (53 bits)."""
        return deviates(self.words(mechanism, event))

    def below(self, probability: Vector | float, mechanism: str, event: int = 0) -> Mask:
        """Return draw < probability, compared as 64-bit integers."""
        return under(self.words(mechanism, event), probability)

    def ends(
        self, down: Vector | float, up: Vector | float, mechanism: str, event: int = 0
    ) -> tuple[Mask, Mask]:
        """Return where a draw lies in the low end and where in the high end."""
        words = self.words(mechanism, event)
        return under(words, down), under(~words, up)


def under(words: Words, probability: Vector | float) -> Mask:
    """Return words < floor(p * 2^64), exact for every p in [0, 1]."""
    p = np.asarray(probability, dtype=np.float64)
    certain = p >= 1.0
    limit = np.ldexp(np.where(certain, 0.0, p), 64).astype(np.uint64)
    hit: Mask = (words < limit) | certain
    return hit


def deviates(words: Words) -> Vector:
    """Return standard normal deviates of 64-bit words."""
    uniform = ((words >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
    return np.asarray(ndtri(uniform))


def words_at(stream: Stream, cell: Index, mechanism: str, event: int) -> Words:
    """Return the draws of some cells only: the same that all of them would get."""
    key, (section, chip, purpose) = stream.words(int(cell.max()) + 1, mechanism, event)
    block = (cell >> 1).astype(np.uint64)
    fixed = [np.full_like(block, word) for word in (section, chip, purpose)]
    words = philox4x32(np.stack([block, *fixed]), key)
    odd = (cell & 1).astype(bool)
    low, high = np.where(odd, words[2], words[0]), np.where(odd, words[3], words[1])
    return np.asarray(low | high << _SHIFT)
