"""What a memory technology is: conditions in, error channel and energy out."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from hysteron.errors import InputError, UnsupportedError
from hysteron.memory import array
from hysteron.memory.channel import Channel
from hysteron.memory.condition import Condition, Quantity
from hysteron.memory.geometry import ArrayGeometry
from hysteron.memory.gray import gray_level
from hysteron.memory.states.base import Cells, Site
from hysteron.memory.states.level import LevelCells

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Energy:
    """Energy of one stored value: to program it once and to read it once (None: unknown).

    In joule when ``absolute``, otherwise in multiples of ``reference``.
    """

    program: float
    read: float | None
    absolute: bool
    reference: str


@dataclass(frozen=True, kw_only=True)
class Technology(ABC):
    """A memory technology; subclasses hold the physics, their TOML file the numbers.

    ``cells_per_bit`` counts devices per stored value (a bit, or a ternary weight);
    ``chosen`` holds the values of ``options``, whose first entries are the defaults.
    ``stated`` conditions come from the file; ``mechanisms`` are off unless the user sets them.
    """

    name: str
    title: str
    cells_per_bit: float
    stated: tuple[Condition, ...] = ()
    quantities: tuple[Quantity, ...] = ()
    notes: tuple[str, ...] = ()
    chosen: Mapping[str, str] = field(default_factory=dict)
    geometry: ArrayGeometry = array.DEFAULT_GEOMETRY

    physics: ClassVar[str]
    formula: ClassVar[str]
    cell_levels: ClassVar[tuple[int, ...]] = (2,)
    options: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    plot_axis: ClassVar[str | None] = None
    mechanisms: ClassVar[tuple[Condition, ...]] = ()

    @property
    def extras(self) -> tuple[Condition, ...]:
        """Return the conditions that are off unless set: mechanisms and defects."""
        return (*self.mechanisms, *array.DEFECTS)

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """Return every condition that can be set."""
        return (*self.stated, *self.extras)

    def channel(self, levels: int, conditions: Mapping[str, float] | None = None) -> Channel:
        """Return P(read level | stored level) of a cell with 2, 3 or n levels.

        Conditions left out take their defaults. Raises InputError for a condition that is
        unknown or out of range, UnsupportedError for a cell that cannot be stored here.
        """
        values = self.resolve(conditions)
        self._check_stores(levels)
        if reason := self.not_derivable(values):
            raise UnsupportedError(f"no channel can be derived: {reason}", where=self.name)
        return self._with_defects(self._channel(levels, values), values)

    def cells(self, levels: int, conditions: Mapping[str, float] | None, site: Site) -> Cells:
        """Return cells whose state can be followed; raises as ``channel`` does."""
        values = self.resolve(conditions)
        self._check_stores(levels)
        return self._cells(levels, values, site)

    def not_derivable(self, values: Mapping[str, float]) -> str:
        """Return why ``channel`` does not hold at resolved conditions; empty where it does.

        The trajectory engine needs no channel.
        """
        return ""

    @property
    def has_places(self) -> bool:
        """Return whether bits are known by their place in the array."""
        return False

    def scrub_matters(self, values: Mapping[str, float]) -> bool:
        """Return False where rewriting what is read can change nothing."""
        return True

    @property
    def bit_levels(self) -> int:
        """Number of levels of the cell that bits are stored in."""
        return 2

    def storage_hours(self, values: Mapping[str, float]) -> float:
        """Return the time between write and read."""
        return 0.0

    def stores(self, levels: int) -> bool:
        """Return True when a cell with this number of levels can be stored."""
        return levels in self.cell_levels

    def energy(self, conditions: Mapping[str, float] | None = None) -> Energy | None:
        """Return the energy of one stored value, or None where nothing is known."""
        self.resolve(conditions)
        return None

    def derived(self, conditions: Mapping[str, float] | None = None) -> dict[str, float]:
        """Return what else follows at these conditions, by a descriptive name."""
        self.resolve(conditions)
        return {}

    def configured(self, **choices: str) -> Self:
        """Return the same technology with other options; raises InputError."""
        for name, value in choices.items():
            if name not in self.options:
                known = ", ".join(self.options) or "none"
                raise InputError(f"unknown option '{name}'", where=self.name, wanted=known)
            if value not in self.options[name]:
                raise InputError(
                    f"unknown value of option '{name}'",
                    where=self.name,
                    got=f"'{value}'",
                    wanted=" or ".join(self.options[name]),
                )
        return dataclasses.replace(self, chosen={**self.chosen, **choices})

    def option(self, name: str) -> str:
        """Return the value in force of an option."""
        return self.chosen.get(name, self.options[name][0])

    def resolve(self, conditions: Mapping[str, float] | None) -> dict[str, float]:
        """Return every condition's value, defaults filled in; raises InputError."""
        given = dict(conditions or {})
        known = {condition.name: condition for condition in self.conditions}
        unknown = sorted(set(given) - set(known))
        if unknown:
            raise InputError(
                f"unknown condition {', '.join(unknown)}",
                where=self.name,
                wanted=", ".join(known) or "none: it has no conditions",
            )
        values = {name: float(given.get(name, c.default)) for name, c in known.items()}
        for name, value in values.items():
            condition = known[name]
            if not condition.low <= value <= condition.high:  # true for NaN
                raise InputError(
                    f"{name} is out of range",
                    where=self.name,
                    got=f"{value:g}",
                    wanted=f"{condition.low:g} to {condition.high:g} {condition.unit}".rstrip(),
                    fix="models and tables are not extrapolated",
                )
            array.check_whole(name, value, self.name)
        return values

    @abstractmethod
    def _channel(self, levels: int, values: Mapping[str, float]) -> Channel:
        """Return the channel at resolved conditions and a supported number of levels."""

    def _cells(self, levels: int, values: Mapping[str, float], site: Site) -> Cells:
        """Return cells whose only state is the level read: right for one write and one look."""
        return LevelCells(self._channel(levels, values), values, site)

    def _check_stores(self, levels: int) -> None:
        if not self.stores(levels):
            raise UnsupportedError(
                f"cannot store cells of {levels} levels",
                where=self.name,
                wanted=" or ".join(map(str, self.cell_levels)),
                fix=self._other_levels(),
            )

    def _with_defects(self, channel: Channel, values: Mapping[str, float]) -> Channel:
        """Return the channel of a cell that may be stuck or lie in a burst of ones."""
        stuck, burst = array.defective_share(values)
        if not stuck and not burst:
            return channel
        ones = self.ones_level(channel.levels)
        matrix = np.array(channel.matrix) * (1.0 - burst)
        matrix[:, ones] += burst
        return to_channel(matrix * (1.0 - stuck) + stuck / channel.levels)

    def ones_level(self, levels: int) -> int:
        """Return the level that bits of ones mean: a ternary 11 counts as 0."""
        return 1 if levels <= 3 else gray_level((1,) * (levels.bit_length() - 1))

    def _other_levels(self) -> str:
        return "hysteron memories lists the technologies"


def to_channel(matrix: npt.ArrayLike) -> Channel:
    """Return the channel with these off-diagonal probabilities; diagonals are ignored."""
    errors: Any = np.clip(np.array(matrix, dtype=np.float64), 0.0, 1.0)
    np.fill_diagonal(errors, 0.0)
    rows = errors.tolist()
    for level, row in enumerate(rows):
        row[level] = max(0.0, 1.0 - float(np.sum(row)))
    return Channel(tuple(tuple(row) for row in rows))
