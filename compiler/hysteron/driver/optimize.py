"""``--optimize energy|endurance|area --max-drop PT``: the cheapest memory that is good enough."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hysteron.campaign.optimize import Offer, cheapest, most_accurate, pareto_front
from hysteron.campaign.plots import Trade, rendered, trade_figure
from hysteron.campaign.report import Picture, Section, Table
from hysteron.driver.candidates import Candidate
from hysteron.driver.cost import Cost, cost
from hysteron.driver.emulate import Emulation
from hysteron.driver.extras import Extra
from hysteron.driver.session import check_points
from hysteron.errors import InputError
from hysteron.image.program import Program

_BOUND = "lower bound of the 5 % quantile over chips (95 %)"
_EMPIRICAL = "5 % quantile of the drawn chips (too few for a bound)"
_SINGLY = "Each bound holds singly at 95 %; the choice is the best of several."


@dataclass(frozen=True)
class _Axis:
    """The cost of every candidate, what it is, and how it is drawn (sign -1: more is better)."""

    costs: Sequence[float]
    label: str
    sign: int = 1


def optimize(program: Program, result: Emulation, goal: str, max_drop: float) -> Extra:
    """Return the cheapest candidate whose low quantile keeps the accuracy, and the Pareto front.

    ``max_drop`` is in percentage points below the error-free accuracy. Raises InputError for an
    unknown goal and for candidates whose costs cannot be compared.
    """
    check_optimize(goal, max_drop)
    axis = _GOALS[goal](program, result.candidates)
    bounds = [row["q05_low"] for row in result.rows]
    bounded = all(bound is not None for bound in bounds)
    kept = bounds if bounded else [row["q05"] for row in result.rows]
    offers = [Offer(*pair) for pair in zip(axis.costs, kept, strict=True)]
    wanted = result.golden_correct / result.samples - max_drop / 100
    best, front = cheapest(offers, wanted), pareto_front(offers)
    what = _BOUND if bounded else _EMPIRICAL

    def told(number: int) -> dict[str, Any]:
        named = {"condition": number, **result.candidates[number].fields}
        return {**named, "cost": axis.sign * axis.costs[number], "accuracy": kept[number]}

    chosen = told(most_accurate(offers) if best is None else best)
    fields = {
        "optimum": None if best is None else chosen,
        "pareto": [told(number) for number in front],
        "optimize": {"goal": goal, "cost": axis.label, "accuracy": what, "wanted": wanted,
                     "max_drop": max_drop / 100, "best_found": chosen},
    }  # fmt: skip
    trades = [
        Trade(_name(c), axis.sign * offer.cost, offer.accuracy, number in front, number == best)
        for number, (c, offer) in enumerate(zip(result.candidates, offers, strict=True))
    ]
    figure = trade_figure(f"{program.name}: {goal}", axis.label, f"{what}, %", wanted, trades)
    svg = rendered(figure, "svg")
    page = Section(
        f"Optimum: {goal}",
        [_answer(trades[chosen["condition"]], axis.label, what, wanted), _SINGLY],
        [Picture(svg, f"Accuracy kept against {goal}")],
        _front_table([trades[number] for number in front], axis.label),
    )
    files = {"pareto.png": rendered(figure, "png"), "pareto.svg": svg}
    return Extra(fields, page, files, best is not None)


def _answer(trade: Trade, label: str, what: str, wanted: float) -> str:
    verdict = f"Cheapest that keeps {100 * wanted:.2f} %"
    if not trade.chosen:
        verdict = f"Nothing keeps {100 * wanted:.2f} %; the most accurate"
    numbers = f"{label} {trade.cost:.6g}, {what} {100 * trade.accuracy:.2f} %"
    return f"{verdict}: {trade.label}; {numbers}."


def _front_table(front: Sequence[Trade], label: str) -> Table:
    rows = [[t.label, f"{t.cost:.6g}", f"{100 * t.accuracy:.2f}"] for t in front]
    return Table(["Pareto front", label, "keeps %"], rows)


def check_optimize(goal: str, max_drop: float) -> None:
    """Raise InputError for an unknown goal or a drop out of range: before any chip."""
    if goal not in _GOALS:
        raise InputError("unknown goal", got=goal, wanted=", ".join(_GOALS))
    check_points(max_drop, "largest drop")


def check_costs(program: Program, candidates: Sequence[Candidate], goal: str) -> None:
    """Raise InputError for candidates whose costs cannot be compared: before any chip."""
    _GOALS[goal](program, candidates)


def _name(candidate: Candidate) -> str:
    settings = [f"{name} {value:g}" for name, value in candidate.point.settings.items()]
    return ", ".join([candidate.memory, *settings])


def _costs(program: Program, candidates: Sequence[Candidate]) -> list[Cost]:
    found = [cost(program, candidate) for candidate in candidates]
    known = [one for one in found if one is not None]
    if not known or len(known) != len(found):
        raise InputError("bit error rates have no cost", fix="give technologies with -m")
    return known


def _energy(program: Program, candidates: Sequence[Candidate]) -> _Axis:
    costs = _costs(program, candidates)
    energies = [one.program_energy for one in costs if one.program_energy is not None]
    units = sorted({str(one.energy_unit) for one in costs})
    if len(energies) != len(costs) or len(units) != 1:
        raise InputError(
            "programming energies cannot be compared", got="; ".join(units),
            fix="compare memories whose energies are known in one unit, or --optimize area",
        )  # fmt: skip
    if len({one.uncounted for one in costs}) != 1:
        raise InputError(
            "candidates leave out the energy of different sections",
            got="; ".join(sorted({", ".join(one.uncounted) or "none" for one in costs})),
        )
    unit = "J" if units[0] == "J" else f"relative to {units[0]}"
    return _Axis(energies, f"programming energy of the image ({unit})")


def _area(program: Program, candidates: Sequence[Candidate]) -> _Axis:
    costs = _costs(program, candidates)
    widths = [one.transistor_width for one in costs if one.transistor_width is not None]
    technologies = {tuple(sorted({t.name for t in c.placement.values()})) for c in candidates}
    if len(widths) == len(costs) and len(technologies) == 1 and len(set(widths)) > 1:
        areas = [one.devices * width for one, width in zip(costs, widths, strict=True)]
        return _Axis(areas, "cells x relative width of their access transistor")
    return _Axis([one.devices for one in costs], "memory devices, check cells included")


def _endurance(program: Program, candidates: Sequence[Candidate]) -> _Axis:
    cycles = [candidate.point.settings.get("cycles") for candidate in candidates]
    known = [-value for value in cycles if value is not None]
    if len(known) != len(candidates):
        raise InputError(
            "endurance needs write cycles that vary", wanted="--set cycles=N[,N...]",
            fix="a technology has them once you give it an endurance table (docs/memory.md)",
        )  # fmt: skip
    return _Axis(known, "write cycles endured", -1)


_GOALS: Final[dict[str, Callable[[Program, Sequence[Candidate]], _Axis]]] = {
    "energy": _energy,
    "endurance": _endurance,
    "area": _area,
}
