"""Which pictures a campaign's grid asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hysteron.campaign.plots import Chart, Series, finite
from hysteron.campaign.statistics import Summary
from hysteron.driver.candidates import Candidate
from hysteron.driver.emulate import Emulation

_MOST_PANELS: Final = 12
_MOST_LINES: Final = 6


@dataclass(frozen=True)
class _Found:
    """A candidate with its row and summary."""

    candidate: Candidate
    row: Mapping[str, Any]
    summary: Summary


def charts(result: Emulation, title: str) -> list[Chart]:
    """Return the charts: against bit error rate, each varying condition, programming energy.

    Another condition that varies gives a panel per value, several memories a line each. What
    does not fit in a readable picture is left out; the table has it.
    """
    found = [
        _Found(*parts)
        for parts in zip(result.candidates, result.rows, result.summaries, strict=True)
    ]
    golden = result.golden_correct / result.samples
    axes = varying(result.candidates)
    made = [_against_rate(found, axes, title, golden)]
    for axis in axes:
        others = [name for name in axes if name != axis]
        mine = [one for one in found if axis in one.candidate.point.settings]
        chart = _panelled(mine, axis, others, title, golden)
        if chart is not None:
            made.append(chart)
    energy = _against_energy(found, axes, title, golden)
    return [*made, energy] if energy else made


def varying(candidates: Sequence[Candidate]) -> list[str]:
    """Return the settings that take more than one value, in order of first use."""
    values: dict[str, set[float]] = {}
    for candidate in candidates:
        for name, value in candidate.point.settings.items():
            values.setdefault(name, set()).add(value)
    return [name for name, seen in values.items() if len(seen) > 1]


def _against_rate(found: Sequence[_Found], axes: Sequence[str], title: str, golden: float) -> Chart:
    def rate(one: _Found) -> float:
        return one.candidate.point.ber

    # A rate of zero has no place on a logarithmic axis; the dashed line is there for it.
    shown = [one for one in found if rate(one) > 0] or found
    lines = _lines(shown, rate, ())
    joined = len(axes) < 2
    return Chart("accuracy", title, "mean bit error rate of a cell", [("", lines)], golden, joined)


def _panelled(
    found: Sequence[_Found], axis: str, others: Sequence[str], title: str, golden: float
) -> Chart | None:
    panel, rest = (others[0], others[1:]) if others else (None, ())
    panels = []
    for value, group in _groups(found, panel):
        heading = "" if panel is None else f"{_pretty(panel)} = {value:g}"
        lines = _lines(group, lambda one: one.candidate.point.settings[axis], rest)
        panels.append((heading, lines))
    if len(panels) > _MOST_PANELS or max(len(lines) for _, lines in panels) > _MOST_LINES:
        return None
    return Chart(f"accuracy_{axis}", title, _with_unit(found, axis), panels, golden)


def _against_energy(
    found: Sequence[_Found], axes: Sequence[str], title: str, golden: float
) -> Chart | None:
    energies = [one.row.get("program_energy") for one in found]
    units = {one.row.get("energy_unit") for one in found}
    if len(units) != 1 or not finite(energies) or len(set(energies)) < 2:
        return None
    unit = units.pop()
    label = "programming energy of the image [J]"
    if unit != "J":
        label = f"programming energy of the image, relative to\n{unit}"
    lines = _lines(found, lambda one: float(one.row["program_energy"]), ())
    joined = len(axes) < 2 and all(
        len({x for x, _ in series.points}) == len(series.points) for series in lines
    )
    return Chart("accuracy_energy", title, label, [("", lines)], golden, joined)


def _groups(found: Sequence[_Found], name: str | None) -> Iterator[tuple[float, Sequence[_Found]]]:
    if name is None:
        yield 0.0, found
        return
    values = sorted(
        {v for one in found if (v := one.candidate.point.settings.get(name)) is not None}
    )
    for value in values:
        yield value, [one for one in found if one.candidate.point.settings.get(name) == value]


def _lines(
    found: Sequence[_Found], x: Callable[[_Found], float], rest: Sequence[str]
) -> list[Series]:
    """Return a line per memory and per combination of the settings in ``rest``."""
    several = len({one.candidate.memory for one in found}) > 1
    groups: dict[str, list[tuple[float, Summary]]] = {}
    for one in found:
        settings = one.candidate.point.settings
        parts = [one.candidate.memory] if several else []
        parts += [f"{_pretty(name)} {settings[name]:g}" for name in rest if name in settings]
        groups.setdefault(", ".join(parts), []).append((x(one), one.summary))
    return [
        Series(label, sorted(points, key=lambda point: point[0]))
        for label, points in groups.items()
    ]


def _pretty(name: str) -> str:
    return name.replace("_", " ")


def _with_unit(found: Sequence[_Found], axis: str) -> str:
    for one in found:
        for technology in one.candidate.placement.values():
            for condition in technology.conditions:
                if condition.name == axis and condition.unit:
                    name = axis.removesuffix(f"_{condition.unit.lower()}")
                    return f"{_pretty(name)} [{condition.unit}]"
    return _pretty(axis)
