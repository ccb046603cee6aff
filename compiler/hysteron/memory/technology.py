"""What every memory technology answers: which errors, when, and from which numbers."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from hysteron.errors import InputError, UnsupportedError
from hysteron.memory.channel import Channel

#: How a number is known; an assumption is a parameter the user should replace.
STATUSES: Final = ("measured", "published", "derived", "assumption")


@dataclass(frozen=True, slots=True)
class Number:
    """A number of a technology file; its key names the unit."""

    value: float
    status: str
    source: str


@dataclass(frozen=True, slots=True)
class Condition:
    """A programming or field condition the user may set, from ``low`` to ``high``."""

    name: str
    unit: str
    default: float
    low: float
    high: float
    help: str


class Technology(abc.ABC):
    """A memory technology: data from a file, behaviour from one physical model."""

    physics: ClassVar[str]
    #: Keys of the numbers the model needs.
    needs: ClassVar[tuple[str, ...]] = ()
    #: Allowed values of each option; the first is the default.
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    formula: ClassVar[str]

    def __init__(
        self, name: str, title: str, numbers: Mapping[str, Number], options: Mapping[str, str]
    ) -> None:
        """Keep the file's content. Raises InputError for numbers or options that do not fit."""
        self.name, self.title = name, title
        if missing := [key for key in self.needs if key not in numbers]:
            raise InputError(f"number '{missing[0]}' is missing", where=name)
        if extra := sorted(set(numbers) - set(self.needs)):
            wanted = ", ".join(self.needs)
            raise InputError(f"unknown number '{extra[0]}'", where=name, wanted=wanted)
        if extra := sorted(set(options) - set(self.choices)):
            wanted = ", ".join(self.choices) or "no options"
            raise InputError(f"unknown option '{extra[0]}'", where=name, wanted=wanted)
        for key, allowed in self.choices.items():
            chosen = options.get(key, allowed[0])
            if chosen not in allowed:
                raise InputError(
                    f"option '{key}'", where=name, got=chosen, wanted=", ".join(allowed)
                )
        self.numbers = dict(numbers)
        self.options = {key: options.get(key, allowed[0]) for key, allowed in self.choices.items()}

    @property
    @abc.abstractmethod
    def cells_per_bit(self) -> float:
        """Devices per stored bit (or per ternary weight)."""

    @property
    @abc.abstractmethod
    def conditions(self) -> tuple[Condition, ...]:
        """What the user may set."""

    def levels_of(self, dtype: str) -> int:
        """Return the levels of the channel that acts on cells of a type: 2 for each bit."""
        del dtype
        return 2

    @abc.abstractmethod
    def derived(self, levels: int, at: Mapping[str, float]) -> Channel:
        """Return the channel of the whole chain at complete, checked conditions."""

    def channel(self, levels: int, conditions: Mapping[str, float]) -> Channel:
        """Return the error channel of cells with 2 or 3 levels; defaults where nothing is set.

        Raises InputError for unknown conditions and values out of range (nothing is
        extrapolated), UnsupportedError where such cells cannot be stored.
        """
        if levels not in {2, self.levels_of("t2")}:
            raise UnsupportedError(f"{self.name} does not store cells of {levels} levels")
        known = {condition.name: condition for condition in self.conditions}
        if extra := sorted(set(conditions) - set(known)):
            wanted = ", ".join(known) or "no conditions"
            raise InputError(f"unknown condition '{extra[0]}'", where=self.name, wanted=wanted)
        at = {name: float(conditions.get(name, c.default)) for name, c in known.items()}
        for name, value in at.items():
            low, high = known[name].low, known[name].high
            if not low <= value <= high:
                raise InputError(
                    f"condition '{name}' out of range", where=self.name,
                    got=f"{value:g} {known[name].unit}", wanted=f"{low:g} to {high:g}",
                )  # fmt: skip
        return self.derived(levels, at)

    def assumptions(self) -> list[str]:
        """Return the keys of numbers without a source."""
        return [key for key, number in self.numbers.items() if number.status == "assumption"]

    def value(self, key: str) -> float:
        """Return a number by its key."""
        return self.numbers[key].value
