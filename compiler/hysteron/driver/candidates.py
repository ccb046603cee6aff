"""The grid of a campaign: error rates, or memories with their conditions and codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hysteron.campaign.store import canonical
from hysteron.campaign.trial import Condition
from hysteron.chips.draw import stored_bits
from hysteron.chips.source import Marginal
from hysteron.driver.placement import (
    Point,
    parse_items,
    parse_placement,
    parse_rates,
    place,
    rate_points,
    settings_known,
)
from hysteron.errors import InputError, UnsupportedError
from hysteron.image.layout import ImageLayout
from hysteron.image.program import Program
from hysteron.memory.channel import Channel
from hysteron.memory.ecc import Code, code_names, load_code, residual
from hysteron.memory.technology import Technology

#: What ``--ber`` means.
RATE_NOTE = "errors are independent and equally likely in both directions; no device physics"
#: What "+CODE" means.
CODE_NOTE = (
    "+CODE: errors left by the decoder are drawn one by one at the code's residual rate (detected"
    " words are used as read); a real decoder leaves them in clusters within a word"
)


@dataclass(frozen=True)
class Candidate:
    """One point of the grid and the memory it stands for ("" for plain error rates).

    ``placement`` has the technology and ``codes`` the error-correcting code of sections.
    """

    point: Point
    memory: str = ""
    placement: Mapping[str, Technology] = field(default_factory=dict)
    codes: Mapping[str, Code] = field(default_factory=dict)

    def cells_per_bit(self, section: str) -> float:
        """Return the cells stored per data bit of a section, check bits included."""
        return self.codes[section].cells_per_bit if section in self.codes else 1.0

    @property
    def fields(self) -> dict[str, float | str]:
        """Return what tells candidates apart: error rate, memory, settings."""
        memory = {"memory": self.memory} if self.memory else {}
        return {"ber": self.point.ber, **memory, **self.point.settings}


@dataclass(frozen=True)
class Grid:
    """All candidates, and what to tell about their memories."""

    candidates: Sequence[Candidate]
    notes: tuple[str, ...]


def choose_grid(
    program: Program,
    ber: str | None,
    memories: Sequence[str],
    settings: Sequence[str],
    only: str | None,
) -> Grid:
    """Return the grid of --ber, or of all -m with their settings.

    A memory is "TECH" or "PART=TECH,...", each TECH with "+CODE" where it is protected. A
    setting goes to every memory that has such a condition. Raises InputError unless exactly
    one of the two is given, and for a setting that no memory has.
    """
    layout = program.layout
    if (ber is None) == (not memories):
        raise InputError("give either bit error rates (--ber) or a technology (-m)")
    if ber is not None:
        if settings:
            raise InputError("conditions need a technology (-m)", got=settings[0])
        points = rate_points(layout, parse_rates(ber), only)
        return Grid([Candidate(point) for point in points], (RATE_NOTE,))
    if len(set(memories)) != len(memories):
        raise InputError("the same memory twice", got=", ".join(memories))
    plain = {memory: _without_codes(memory) for memory in memories}
    given = parse_items(settings)
    known = {
        memory: settings_known(parse_placement(text, layout)) for memory, text in plain.items()
    }
    if unknown := [name for name in given if not any(name in names for names in known.values())]:
        wanted = ", ".join(sorted(set().union(*known.values())))
        raise InputError(f"unknown condition '{unknown[0]}'", wanted=wanted)
    candidates, notes = [], []
    for memory, text in plain.items():
        mine = {name: texts for name, texts in given.items() if name in known[memory]}
        placed = place(layout, text, mine, only)
        codes = _codes(memory, layout, placed.placement)
        for point in placed.points:
            decoded = _decoded(program, point, codes) if codes else point
            candidates.append(Candidate(decoded, memory, placed.placement, codes))
        notes += [note for note in placed.notes if note not in notes]
    if list(plain) != list(plain.values()):
        notes.append(CODE_NOTE)
    return Grid(candidates, tuple(notes))


def _split(technology: str) -> tuple[str, str | None]:
    """Return the technology and the code of "TECH+CODE"; file names may hold a plus."""
    name, plus, code = technology.rpartition("+")
    known = plus and code.strip() in code_names()
    return (name.strip(), code.strip()) if known else (technology, None)


def _items(memory: str) -> list[tuple[str, str, str | None]]:
    """Return (part, technology, code) of every item; part "" means everything."""
    items = []
    for item in memory.split(","):
        part, _, name = item.strip().rpartition("=")
        items.append((part.strip(), *_split(name.strip())))
    return items


def _without_codes(memory: str) -> str:
    return ",".join(f"{part}={name}" if part else name for part, name, _ in _items(memory))


def _codes(
    memory: str, layout: ImageLayout, placement: Mapping[str, Technology]
) -> dict[str, Code]:
    """Return the code per section; a section's own item beats its role's."""
    named = {part: code for part, _, code in _items(memory)}
    found: dict[str, Code] = {}
    for section in layout.sections:
        key = next((k for k in (section.name, section.role, "") if k in named), None)
        code = None if key is None else named[key]
        if code is not None and section.name in placement:
            found[section.name] = load_code(code)
    if found and layout.protected:
        raise InputError(
            "the image has error-correcting codes of its own", got=memory,
            wanted="-m without +CODE", fix="or --ecc none",
        )  # fmt: skip
    return found


def technology_texts(memory: str, layout: ImageLayout) -> dict[str, str]:
    """Return "TECH[+CODE]" as it was given for each data section that is placed."""
    named = {
        part: name if code is None else f"{name}+{code}" for part, name, code in _items(memory)
    }
    found = {}
    for section in layout.data_sections:
        keys = [key for key in (section.name, section.role, "") if key in named]
        if keys:
            found[section.name] = named[keys[0]]
    return found


def _decoded(program: Program, point: Point, codes: Mapping[str, Code]) -> Point:
    """Return the point with the error rates that are left behind the decoders."""
    source = point.condition.source
    if not isinstance(source, Marginal):
        raise InputError(
            "+CODE works on error rates of an array written and read once",
            got="conditions whose cells are followed through time",
            fix="encode the image itself (--ecc CODE), or leave those conditions out",
        )
    channels = dict(source.channels)
    wrong = cells = 0.0
    for name, raw in source.channels.items():
        section = program.layout.section(name)
        if name in codes:
            if raw.levels != 2:
                raise UnsupportedError(
                    f"{codes[name].name} corrects bits",
                    where=name,
                    got=f"cells of {raw.levels} levels",
                )
            ones = float(stored_bits(section, program.images).mean())
            channels[name] = Channel.symmetric(residual(codes[name], raw, ones=ones).data_ber)
        count = section.cells.count * (1 if raw.levels == 3 else section.cells.planes)
        wrong, cells = wrong + count * channels[name].error_rate(), cells + count
    named = {name: channel.matrix for name, channel in channels.items()}
    condition = Condition(canonical({"channels": named}), Marginal(channels))
    return Point(wrong / cells, condition, point.settings)
