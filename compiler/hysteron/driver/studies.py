"""The studies that ``hysteron emulate`` adds to its table, checked before any chip runs."""

from __future__ import annotations

from dataclasses import dataclass

from hysteron.driver.candidates import Grid
from hysteron.driver.critical import check_critical, critical
from hysteron.driver.emulate import Emulation
from hysteron.driver.extras import Extra
from hysteron.driver.optimize import check_costs, check_optimize, optimize
from hysteron.driver.sensitivity import check_sensitivity, sensitivity
from hysteron.driver.session import Session
from hysteron.image.program import Program


@dataclass(frozen=True)
class Studies:
    """What was asked for besides the table; None where it was not.

    ``cut`` parts the image for the sensitivity, ``critical`` flips are sought within ``only``,
    ``goal`` is optimized; ``max_drop`` is in percentage points.
    """

    cut: str | None = None
    critical: int | None = None
    only: str | None = None
    goal: str | None = None
    max_drop: float = 1.0

    def check(self, program: Program, grid: Grid) -> None:
        """Raise InputError for what could not be answered."""
        if self.cut is not None:
            check_sensitivity(grid.candidates, self.cut, self.max_drop)
        if self.critical is not None:
            check_critical(self.critical)
        if self.goal is not None:
            check_optimize(self.goal, self.max_drop)
            check_costs(program, grid.candidates, self.goal)

    def run(self, session: Session, result: Emulation) -> list[Extra]:
        """Return the studies' results, in the order of the command's options."""
        extras = []
        if self.cut is not None:
            extras.append(sensitivity(session, result.candidates, self.cut, self.max_drop))
        if self.critical is not None:
            extras.append(critical(session, result.golden, self.critical, self.only))
        if self.goal is not None:
            program = session.trial.program
            extras.append(optimize(program, result, self.goal, self.max_drop))
        return extras
