"""The grid of a technology's conditions: which engine draws the chips, and what names a point."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from hysteron.campaign.store import canonical
from hysteron.campaign.trial import Condition
from hysteron.chips.packing import levels_for, packing_of
from hysteron.chips.source import Marginal, Source, engine_for
from hysteron.chips.trajectory import SENSE, Part, Trajectory, estimated_rate, resolved_part
from hysteron.driver.parts import select_sections
from hysteron.errors import InputError
from hysteron.image.layout import ImageLayout
from hysteron.memory.channel import Channel
from hysteron.memory.technology import Technology

#: Points of one grid: more is a typing mistake rather than a plan.
MAX_POINTS = 10_000
_MAX_BOUNDS = 8
_PLACED = (
    "column_offset_sigma", "column_offset_sigma_microsiemens", "row_failure_rate",
    "column_failure_rate", "line_burst_rate",
)  # fmt: skip
_SENSED = {
    "inference": "sense errors are drawn once per inference and cell, whatever the kernel fetches",
    "xnor": "sense errors are drawn once per XNOR product; other constants once per inference",
    "per-fetch": "sense errors per fetch depend on the kernel: here one fetch of each weight per"
    " output position",
}


@dataclass(frozen=True)
class Point:
    """One point of a grid: the mean error rate per cell, what was set, and the chips' source.

    ``settings`` are conditions, ``options`` engine and choices in words.
    """

    ber: float
    condition: Condition
    settings: Mapping[str, float] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class History:
    """What a grid shares: engine, images that were there before, how often weights are sensed."""

    engine: str = "auto"
    previous: Mapping[str, bytes] | None = None
    sense: str = SENSE[0]


def memory_points(
    layout: ImageLayout,
    placement: Mapping[str, Technology],
    settings: Mapping[str, Sequence[float]],
    only: str | None,
    history: History | None = None,
) -> list[Point]:
    """Return the grid of all combinations of settings.

    A setting goes to every technology that has such a condition. Raises InputError when
    none has it, for values out of range, and when nothing is placed.
    """
    chosen = select_sections(layout, only)
    placed = {name: placement[name] for name in chosen if name in placement}
    if not placed:
        raise InputError("no section is placed in a technology")
    for name in settings:
        if not any(name in _names(technology) for technology in placed.values()):
            known = sorted({c for technology in placed.values() for c in _names(technology)})
            options = {o for technology in placed.values() for o in technology.options}
            wanted = ", ".join([*known, *sorted(options)]) or "none"
            raise InputError(f"unknown condition '{name}'", wanted=wanted)
    grid = list(itertools.islice(itertools.product(*settings.values()), MAX_POINTS + 1))
    if len(grid) > MAX_POINTS:
        raise InputError("too many combinations of settings", wanted=f"at most {MAX_POINTS}")
    history = history or History()
    engine = _engine(placed, settings, history)
    make = _trajectory if engine == "trajectory" else _marginal
    return [
        make(layout, placed, dict(zip(settings, values, strict=True)), history) for values in grid
    ]


def _engine(
    placed: Mapping[str, Technology], settings: Mapping[str, Sequence[float]], history: History
) -> str:
    """Return one engine for the whole grid: its points are one set of chips."""
    varied = [name for name, values in settings.items() if len(set(values)) > 1]
    needed = history.previous is not None
    for technology in {t.name: t for t in placed.values()}.values():
        ends = {name: max(values, key=abs) for name, values in settings.items()}
        needed |= engine_for(technology, ends, varied) == "trajectory"
    if history.engine == "marginal" and history.previous is not None:
        raise InputError("old data need the trajectory engine", got="engine=marginal")
    if history.engine == "auto":
        return "trajectory" if needed else "marginal"
    return history.engine


def _names(technology: Technology) -> tuple[str, ...]:
    return tuple(axis.name for axis in technology.conditions)


def _mine(technology: Technology, settings: Mapping[str, float]) -> dict[str, float]:
    names = _names(technology)
    return {name: value for name, value in settings.items() if name in names}


def _marginal(
    layout: ImageLayout,
    placed: Mapping[str, Technology],
    settings: Mapping[str, float],
    history: History,
) -> Point:
    channels: dict[str, Channel] = {}
    derived: dict[tuple[str, int], Channel] = {}
    wrong = cells = 0.0
    for name, technology in placed.items():
        section = layout.section(name)
        levels = 3 if section.type.dtype == "t2" and technology.stores(3) else 2
        key = (technology.name, levels)
        if key not in derived:
            derived[key] = technology.channel(levels, _mine(technology, settings))
        channels[name] = derived[key]
        count = section.cells.count * (1 if levels == 3 else section.cells.planes)
        wrong, cells = wrong + count * derived[key].error_rate(), cells + count
    # Channels name the condition: a changed file or model of physics is another condition.
    named = {name: channel.matrix for name, channel in channels.items()}
    key_text = canonical({"engine": "marginal", "channels": named})
    options = _options("marginal", placed)
    return Point(wrong / cells, Condition(key_text, Marginal(channels)), settings, options)


def _trajectory(
    layout: ImageLayout,
    placed: Mapping[str, Technology],
    settings: Mapping[str, float],
    history: History,
) -> Point:
    parts: dict[str, Part] = {}
    shared: dict[str, Part] = {}
    rates: dict[tuple[str, int], float] = {}
    wrong = cells = 0.0
    for name, technology in placed.items():
        if technology.name not in shared:
            shared[technology.name] = resolved_part(technology, _mine(technology, settings))
        parts[name] = part = shared[technology.name]
        section = layout.section(name)
        levels = levels_for(section, technology)
        kind = (technology.name, levels)
        if kind not in rates:
            rates[kind] = _rate(part, levels)
        count = packing_of(section, technology).count
        wrong, cells = wrong + count * rates[kind], cells + count
    source = Trajectory(parts, history.previous, history.sense)
    key: dict[str, object] = {"engine": "trajectory"}
    key["sections"] = {name: _digest(part) for name, part in parts.items()}
    if history.previous is not None:
        key["previous"] = {r: hashlib.sha256(d).hexdigest() for r, d in history.previous.items()}
    if source.has_sense_errors:
        key["sense"] = history.sense
    options = _options("trajectory", placed)
    if history.previous is not None:
        options["previous"] = "a file"
    if source.has_sense_errors:
        options["sense"] = f"{history.sense}; not part of the chip: every inference has others"
    return Point(wrong / cells, Condition(canonical(key), source), settings, options)


def _options(engine: str, placed: Mapping[str, Technology]) -> dict[str, str]:
    """Return the engine and what was chosen of each technology."""
    chosen = {
        f"{technology.name}: {name}": value
        for technology in placed.values()
        for name, value in technology.chosen.items()
    }
    return {"engine": engine, **chosen}


def _rate(part: Part, levels: int) -> float:
    """Return the error rate of one cell: derived, or estimated where no channel can be."""
    technology = part.technology
    if technology.not_derivable(part.values):
        return estimated_rate(part, levels)
    return technology.channel(levels, part.values).error_rate()


def _digest(part: Part) -> str:
    text = f"{part.technology!r} {sorted(part.values.items())!r}"
    return hashlib.sha256(text.encode()).hexdigest()


def history_notes(
    placement: Mapping[str, Technology], points: Sequence[Point], history: History
) -> Iterator[str]:
    """Yield what to tell of the engine, of old data, and of rates that are estimates."""
    source = points[0].condition.source
    if isinstance(source, Trajectory):
        yield "engine: trajectory (the state of every cell is followed: one chip, one life)"
        for part in {p.technology.name: p for p in source.parts.values()}.values():
            if reason := part.technology.not_derivable(part.values):
                name = part.technology.name
                yield f"{name}: error rates are estimates from drawn cells: {reason}"
            yield from _geometry(part)
        if source.has_sense_errors:
            yield f"{_SENSED[history.sense]}; samples run one by one, exact and slow"
    elif history.engine == "marginal":
        yield "engine: marginal, as asked: every cell errs on its own by its derived channel"
    for technology in {t.name: t for t in placement.values()}.values():
        if "previous" in technology.options:
            yield from _bounds(technology, points)
    if any(_scrubs(point.condition.source) for point in points):
        yield (
            "scrub: unprotected sections rewrite what they read, protected ones the words that"
            " their code corrected; error rates shown are those without a code"
        )
    if history.previous is not None:
        yield "old data come from a file; the error rates shown are those of random old data"


def _scrubs(source: Source) -> bool:
    return isinstance(source, Trajectory) and any(
        part.values.get("scrub_interval_hours") for part in source.parts.values()
    )


def _geometry(part: Part) -> Iterator[str]:
    """Yield the array's geometry where a mechanism depends on it."""
    if any(part.values.get(name) for name in _PLACED):
        g, name = part.technology.geometry, part.technology.name
        stated = [q.status for q in part.technology.quantities if q.name == "array_rows"]
        status = stated[0] if stated else "assumption"
        yield (
            f"{name}: arrays of {g.rows} x {g.columns}, words of {g.word_bits}, "
            f"{g.columns_per_amplifier} columns per amplifier ({status}); "
            "each section fills arrays of its own"
        )


def _bounds(technology: Technology, points: Sequence[Point]) -> Iterator[str]:
    """Yield the error rates if every old bit were the complement: the worst old data."""
    worst = technology.configured(previous="complement")
    found = []
    for point in points[:_MAX_BOUNDS]:
        rate = worst.channel(2, _mine(worst, point.settings)).error_rate()
        label = ", ".join(f"{name} {value:g}" for name, value in point.settings.items())
        found.append(f"{rate:.3g}" + (f" ({label})" if label else ""))
    more = " ..." if len(points) > _MAX_BOUNDS else ""
    yield f"{technology.name}: bit error rate if all old bits differed: {'; '.join(found)}{more}"
