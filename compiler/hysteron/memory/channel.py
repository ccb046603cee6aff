"""Error channels: what a cell reads back, given what was stored."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hysteron.errors import InputError

_SUM_TOLERANCE = 1e-12


@dataclass(frozen=True, slots=True)
class Channel:
    """``matrix[s][r]`` is the probability that a cell stored at level s reads as level r.

    Levels are in ascending order: bits 0 and 1 of a b1 cell or of one bit of an
    integer; -1, 0, +1 of a ternary (t2) cell; 0 .. n-1 of an n-level cell.
    """

    matrix: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        """Raise InputError unless every row is a probability distribution."""
        for stored, row in enumerate(self.matrix):
            if len(row) != len(self.matrix) or len(row) < 2:
                raise InputError("error channel is not square", got=str(self.matrix))
            if not all(0.0 <= p <= 1.0 for p in row):  # false for NaN
                raise InputError(
                    "error probability out of range", where=f"stored level {stored}",
                    got=str(row), wanted="0 to 1",
                )  # fmt: skip
            if abs(math.fsum(row) - 1.0) > _SUM_TOLERANCE:
                raise InputError(
                    "error probabilities do not sum to 1", where=f"stored level {stored}",
                    got=str(math.fsum(row)), wanted="1",
                )  # fmt: skip

    @classmethod
    def binary(cls, p01: float, p10: float) -> Channel:
        """Return the two-level channel: p01 = P(read 1 | stored 0), p10 = P(read 0 | stored 1)."""
        return cls(((1.0 - p01, p01), (p10, 1.0 - p10)))

    @classmethod
    def symmetric(cls, ber: float) -> Channel:
        """Return the two-level channel with one bit error rate for both values."""
        return cls.binary(ber, ber)

    @property
    def levels(self) -> int:
        """Number of levels."""
        return len(self.matrix)

    @property
    def p01(self) -> float:
        """P(read 1 | stored 0) of a two-level channel."""
        return self._binary()[0][1]

    @property
    def p10(self) -> float:
        """P(read 0 | stored 1) of a two-level channel."""
        return self._binary()[1][0]

    def error_rate(self, stored: Sequence[float] | None = None) -> float:
        """Return the mean error probability; ``stored`` weighs the levels (default: equally)."""
        count = self.levels
        weights = [1.0 / count] * count if stored is None else [float(w) for w in stored]
        errors = (
            weight * math.fsum(p for r, p in enumerate(row) if r != s)
            for s, (weight, row) in enumerate(zip(weights, self.matrix, strict=True))
        )
        return math.fsum(errors)

    def _binary(self) -> tuple[tuple[float, ...], ...]:
        if self.levels != 2:
            raise InputError("not a two-level channel", got=f"{self.levels} levels", wanted="2")
        return self.matrix
