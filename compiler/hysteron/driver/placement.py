"""What a campaign varies: bit error rates, or technologies and their conditions."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hysteron.campaign.store import canonical
from hysteron.campaign.trial import Condition
from hysteron.chips.source import Marginal
from hysteron.errors import InputError
from hysteron.image.layout import ROLES, ImageLayout, Section
from hysteron.memory.channel import Channel
from hysteron.memory.load import load_technology
from hysteron.memory.technology import Technology

#: Points of one grid: more is a typing mistake rather than a plan.
MAX_POINTS = 10_000


@dataclass(frozen=True)
class Point:
    """One point of a grid: the mean error rate per cell, what was set, and the chips' source."""

    ber: float
    condition: Condition
    settings: Mapping[str, float] = field(default_factory=dict)


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
    placement = parse_placement(memory or "", layout)
    notes: list[str] = []
    for technology in {t.name: t for t in placement.values()}.values():
        notes.append(f"{technology.name}: {technology.formula}")
        notes += [f"{technology.name}: {note}" for note in technology.notes]
        if unsourced := technology_assumptions(technology):
            notes.append(f"{technology.name}: assumptions, not sources: {', '.join(unsourced)}")
    return memory_points(layout, placement, parse_settings(settings), only), tuple(notes)


def technology_assumptions(technology: Technology) -> list[str]:
    """Return "name = value" of every number and default condition without a source."""
    constants = [f"{q.name} = {q.value:g}" for q in technology.quantities if _assumed(q.status)]
    defaults = [f"{c.name} = {c.default:g}" for c in technology.conditions if _assumed(c.status)]
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


def parse_settings(items: Sequence[str]) -> dict[str, list[float]]:
    """Return the values per condition of "NAME=V[,V...]" items. Raises InputError."""
    found: dict[str, list[float]] = {}
    for item in items:
        name, equals, values = item.partition("=")
        if not equals or not name.strip() or name.strip() in found:
            raise InputError("not a setting", got=item, wanted="NAME=V[,V...], each name once")
        found[name.strip()] = [_number(value, name.strip()) for value in values.split(",")]
    return found


def _number(text: str, what: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"not a {what}", got=text, wanted="a number") from None


def select_sections(layout: ImageLayout, only: str | None) -> tuple[str, ...]:
    """Return the sections of a role, one section by name, or all, each with its check bits.

    Raises InputError.
    """
    chosen = tuple(s.name for s in layout.sections if only is None or only in _parts(layout, s))
    if not chosen:
        known = sorted({s.role for s in layout.sections}) + [s.name for s in layout.sections]
        raise InputError("no such role or section", got=str(only), wanted=", ".join(known))
    return chosen


def _parts(layout: ImageLayout, section: Section) -> tuple[str, ...]:
    """Return the parts a section belongs to, the closest first: check bits go with their data."""
    own = (section.name, section.role)
    if not section.protects:
        return own
    data = layout.section(section.protects)
    return (*own, data.name, data.role)


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
        named = [part for part in _parts(layout, section) if part in by_part]
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
                canonical({"ber": rate, "sections": sections}),
                Marginal(dict.fromkeys(sections, Channel.symmetric(rate))),
            ),
        )
        for rate in rates
    ]


def memory_points(
    layout: ImageLayout,
    placement: Mapping[str, Technology],
    settings: Mapping[str, Sequence[float]],
    only: str | None,
) -> list[Point]:
    """Return the grid of all combinations of settings.

    A setting goes to every technology that has such a condition. Raises InputError when
    none has it, for values out of range, and when nothing is placed.
    """
    sections = [name for name in select_sections(layout, only) if name in placement]
    if not sections:
        raise InputError("no section is placed in a technology")
    for name in settings:
        if not any(name in _conditions(placement[section]) for section in sections):
            known = sorted({c for section in sections for c in _conditions(placement[section])})
            raise InputError(f"unknown condition '{name}'", wanted=", ".join(known) or "none")
    grid = list(itertools.islice(itertools.product(*settings.values()), MAX_POINTS + 1))
    if len(grid) > MAX_POINTS:
        raise InputError("too many combinations of settings", wanted=f"at most {MAX_POINTS}")
    return [
        _point(layout, placement, sections, dict(zip(settings, values, strict=True)))
        for values in grid
    ]


def _conditions(technology: Technology) -> tuple[str, ...]:
    return tuple(condition.name for condition in technology.conditions)


def _point(
    layout: ImageLayout,
    placement: Mapping[str, Technology],
    sections: Sequence[str],
    settings: Mapping[str, float],
) -> Point:
    channels: dict[str, Channel] = {}
    derived: dict[tuple[str, int], Channel] = {}
    wrong = cells = 0.0
    for name in sections:
        technology, section = placement[name], layout.section(name)
        levels = 3 if section.type.dtype == "t2" and technology.stores(3) else 2
        mine = {key: v for key, v in settings.items() if key in _conditions(technology)}
        key = (technology.name, levels)
        if key not in derived:
            derived[key] = technology.channel(levels, mine)
        channels[name] = derived[key]
        count = section.cells.count * (1 if levels == 3 else section.cells.planes)
        wrong, cells = wrong + count * derived[key].error_rate(), cells + count
    # Channels name the condition: a changed file or model of physics is another condition.
    named = {name: channel.matrix for name, channel in channels.items()}
    condition = Condition(canonical({"channels": named}), Marginal(channels))
    return Point(wrong / cells, condition, settings)
