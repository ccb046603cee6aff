"""Tables and progress of ``hysteron emulate``."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from hysteron.campaign import report
from hysteron.campaign.run import Meter
from hysteron.cli.common import console
from hysteron.driver.emulate import Emulation, label
from hysteron.driver.extras import Extra


@contextmanager
def meter(title: str, total: int, as_json: bool) -> Iterator[Meter]:
    """Show trials done and the time left on stderr, where a person is watching.

    Trials that an early stop spares leave the total, so the time left stays honest.
    """
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=as_json or not sys.stderr.isatty(),
    )
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
    made = Table(*table.columns)
    for row in table.rows:
        made.add_row(*map(escape, row))
    return made


def _table(result: Emulation) -> Table:
    looks = any("look" in row for row in result.rows)
    table = Table(
        "bit error rate", "mean %", "95 % interval", "drop (points)", "5 % quantile", "worst",
        *(["chips"] if looks else []),
    )  # fmt: skip
    for row, candidate in zip(result.rows, result.candidates, strict=True):
        table.add_row(
            escape(label(candidate.fields)), f"{100 * row['mean']:.2f}",
            f"{100 * row['ci_low']:.2f} to {100 * row['ci_high']:.2f}", dropped(row),
            f"{100 * row['q05']:.2f}", f"{100 * row['worst']:.2f}",
            *([_look(row)] if looks else []),
        )  # fmt: skip
    return table


_COSTS = (
    ("devices", "devices"),
    ("devices_per_value", "per value"),
    ("program_energy", "programming energy"),
    ("read_energy_low", "read energy, least"),
    ("read_energy_high", "most"),
    ("transistor_width", "transistor width"),
)


def _costs(result: Emulation) -> Table:
    """Return what the image costs in each memory; the notes tell the units."""
    shown = [pair for pair in _COSTS if any(row.get(pair[0]) is not None for row in result.rows)]
    table = Table("cost of the image", *(title for _, title in shown))
    for row, candidate in zip(result.rows, result.candidates, strict=True):
        values = [row.get(name) for name, _ in shown]
        texts = ["-" if value is None else f"{value:.5g}" for value in values]
        table.add_row(escape(label(candidate.fields)), *texts)
    return table


def dropped(row: dict[str, Any]) -> str:
    """Return the drop of a row with its interval, in percentage points."""
    return f"{100 * row['drop']:.2f} ({100 * row['drop_low']:.2f} to {100 * row['drop_high']:.2f})"


def _look(row: dict[str, Any]) -> str:
    why = "narrow enough" if row["narrow_enough"] else "all chips"
    return f"{row['chips']}, look {row['look']}: {why}"
