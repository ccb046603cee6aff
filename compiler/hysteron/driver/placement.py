"""What a campaign varies: bit error rates, or technologies and their conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hysteron.campaign.store import canonical
from hysteron.campaign.trial import Condition
from hysteron.chips.source import Marginal
from hysteron.chips.trajectory import SENSE
from hysteron.driver.grid import History, Point, history_notes, memory_points
from hysteron.driver.options import GENERAL, configured, read_previous
from hysteron.driver.parts import parts_of, select_sections
from hysteron.errors import InputError
from hysteron.image.layout import ROLES, ImageLayout
from hysteron.memory.channel import Channel
from hysteron.memory.load import load_technology
from hysteron.memory.technology import Technology

__all__ = ["Point", "choose_points", "memory_points", "select_sections"]


def choose_points(
    layout: ImageLayout,
    ber: str | None,
    memory: str | None,
    settings: Sequence[str],
    only: str | None,
) -> tuple[list[Point], tuple[str, ...]]:
    """Return the grid of --ber or of -m with its settings, and what to tell about a technology.

    Raises InputError unless exactly one of the two is given.
    """
    if (ber is None) == (memory is None):
        raise InputError("give either bit error rates (--ber) or a technology (-m)")
    if ber is not None:
        if settings:
            raise InputError("conditions need a technology (-m)", got=settings[0])
        return rate_points(layout, parse_rates(ber), only), ()
    placed = place(layout, memory or "", parse_items(settings), only)
    return placed.points, placed.notes


@dataclass(frozen=True)
class Placed:
    """A memory in place: technology per section, its grid, what to tell."""

    placement: Mapping[str, Technology]
    points: list[Point]
    notes: tuple[str, ...]


def place(
    layout: ImageLayout, memory: str, given: Mapping[str, Sequence[str]], only: str | None
) -> Placed:
    """Return the grid of a technology or placement; ``given`` has texts per setting.

    Raises InputError.
    """
    placement, options = configured(parse_placement(memory, layout), given)
    conditions = {name: numbers(name, given[name]) for name in given if name not in options}
    previous = read_previous(options.get("previous", ""), placement, layout)
    history = History(options.get("engine", "auto"), previous, options.get("sense", SENSE[0]))
    points = memory_points(layout, placement, conditions, only, history)
    notes = [
        note
        for technology in {t.name: t for t in placement.values()}.values()
        for note in technology_notes(technology)
    ]
    return Placed(placement, points, (*notes, *history_notes(placement, points, history)))


def settings_known(placement: Mapping[str, Technology]) -> set[str]:
    """Return the names that --set takes for a placement: conditions and options."""
    conditions = {c.name for technology in placement.values() for c in technology.conditions}
    options = {name for technology in placement.values() for name in technology.options}
    return conditions | options | set(GENERAL)


def technology_notes(technology: Technology) -> list[str]:
    """Return what is to be told of a technology: formula, notes, options, assumptions."""
    notes = [f"{technology.name}: {technology.formula}"]
    notes += [f"{technology.name}: {note}" for note in technology.notes]
    if technology.chosen:
        chosen = ", ".join(f"{name} = {value}" for name, value in technology.chosen.items())
        notes.append(f"{technology.name}: {chosen}")
    if unsourced := technology_assumptions(technology):
        notes.append(f"{technology.name}: assumptions, not sources: {', '.join(unsourced)}")
    return notes


def technology_assumptions(technology: Technology) -> list[str]:
    """Return "name = value" of every number and default condition without a source.

    The array's geometry is told where it matters (``grid.history_notes``).
    """
    constants = [
        f"{q.name} = {q.value:g}"
        for q in technology.quantities
        if _assumed(q.status) and not q.name.startswith("array_")
    ]
    defaults = [f"{c.name} = {c.default:g}" for c in technology.stated if _assumed(c.status)]
    return constants + defaults


def _assumed(status: str) -> bool:
    return status == "assumption"


def parse_rates(text: str) -> list[float]:
    """Return the bit error rates of "P[,P...]", ascending and once each. Raises InputError."""
    rates = set()
    for item in text.split(","):
        rate = _number(item, "bit error rate")
        if not 0.0 <= rate <= 1.0:
            raise InputError("bit error rate out of range", got=item, wanted="0 to 1")
        rates.add(rate)
    return sorted(rates)


def parse_items(items: Sequence[str]) -> dict[str, list[str]]:
    """Return the texts per name of "NAME=V[,V...]" items. Raises InputError."""
    found: dict[str, list[str]] = {}
    for item in items:
        name, equals, values = item.partition("=")
        if not equals or not name.strip() or name.strip() in found:
            raise InputError("not a setting", got=item, wanted="NAME=V[,V...], each name once")
        found[name.strip()] = [value.strip() for value in values.split(",")]
    return found


def numbers(name: str, texts: Sequence[str]) -> list[float]:
    """Return the values of a condition. Raises InputError."""
    return [_number(text, name) for text in texts]


def _number(text: str, what: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"not a {what}", got=text, wanted="a number") from None


def parse_placement(text: str, layout: ImageLayout) -> dict[str, Technology]:
    """Return a technology per section of "TECH" or "PART=TECH,...".

    PART is a role or a section; a section beats its role, and what no item names is
    perfect and left out. Check bits lie with their data unless they, or the role
    "checks", are named. Raises InputError.
    """
    items = [item.strip() for item in text.split(",")]
    if len(items) == 1 and "=" not in items[0]:
        technology = load_technology(items[0])
        return {section.name: technology for section in layout.sections}
    by_part: dict[str, Technology] = {}
    for item in items:
        part, _, name = (piece.strip() for piece in item.partition("="))
        if not part or not name or part in by_part:
            raise InputError("not a placement", got=item, wanted="TECH or PART=TECH,..., once each")
        if part not in ROLES:
            select_sections(layout, part)  # refuses unknown names
        by_part[part] = load_technology(name)
    placed = {}
    for section in layout.sections:
        named = [part for part in parts_of(layout, section) if part in by_part]
        if named:
            placed[section.name] = by_part[named[0]]
    return placed


def rate_points(layout: ImageLayout, rates: Sequence[float], only: str | None) -> list[Point]:
    """Return one point per bit error rate, the same in every chosen section."""
    sections = select_sections(layout, only)
    return [
        Point(
            rate,
            Condition(
                canonical({"engine": "marginal", "ber": rate, "sections": sections}),
                Marginal(dict.fromkeys(sections, Channel.symmetric(rate))),
            ),
        )
        for rate in rates
    ]
