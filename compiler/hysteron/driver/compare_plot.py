"""Targets side by side: flash, RAM and stack, instructions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from hysteron.driver.compare import WRONG, Row
from hysteron.driver.rate_plot import FORMATS
from hysteron.errors import InputError


def check_picture(path: Path) -> None:
    """Raise InputError unless the name ends like a picture we can write."""
    if path.suffix.lower() not in FORMATS:
        raise InputError("unknown picture format", got=path.suffix, wanted=", ".join(FORMATS))


def _texts(values: Iterable[int | None]) -> list[str]:
    """Return the number for the end of each bar, nothing where nothing ran."""
    return [f"{value:,}" if value else "" for value in values]


def save_comparison(rows: Sequence[Row], title: str, path: Path) -> None:
    """Write the picture as PNG, SVG or PDF by the name's ending. Raises InputError."""
    check_picture(path)
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter

    names = [f"{row.target}{'' if row.ran else f' ({row.status})'}" for row in rows]
    figure = Figure(figsize=(11, 1.6 + 0.3 * len(rows)), layout="constrained")
    flash, ram, work = figure.subplots(1, 3, sharey=True)
    at = list(range(len(rows)))
    colors = ["tab:red" if row.status == WRONG else "tab:blue" for row in rows]
    bars = flash.barh(at, [(row.flash_bytes or 0) / 1024 for row in rows], color=colors)
    flash.bar_label(bars, _texts(row.flash_bytes for row in rows), fontsize="x-small", padding=2)
    static = [row.ram_bytes or 0 for row in rows]
    ram.barh(at, static, color=colors)
    stacks = [row.stack_bytes or 0 for row in rows]
    bars = ram.barh(at, stacks, left=static, color="tab:orange")
    ram.bar_label(
        bars, _texts(map(sum, zip(static, stacks, strict=True))), fontsize="x-small", padding=2
    )
    # From zero: lengths of bars on a logarithmic axis compare nothing.
    instructions = [row.instructions_per_inference for row in rows]
    bars = work.barh(at, [count or 0 for count in instructions], color=colors)
    work.bar_label(bars, _texts(instructions), fontsize="x-small", padding=2)
    flash.set(yticks=at, yticklabels=names, xlabel="flash (KB)", title="flash")
    flash.set_ylim(len(rows) - 0.4, -0.6)
    ram.set(xlabel="RAM (bytes)", title="RAM: static, then stack (orange)")
    work.set(xlabel="instructions per inference (not cycles)", title="instructions")
    work.xaxis.set_major_formatter(EngFormatter(sep=""))
    figure.suptitle(title)
    for axes in (flash, ram, work):
        axes.grid(axis="x", alpha=0.3)
        axes.margins(x=0.25)
    try:
        figure.savefig(path, dpi=150)
    except OSError as error:
        got = error.strerror or str(error)
        raise InputError("cannot write the picture", where=str(path), got=got) from error
