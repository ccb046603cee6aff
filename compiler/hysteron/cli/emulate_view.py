"""Tables and progress of ``hysteron emulate``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.progress import TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from hysteron.campaign import report
from hysteron.campaign.run import Meter
from hysteron.cli.common import console, progress_bar
from hysteron.driver.candidates import Candidate
from hysteron.driver.emulate import Emulation
from hysteron.driver.extras import Extra


@contextmanager
def meter(title: str, total: int, as_json: bool) -> Iterator[Meter]:
    """Show trials done and the time left on stderr, where a person is watching.

    Trials that an early stop spares leave the total, so the time left stays honest.
    """
    bar = progress_bar(as_json, TimeElapsedColumn(), TimeRemainingColumn())
    with bar:
        task = bar.add_task(title, total=total)

        def skip(count: int) -> None:
            bar.update(task, total=(bar.tasks[0].total or 0) - count)

        yield Meter(lambda count: bar.advance(task, count), skip)


def show(result: Emulation, extras: Sequence[Extra], folder: Path | None) -> None:
    """Print the table of a campaign, its studies and its notes."""
    out = console(False)
    if result.rows:
        out.print(_table(result))
    if any("devices" in row for row in result.rows):
        out.print(_costs(result))
    out.print(f"without errors {result.golden_correct} of {result.samples} right")
    for extra in extras:
        out.print(f"\n{extra.section.heading}", markup=False)
        if extra.section.table is not None:
            out.print(_plain(extra.section.table))
        for paragraph in extra.section.paragraphs:
            out.print(paragraph, markup=False)
    for note in result.notes:
        out.print(f"note: {note}", markup=False)
    if folder is not None:
        out.print(f"wrote {folder / 'report.html'}", markup=False)


def _plain(table: report.Table) -> Table:
    made = Table()
    for column in table.columns:
        made.add_column(column, overflow="fold")
    for row in table.rows:
        made.add_row(*map(escape, row))
    return made


def _table(result: Emulation) -> Table:
    looks = any("look" in row for row in result.rows)
    table = Table()
    table.add_column("bit error rate", overflow="fold")
    for title in ("mean % (95 % interval)", "drop, points", "5 % quantile", "worst"):
        table.add_column(title)
    if looks:
        table.add_column("chips")
    for row, candidate in zip(result.rows, result.candidates, strict=True):
        mean = f"{100 * row['mean']:.2f} ({100 * row['ci_low']:.2f} to {100 * row['ci_high']:.2f})"
        what = _lines([f"{row['ber']:.3g}", *_told(result, [candidate])])
        table.add_row(
            escape(what), mean, dropped(row), f"{100 * row['q05']:.2f}",
            f"{100 * row['worst']:.2f}", *([_look(row)] if looks else []),
        )  # fmt: skip
    return table


def _told(result: Emulation, some: Sequence[Candidate]) -> list[str]:
    """Return memory and settings that are common to some candidates, but not to all."""

    def texts(candidate: Candidate) -> list[str]:
        settings = candidate.point.settings.items()
        named = [f"{name.replace('_', ' ')} {value:g}" for name, value in settings]
        return [candidate.memory, *named]

    def shared(candidates: Sequence[Candidate]) -> set[str]:
        return set.intersection(*(set(texts(candidate)) for candidate in candidates))

    common = shared(some) - shared(result.candidates)
    return [text for text in texts(some[0]) if text in common]


_COSTS = (
    ("devices", "devices"),
    ("devices_per_value", "per value"),
    ("program_energy", "program energy"),
    ("read_energy_low", "read energy"),
    ("read_energy_high", "at most"),
    ("transistor_width", "width"),
)


def _costs(result: Emulation) -> Table:
    """Return what the image costs, once per different cost; the notes tell the units."""
    shown = [pair for pair in _COSTS if any(row.get(pair[0]) is not None for row in result.rows)]
    groups: dict[tuple[str, ...], list[Candidate]] = {}
    for row, candidate in zip(result.rows, result.candidates, strict=True):
        values = [row.get(name) for name, _ in shown]
        texts = (candidate.memory, *map(_short, values))
        groups.setdefault(texts, []).append(candidate)
    table = Table()
    table.add_column("cost of the image", overflow="fold")
    for _, title in shown:
        table.add_column(title)
    for texts, members in groups.items():
        what = _told(result, members) or [members[0].memory]
        table.add_row(escape(_lines(what)), *texts[1:])
    return table


def _lines(parts: Sequence[str]) -> str:
    return "\n".join(parts).replace(",", ",\n")


def _short(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def dropped(row: dict[str, Any]) -> str:
    """Return the drop of a row with its interval, in percentage points."""
    return f"{100 * row['drop']:.2f} ({100 * row['drop_low']:.2f} to {100 * row['drop_high']:.2f})"


def _look(row: dict[str, Any]) -> str:
    return f"{row['chips']}\nlook {row['look']}" + ("" if row["narrow_enough"] else ", all")
