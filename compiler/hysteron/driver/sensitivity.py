"""``--sensitivity``: which sections, layers or roles matter, and which to protect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hysteron.campaign.plots import Bar, bars_figure, rendered
from hysteron.campaign.report import Picture, Section, Table
from hysteron.campaign.run import Campaign
from hysteron.campaign.sensitivity import (
    CUTS,
    Part,
    Sensitivity,
    parts_of,
    protections,
    ranked,
)
from hysteron.campaign.statistics import Drop, paired_drop
from hysteron.campaign.trial import Condition, within
from hysteron.driver.candidates import Candidate, technology_texts
from hysteron.driver.extras import Extra
from hysteron.driver.session import Session, check_points
from hysteron.errors import InputError
from hysteron.image.layout import ImageLayout

#: What stands for the user's technology where only error rates were given.
PLACEHOLDER = "TECH"
_SAFE = "ideal"
_ABOUT = (
    "Each part alone has the errors; the others are right. Drops need not add up: errors in two"
    " parts can hide or amplify each other. Intervals are 95 %, paired over samples, over chips"
    " and samples."
)


@dataclass(frozen=True)
class Proposal:
    """Parts protected, and what was measured with errors in all the others."""

    protected: tuple[Part, ...]
    drop: Drop


def sensitivity(
    session: Session, candidates: Sequence[Candidate], cut: str, max_drop: float
) -> Extra:
    """Return the ranking of parts and the least protection that keeps the accuracy.

    ``max_drop`` is in percentage points of the mean over chips. Raises InputError unless there
    is one candidate and ``cut`` is known.
    """
    check_sensitivity(candidates, cut, max_drop)
    condition = candidates[0].point.condition
    parts = parts_of(session.layout, condition.source.sections, cut)
    alone = {part: within(condition, part.sections) for part in parts}
    campaign = session.run(list(alone.values()), added=True)
    correct = {
        part: session.store.correct(c.key, range(campaign.looks[c.key].chips))
        for part, c in alone.items()
    }
    order = ranked(campaign.golden, correct, session.request.seed)
    proposal = _proposal(session, campaign, condition, order, max_drop / 100)
    text = placement_text(session.layout, candidates[0], proposal)
    protected = [part.name for part in proposal.protected]
    fields = {
        "cut": cut,
        "parts": [one.as_dict() for one in order],
        "protect": protected,
        "placement": text,
        "protected_share_of_cells": _share(proposal, parts),
        "drop": proposal.drop.mean,
        "drop_low": proposal.drop.ci_low,
        "drop_high": proposal.drop.ci_high,
        "max_drop": max_drop / 100,
    }
    return Extra({"sensitivity": fields}, *_page(order, proposal, text, cut, max_drop, parts))


def check_sensitivity(candidates: Sequence[Candidate], cut: str, max_drop: float) -> None:
    """Raise InputError for what could not be answered: before any chip."""
    if cut not in CUTS:
        raise InputError("unknown cut", got=cut, wanted=" or ".join(CUTS))
    if len(candidates) != 1:
        raise InputError(
            "sensitivity needs one condition", got=f"{len(candidates)}",
            wanted="one --ber, or one -m with one value per --set",
        )  # fmt: skip
    check_points(max_drop, "largest drop")


def _proposal(
    session: Session,
    campaign: Campaign,
    condition: Condition,
    order: Sequence[Sensitivity],
    wanted: float,
) -> Proposal:
    """Measure growing sets of protected parts until the mean drop is small enough.

    Then parts that did not bring it about are left out again, where the drop stays small.
    """

    def measured(protected: Sequence[Part]) -> Proposal:
        safe = {name for part in protected for name in part.sections}
        left = within(condition, [n for n in condition.source.sections if n not in safe])
        chips = session.run([left], added=True).looks[left.key].chips
        correct = session.store.correct(left.key, range(chips))
        drop = paired_drop(campaign.golden, correct, session.request.seed)
        return Proposal(tuple(protected), drop)

    sets = protections(order, wanted)
    first = best = measured(next(sets))
    while best.drop.mean > wanted:
        best = measured(next(sets))  # the last set protects everything: no drop
    for part in best.protected[len(first.protected) : -1]:
        fewer = measured([one for one in best.protected if one != part])
        best = fewer if fewer.drop.mean <= wanted else best
    return best


def placement_text(layout: ImageLayout, candidate: Candidate, proposal: Proposal) -> str:
    """Return the -m argument that protects the parts: roles where they agree, else sections.

    Check bits lie with their data.
    """
    safe = {name for part in proposal.protected for name in part.sections}
    given = technology_texts(candidate.memory, layout) if candidate.memory else {}
    sections = candidate.point.condition.source.sections
    tech = {
        section.name: given.get(section.name, PLACEHOLDER)
        if section.name in sections and section.name not in safe
        else _SAFE
        for section in layout.data_sections
    }
    items = []
    for role in dict.fromkeys(section.role for section in layout.data_sections):
        members = [section.name for section in layout.data_sections if section.role == role]
        names = [tech[name] for name in members]
        common = max(dict.fromkeys(names), key=names.count)
        items.append(f"{role}={common}")
        items += [f"{name}={tech[name]}" for name in members if tech[name] != common]
    return ",".join(items)


def _share(proposal: Proposal, parts: Sequence[Part]) -> float:
    return sum(part.cells for part in proposal.protected) / sum(part.cells for part in parts)


def _page(
    order: Sequence[Sensitivity],
    proposal: Proposal,
    text: str,
    cut: str,
    max_drop: float,
    parts: Sequence[Part],
) -> tuple[Section, dict[str, bytes]]:
    figure = bars_figure(
        f"Errors in one {cut} only",
        "accuracy lost (percentage points)",
        [Bar(one.part.name, one.drop.mean, one.drop.ci_low, one.drop.ci_high) for one in order],
    )
    svg = rendered(figure, "svg")
    table = Table(
        [cut, "cells", "drop, points", "from", "to", "over the next"],
        [_row(one) for one in order],
    )
    names = ", ".join(part.name for part in proposal.protected) or "nothing"
    drop = proposal.drop
    advice = (
        f"To lose at most {max_drop:g} points on average, protect {names}"
        f" ({100 * _share(proposal, parts):.2g} % of the cells): measured drop"
        f" {_points(drop.mean)} ({_points(drop.ci_low)} to {_points(drop.ci_high)}) with -m {text}"
    )
    picture = Picture(svg, f"Accuracy lost with errors in one {cut} only")
    files = {"sensitivity.png": rendered(figure, "png"), "sensitivity.svg": svg}
    return Section("Sensitivity", [_ABOUT, advice], [picture], table), files


def _row(one: Sensitivity) -> list[str]:
    gap: Any = one.over_next
    over = "-"
    if gap is not None:
        over = f"{_points(gap.mean)} ({_points(gap.ci_low)} to {_points(gap.ci_high)})"
    drop = one.drop
    numbers = [_points(value) for value in (drop.mean, drop.ci_low, drop.ci_high)]
    return [one.part.name, str(one.part.cells), *numbers, over]


def _points(value: float) -> str:
    return f"{100 * value:.2f}"
