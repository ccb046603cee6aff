"""``hysteron memories [NAME]``."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table

from hysteron.cli.common import JsonOption, SettingOption, app, console, emit
from hysteron.driver.placement import parse_settings
from hysteron.errors import InputError
from hysteron.memory.load import load_technology, technology_names
from hysteron.memory.technology import Technology


@app.command("memories")
def memories(
    name: Annotated[str | None, typer.Argument(help="One to explain, or a .toml file.")] = None,
    settings: SettingOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the memory technologies, or explain one: formula, numbers, sources, error rates."""
    if name is not None:
        _explain(load_technology(name), settings or [], as_json)
        return
    found = [load_technology(known) for known in technology_names()]
    if as_json:
        listed = [{"name": t.name, "title": t.title, "physics": t.physics} for t in found]
        emit("memories", {"memories": listed})
        return
    table = Table("technology", "devices per bit", "error rate at defaults", "what")
    for t in found:
        rate = t.channel(2, {}).error_rate()
        table.add_row(t.name, f"{t.cells_per_bit:g}", f"{rate:.2g}", t.title)
    console(False).print(table)


def _explain(technology: Technology, items: list[str], as_json: bool) -> None:
    chosen: dict[str, float] = {}
    for key, values in parse_settings(items).items():
        if len(values) != 1:
            raise InputError("one value per condition", got=f"{key}: {len(values)} values")
        chosen[key] = values[0]
    channels = {
        str(levels): technology.channel(levels, chosen)
        for levels in sorted({2, technology.levels_of("t2")})
    }
    if as_json:
        emit("memories", _fields(technology, chosen, channels))
        return
    out = console(False)
    out.print(f"[bold]{technology.name}[/bold]: {technology.title}")
    out.print(f"formula: {technology.formula}", markup=False)
    table = Table("number", "value", "status", "source")
    for key, number in technology.numbers.items():
        table.add_row(key, f"{number.value:g}", number.status, number.source)
    if technology.numbers:
        out.print(table)
    table = Table("condition (--set)", "default", "from", "to", "unit", "what")
    for c in technology.conditions:
        row = (c.name, f"{c.default:.4g}", f"{c.low:g}", f"{c.high:g}", c.unit, c.help)
        table.add_row(*row)
    if technology.conditions:
        out.print(table)
    for levels, channel in channels.items():
        table = Table(f"{levels} levels", *(f"read {r}" for r in range(channel.levels)))
        for stored, row_ in enumerate(channel.matrix):
            table.add_row(f"stored {stored}", *(f"{p:.3g}" for p in row_))
        out.print(table)


def _fields(
    technology: Technology, chosen: dict[str, float], channels: dict[str, Any]
) -> dict[str, Any]:
    numbers = {
        key: {"value": n.value, "status": n.status, "source": n.source}
        for key, n in technology.numbers.items()
    }
    conditions = [
        {"name": c.name, "unit": c.unit, "default": c.default, "low": c.low, "high": c.high}
        for c in technology.conditions
    ]
    return {
        "name": technology.name,
        "title": technology.title,
        "physics": technology.physics,
        "formula": technology.formula,
        "options": technology.options,
        "devices_per_bit": technology.cells_per_bit,
        "numbers": numbers,
        "conditions": conditions,
        "set": chosen,
        "channels": {levels: channel.matrix for levels, channel in channels.items()},
    }
