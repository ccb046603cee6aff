"""Memory without errors: the reference, and what parts of a placement leave out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from hysteron.memory.channel import Channel
from hysteron.memory.technology import Condition, Technology


class Ideal(Technology):
    """Reads what was written."""

    physics: ClassVar[str] = "ideal"
    formula: ClassVar[str] = "read = written"
    cells_per_bit: ClassVar[float] = 1.0
    conditions: ClassVar[tuple[Condition, ...]] = ()

    def derived(self, levels: int, at: Mapping[str, float]) -> Channel:
        """Return the identity."""
        del at
        rows = range(levels)
        return Channel(tuple(tuple(float(s == r) for r in rows) for s in rows))
