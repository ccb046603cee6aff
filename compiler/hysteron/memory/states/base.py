"""What a trajectory asks of cells: write, keep, disturb, sense, on arrays of one section."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]
Levels = npt.NDArray[np.int8]
Mask = npt.NDArray[np.bool_]
Where = slice | npt.NDArray[np.int64]

EVERYWHERE = slice(None)


class Draws(Protocol):
    """Random numbers of one section of one chip: one per cell, the same for the same purpose."""

    def normal(self, mechanism: str, event: int = 0) -> Vector:
        """Return standard normal deviates."""

    def below(self, probability: Vector | float, mechanism: str, event: int = 0) -> Mask:
        """Return True with the given probability, exact in 64-bit integers."""

    def ends(
        self, down: Vector | float, up: Vector | float, mechanism: str, event: int = 0
    ) -> tuple[Mask, Mask]:
        """Return where one draw lies in its low end of size ``down``, its high one of ``up``."""


@dataclass(frozen=True, eq=False)
class Site:
    """Where cells sit: their draws, the deviates of their sense amplifier and their die.

    Deviates are standard normal. ``old`` holds the levels before the first write, None where
    they are drawn.
    """

    count: int
    draws: Draws
    column: Vector | float
    die: Vector | float
    old: Levels | None = None


class Cells(ABC):
    """Cells of one section of one chip, with their persistent parameters.

    ``values`` are resolved conditions. ``event`` numbers tell repeated draws of one
    mechanism apart. Methods are called in time order.
    """

    def __init__(self, values: Mapping[str, float], site: Site) -> None:
        """Draw the persistent parameters."""
        self.values, self.site = values, site

    @abstractmethod
    def write(self, target: Levels, which: Mask, event: int) -> None:
        """Apply one write pulse towards ``target`` to the cells of ``which``."""

    @abstractmethod
    def keep(self, hours: float, reads: float, first: bool, event: int) -> None:
        """Let time pass and reads happen; ``first`` says it is the first time after a write."""

    @abstractmethod
    def read(self, noise: Vector | float = 0.0, where: Where = EVERYWHERE) -> Levels:
        """Return the levels sensed with this noise, in the unit of what the amplifier compares."""

    def verified(self, target: Levels, noise: Vector | float, margin: float) -> Mask:
        """Return where a read finds the target, also when it is ``margin`` off."""
        good: Mask = self.read(noise + margin) == target
        if margin:
            good &= self.read(noise - margin) == target
        return good


def pick(values: Vector | float, where: Where) -> Vector | float:
    """Return the entries of an array, or a scalar as it is."""
    if isinstance(values, np.ndarray):
        chosen: Vector = values[..., where]
        return chosen
    return values
