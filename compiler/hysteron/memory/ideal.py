"""Memory that reads back what was written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from hysteron.memory.channel import Channel
from hysteron.memory.schema import IdealFile, described
from hysteron.memory.technology import Technology, to_channel


@dataclass(frozen=True, kw_only=True)
class Ideal(Technology):
    """The identity channel for cells of any number of levels."""

    physics = "ideal"
    formula = "P(read = stored) = 1"

    @classmethod
    def from_file(cls, data: IdealFile, folder: Path) -> Self:
        """Return the technology of a file."""
        return cls(**described(data), cells_per_bit=1.0)

    def stores(self, levels: int) -> bool:
        """Return True from two levels on."""
        return levels >= 2

    def _channel(self, levels: int, values: Mapping[str, float]) -> Channel:
        return to_channel([[0.0] * levels] * levels)
