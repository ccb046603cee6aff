"""What every implemented code offers: encode, decode, rates after decoding."""

from __future__ import annotations

import abc
import enum
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hysteron.errors import InputError
from hysteron.memory.channel import Channel

Bits = npt.NDArray[np.uint8]


class Status(enum.IntEnum):
    """What the decoder saw in a word; the values of ``HYST_ECC_*`` in C."""

    OK = 0
    CORRECTED = 1
    DETECTED = 2


class Policy(enum.Enum):
    """What a detected-uncorrectable word becomes."""

    AS_READ = "as-read"
    #: All data bits 0: -1 in every binary cell, 0 in a ternary cell whose planes are both zeroed.
    ZERO = "zero"
    #: As read, but whoever runs the network refuses to go on.
    TRAP = "trap"


@dataclass(frozen=True, slots=True)
class Decoded:
    """Data bits (words, data_bits) after decoding and the Status of each word (words,)."""

    data: Bits
    status: Bits


@dataclass(frozen=True, slots=True)
class Rates:
    """Error rates after decoding.

    ``data_ber`` is per data bit; ``detected`` (flagged, not corrected) and ``silent``
    (not flagged, yet wrong) are per word.
    """

    data_ber: float
    detected: float
    silent: float

    @property
    def failure(self) -> float:
        """P(a word is detected-uncorrectable or silently wrong)."""
        return self.detected + self.silent


class Code(abc.ABC):
    """A systematic block code of ``data_bits`` data and ``check_bits`` check bits."""

    name: str
    data_bits: int
    check_bits: int

    @property
    def word_bits(self) -> int:
        """Cells of a code word, n."""
        return self.data_bits + self.check_bits

    @property
    def cells_per_bit(self) -> float:
        """Cells per data bit, n / k."""
        return self.word_bits / self.data_bits

    @abc.abstractmethod
    def encode(self, data: Bits) -> Bits:
        """Return check bits (words, check_bits) of data bits (words, data_bits).

        Raises InputError for another shape or values other than 0 and 1.
        """

    @abc.abstractmethod
    def decode(self, data: Bits, check: Bits, policy: Policy = Policy.AS_READ) -> Decoded:
        """Return what the decoder makes of the bits read; the arguments are not changed.

        Raises InputError for shapes that do not fit or values other than 0 and 1.
        """

    @abc.abstractmethod
    def rates(
        self, data: Channel, check: Channel, policy: Policy = Policy.AS_READ, ones: float = 0.5
    ) -> Rates:
        """Return the rates in closed form, for cells that err independently.

        ``data`` and ``check`` are the two-level channels of the two kinds of cell; data
        bits are independent with P(1) = ``ones``. Says in its own docstring where it is
        not exact.
        """


def checked_bits(bits: Bits, width: int, what: str) -> Bits:
    """Return bits as uint8. Raises InputError unless they are (words, width) of 0 and 1."""
    array = np.asarray(bits)
    if array.ndim != 2 or array.shape[1] != width:
        raise InputError(f"{what} bits do not fit the code", got=str(array.shape),
                         wanted=f"(words, {width})")  # fmt: skip
    if not np.isin(array, (0, 1)).all():
        raise InputError(f"{what} bits are not all 0 or 1")
    return array.astype(np.uint8)


def finish(data: Bits, status: Bits, policy: Policy) -> Decoded:
    """Return the decoded words with the policy applied to the detected ones, in place."""
    if policy is Policy.ZERO:
        data[status == Status.DETECTED] = 0
    return Decoded(data, status)


def check_ones(ones: float) -> None:
    """Raise InputError unless ``ones`` is a probability."""
    if not 0.0 <= ones <= 1.0:  # true for NaN
        raise InputError("share of ones out of range", got=str(ones), wanted="0 to 1")
