"""``hysteron memories [NAME]``."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.table import Table

from hysteron.cli.common import JsonOption, SettingOption, app, console, emit
from hysteron.driver.options import configured
from hysteron.driver.placement import numbers, parse_items
from hysteron.driver.rate_plot import rate_curve, save_equal_area_plot, save_rate_plot
from hysteron.errors import InputError
from hysteron.memory.ecc_study import study
from hysteron.memory.load import load_technology, technology_names
from hysteron.memory.technology import Technology

_BLOCKS: Final = "▁▂▃▄▅▆▇█"


@app.command("memories")
def memories(
    name: Annotated[str | None, typer.Argument(help="One to explain, or a .toml file.")] = None,
    settings: SettingOption = None,
    plot: Annotated[
        Path | None, typer.Option("-o", "--output", help="Plot the error rate: .png, .svg, .pdf.")
    ] = None,
    equal_area: Annotated[
        bool, typer.Option("--equal-area", help="2T2R against codes on 1T1R, per cell of area.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List the memory technologies, or explain one: formula, numbers, sources, error rates."""
    if equal_area:
        if name is not None:
            raise InputError("--equal-area compares cells, not one memory", got=name)
        _equal_area(plot, as_json)
        return
    if name is not None:
        technology = load_technology(name)
        _explain(technology, settings or [], as_json)
        if plot is not None:
            save_rate_plot(technology, plot)
        return
    found = [load_technology(known) for known in technology_names()]
    if as_json:
        listed = [{"name": t.name, "title": t.title, "physics": t.physics} for t in found]
        emit("memories", {"memories": listed})
        return
    table = Table("technology", "cells per value", "error rate at defaults", "what")
    for t in found:
        rate = t.channel(t.cell_levels[0], {}).error_rate()
        table.add_row(t.name, f"{t.cells_per_bit:g}", f"{rate:.2g}", t.title)
    console(False).print(table)


def _equal_area(plot: Path | None, as_json: bool) -> None:
    """Show the study of residual data error rates; spreads and offsets are assumptions."""
    rows = study()
    if plot is not None:
        save_equal_area_plot(rows, plot)
    if as_json:
        emit("memories", {"status": "assumption", "rows": [asdict(row) for row in rows]})
        return
    table = Table(
        "scheme", "cells per data bit", "s_H / s_L", "offset / s_L", "raw 1T1R rate",
        "data bit error rate",
    )  # fmt: skip
    for row in rows:
        table.add_row(
            row.scheme, f"{row.cells_per_bit:.3g}", f"{row.spread_ratio:g}",
            f"{row.offset_ratio:g}", f"{row.raw_ber:g}", f"{row.data_ber:.2e}",
        )  # fmt: skip
    out = console(False)
    out.print(table)
    out.print("normal ln R; spread and offset ratios are assumptions, not measurements")


def _explain(technology: Technology, items: list[str], as_json: bool) -> None:
    given = parse_items(items)
    configurations, options = configured({technology.name: technology}, given)
    technology = configurations[technology.name]
    chosen: dict[str, float] = {}
    for key, texts in given.items():
        if key in options:
            continue
        if len(texts) != 1:
            raise InputError("one value per condition", got=f"{key}: {len(texts)} values")
        chosen[key] = numbers(key, texts)[0]
    channels = {
        str(levels): technology.channel(levels, chosen) for levels in technology.cell_levels
    }
    if as_json:
        emit("memories", _fields(technology, chosen, channels))
        return
    _show(technology, chosen, channels)


def _show(technology: Technology, chosen: dict[str, float], channels: dict[str, Any]) -> None:
    out = console(False)
    out.print(f"[bold]{technology.name}[/bold]: {technology.title}")
    out.print(f"formula: {technology.formula}", markup=False)
    for table in _tables(technology):
        out.print(table)
    for levels, channel in channels.items():
        table = Table(f"{levels} levels", *(f"read {r}" for r in range(channel.levels)))
        for stored, row_ in enumerate(channel.matrix):
            table.add_row(f"stored {stored}", *(f"{p:.3g}" for p in row_))
        out.print(table)
    if technology.plot_axis is not None:
        out.print(f"error rate against {technology.plot_axis} (log scale): {_bars(technology)}")
    for what, value in technology.derived(chosen).items():
        out.print(f"{what}: {value:.4g}", markup=False)
    for note in technology.notes:
        out.print(f"note: {note}", markup=False)


def _tables(technology: Technology) -> Iterator[Table]:
    """Yield constants, conditions, what is off unless set, and options."""
    table = Table("number", "value", "unit", "status", "source")
    for q in technology.quantities:
        table.add_row(q.name, f"{q.value:g}", q.unit, q.status, q.source)
    if technology.quantities:
        yield table
    table = Table("condition (--set)", "default", "range", "unit", "status", "what, source")
    for c in technology.stated:
        span, what = f"{c.low:g} to {c.high:g}", f"{c.help}; {c.source}"
        table.add_row(c.name, f"{c.default:.4g}", span, c.unit, c.status, what)
    if technology.stated:
        yield table
    table = Table("off unless set (--set)", "off", "to", "unit", "what")
    for c in technology.extras:
        table.add_row(c.name, f"{c.default:g}", f"{c.high:g}", c.unit, c.help)
    yield table
    table = Table("option (--set)", "in force", "values")
    for name, known in technology.options.items():
        table.add_row(name, technology.option(name), ", ".join(known))
    if technology.options:
        yield table


def _bars(technology: Technology) -> str:
    """Return a row of blocks, tall where errors are frequent."""
    rates = [max(rate, 1e-18) for _, rate in rate_curve(technology, 24)]
    heights = [math.log10(rate) for rate in rates]
    low, span = min(heights), max(max(heights) - min(heights), 1e-9)
    shown = "".join(_BLOCKS[round((h - low) / span * (len(_BLOCKS) - 1))] for h in heights)
    return f"{shown} from {rates[0]:.2g} to {rates[-1]:.2g}"


def _fields(
    technology: Technology, chosen: dict[str, float], channels: dict[str, Any]
) -> dict[str, Any]:
    quantities = [
        {
            "name": q.name, "value": q.value, "unit": q.unit,
            "status": q.status, "source": q.source,
        }
        for q in technology.quantities
    ]  # fmt: skip
    conditions, mechanisms = (
        [
            {
                "name": c.name, "unit": c.unit, "default": c.default, "low": c.low,
                "high": c.high, "status": c.status, "source": c.source,
            }
            for c in axes
        ]
        for axes in (technology.stated, technology.extras)
    )  # fmt: skip
    return {
        "name": technology.name,
        "title": technology.title,
        "physics": technology.physics,
        "formula": technology.formula,
        "options": {name: technology.option(name) for name in technology.options},
        "cells_per_value": technology.cells_per_bit,
        "quantities": quantities,
        "conditions": conditions,
        "mechanisms": mechanisms,
        "set": chosen,
        "derived": technology.derived(chosen),
        "notes": list(technology.notes),
        "channels": {levels: channel.matrix for levels, channel in channels.items()},
    }
