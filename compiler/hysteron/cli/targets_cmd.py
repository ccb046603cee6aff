"""``hysteron targets [NAME]``."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table

from hysteron.cli.common import JsonOption, app, console, emit
from hysteron.targets import known, load_target


@app.command("targets")
def targets(
    name: Annotated[str | None, typer.Argument(help="A target to explain.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List the targets, or explain one with its sources."""
    if name is not None:
        _explain(name, as_json)
        return
    rows: list[dict[str, str]] = []
    for target in ("host", *known("target")):
        if target in {row["name"] for row in rows}:
            continue
        found = load_target(target)
        title = found.mcu.title if found.mcu else found.isa.title
        rows.append(
            {"name": target, "isa": found.isa.name, "title": title, "runs_on": _runner(found)}
        )
    if as_json:
        emit("targets", {"targets": rows})
        return
    table = Table("target", "instruction set", "runs on", "what")
    for row in rows:
        table.add_row(row["name"], row["isa"], row["runs_on"], row["title"])
    console(False).print(table)


def _runner(target: Any) -> str:
    return "this machine" if target.is_host else f"{target.isa.emulator.kind} emulator"


def _explain(name: str, as_json: bool) -> None:
    found = load_target(name)
    fields: dict[str, Any] = {
        "name": found.name,
        "isa": msgspec.to_builtins(found.isa),
        "mcu": None if found.mcu is None else msgspec.to_builtins(found.mcu),
    }
    if as_json:
        emit("targets", fields)
        return
    out = console(False)
    out.print(f"[bold]{found.name}[/bold]: {found.mcu.title if found.mcu else found.isa.title}")
    out.print(f"instruction set {found.isa.name}, kernels {', '.join(found.isa.kernel_suffixes)}")
    for compiler in found.isa.compilers:
        out.print(f"compiler {' '.join(compiler.command)} {' '.join(compiler.flags)}", markup=False)
    if found.mcu is None:
        return
    table = Table("memory", "use", "technology", "base", "bytes", "status", "source")
    for region in found.mcu.regions:
        table.add_row(
            region.name,
            region.use,
            region.technology,
            hex(int(region.base.value)),
            f"{int(region.size_bytes.value):,}",
            region.size_bytes.status,
            region.size_bytes.source,
        )
    out.print(table)
