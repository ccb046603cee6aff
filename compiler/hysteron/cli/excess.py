"""How a broken budget is told: exit 1, each memory with budget, need and largest contributors."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from hysteron.cli.common import emit
from hysteron.driver.budgets import Excess


def show_excess(over: Sequence[Excess]) -> None:
    """Print each broken budget on stderr."""
    for one in over:
        sys.stderr.write(f"hysteron: {one.text()}\n")


def report_excess(command: str, over: Sequence[Excess], as_json: bool) -> int:
    """Print broken budgets as the whole result of a command; return its exit code."""
    show_excess(over)
    if as_json:
        emit(command, {"over_budget": [one.as_dict() for one in over]})
    return 1
