"""Limits on flash, RAM and stack, and who used them up."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from hysteron.driver.compile import CompiledModel
from hysteron.errors import InputError, ToolchainError
from hysteron.runners.fit import Need, largest, least_needs
from hysteron.runners.mcu_net import McuNet

_UNITS: Final = {"": 1, "K": 1024, "M": 1024 * 1024}


@dataclass(frozen=True, slots=True)
class Budgets:
    """Limits in bytes; None is no limit."""

    flash: int | None = None
    ram: int | None = None
    stack: int | None = None

    def __bool__(self) -> bool:
        return any(limit is not None for limit in (self.flash, self.ram, self.stack))

    def limit(self, memory: str) -> int | None:
        """Return the limit of ``flash``, ``ram`` or ``stack``."""
        value: int | None = getattr(self, memory)
        return value


@dataclass(frozen=True, slots=True)
class Excess:
    """A memory over its budget."""

    need: Need
    budget: int
    before_link: bool

    def text(self) -> str:
        """Return one sentence: budget, need, largest contributors."""
        stage = " before its code is linked" if self.before_link else ""
        who = f"; largest: {self.need.text()}" if self.need.largest else ""
        return (
            f"{self.need.memory} over budget: {self.need.nbytes:,} bytes{stage}, "
            f"budget {self.budget:,}{who}"
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "memory": self.need.memory,
            "bytes": self.need.nbytes,
            "budget": self.budget,
            "before_link": self.before_link,
            "largest": [{"name": name, "bytes": size} for name, size in self.need.largest],
        }


def parse_bytes(text: str | None) -> int | None:
    """Return 32768 for "32768" or "32K" (K and M are powers of 1024). Raises InputError."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d+)([KM]?)", text.strip().upper())
    if match is None:
        raise InputError("not a number of bytes", got=f"'{text}'", wanted="such as 32768 or 32K")
    return int(match[1]) * _UNITS[match[2]]


def parse_budgets(flash: str | None, ram: str | None, stack: str | None) -> Budgets:
    """Return the budgets of three options. Raises InputError."""
    return Budgets(parse_bytes(flash), parse_bytes(ram), parse_bytes(stack))


def over_before_link(
    compiled: CompiledModel, budgets: Budgets, *, on_board: bool = False
) -> list[Excess]:
    """Return what breaks the budgets whatever the compiler does.

    Raises InputError for a host target and on a board, where nothing of this is
    measured.
    """
    if budgets and on_board:
        raise InputError(
            "a board does not measure its memory", got="a budget with -t serial",
            fix=f"check it on the emulated part: -t {compiled.target.name}",
        )  # fmt: skip
    if budgets and compiled.target.is_host:
        raise InputError(
            "budgets are for microcontrollers", got=f"target {compiled.target.name}",
            fix="choose one with -t; hysteron targets lists them",
        )  # fmt: skip
    return _over(least_needs(compiled.program), budgets, before_link=True)


def over_after_run(net: McuNet, budgets: Budgets) -> list[Excess]:
    """Return what breaks the budgets in the linked file, the stack by its proven bound.

    Raises ToolchainError for a budget of a stack that has none.
    """
    elf, stack = net.elf, net.stack.deepest
    if stack.nbytes is None and budgets.stack is not None:
        raise ToolchainError("no bound of the stack can be proven", got=stack.reason)
    needs = (
        Need("flash", elf.flash_bytes, largest(elf.flash_parts.items())),
        Need("ram", elf.ram_bytes, largest(elf.ram_parts.items())),
        Need("stack", stack.nbytes or 0, _chain(stack.chain)),
    )
    return _over(needs, budgets, before_link=False)


def _chain(chain: Sequence[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    """Return the deepest chain of calls, outermost first."""
    return tuple((f"frame of {name}", size) for name, size in chain)


def _over(needs: tuple[Need, ...], budgets: Budgets, before_link: bool) -> list[Excess]:
    found = []
    for need in needs:
        limit = budgets.limit(need.memory)
        if limit is not None and need.nbytes > limit:
            found.append(Excess(need, limit, before_link))
    return found
