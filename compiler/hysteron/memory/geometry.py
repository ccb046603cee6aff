"""Array geometry: which row, column and sense amplifier an image bit belongs to.

Memory bits are numbered by word: bit b of the memory is bit ``b % word_bits`` of
word ``b // word_bits``. Words fill a row bit-interleaved: bit i of the w-th word
of a row sits in column ``i * words_per_row + w``, so that neighbouring cells
belong to different words (a burst along a row hits each word at most once per
``words_per_row`` columns). ``interleaved = False`` keeps a word's bits adjacent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hysteron.errors import InputError

Index = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Place:
    """Where bits sit: arrays of the same shape."""

    array: Index
    row: Index
    column: Index


@dataclass(frozen=True, slots=True)
class ArrayGeometry:
    """Arrays of ``rows`` x ``columns`` bits; every ``columns_per_amplifier`` share one amplifier.

    Check bits of an error-correcting code are part of the word: ``word_bits``
    counts them. Raises InputError when words do not fill rows or amplifiers do
    not divide the columns.
    """

    rows: int
    columns: int
    word_bits: int
    columns_per_amplifier: int = 1
    interleaved: bool = True

    def __post_init__(self) -> None:
        """Check that the numbers fit each other."""
        if min(self.rows, self.columns, self.word_bits, self.columns_per_amplifier) < 1:
            raise InputError("array geometry holds a number below 1", got=str(self))
        for what, part in (("word", self.word_bits), ("amplifier", self.columns_per_amplifier)):
            if self.columns % part:
                raise InputError(
                    f"columns are no multiple of the {what}'s", got=f"{self.columns} and {part}"
                )

    @property
    def words_per_row(self) -> int:
        """Words in one row."""
        return self.columns // self.word_bits

    def locate(self, bit: npt.ArrayLike) -> Place:
        """Return the place of each memory bit (counted from 0)."""
        where = np.asarray(bit, dtype=np.int64)
        word, inside = where // self.word_bits, where % self.word_bits
        line, slot = word // self.words_per_row, word % self.words_per_row
        if self.interleaved:
            column = inside * self.words_per_row + slot
        else:
            column = slot * self.word_bits + inside
        return Place(line // self.rows, line % self.rows, column)

    def index(self, place: Place) -> Index:
        """Return the memory bit at each place: the inverse of ``locate``."""
        if self.interleaved:
            inside, slot = place.column // self.words_per_row, place.column % self.words_per_row
        else:
            slot, inside = place.column // self.word_bits, place.column % self.word_bits
        line = place.array * self.rows + place.row
        bit: Index = (line * self.words_per_row + slot) * self.word_bits + inside
        return bit

    def amplifier(self, bit: npt.ArrayLike) -> Index:
        """Return the number of the sense amplifier that reads each bit, unique over arrays."""
        place = self.locate(bit)
        per_array = self.columns // self.columns_per_amplifier
        number: Index = place.array * per_array + place.column // self.columns_per_amplifier
        return number
