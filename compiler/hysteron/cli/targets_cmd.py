"""``hysteron targets [NAME]``."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hysteron.cli.common import JsonOption, app, console, emit
from hysteron.errors import ToolchainError
from hysteron.runners import choose_emulator, probe
from hysteron.targets import Isa, Mcu, known, load_target

_BOARD = "serial:PORT[:BAUD]"


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
        emit("targets", {"targets": rows, "boards": [_BOARD]})
        return
    table = Table("target", "instruction set", "runs on", "what")
    for row in rows:
        table.add_row(row["name"], row["isa"], row["runs_on"], row["title"])
    out = console(False)
    out.print(table)
    out.print(
        f"{_BOARD}: a board with the firmware that 'compile -t TARGET --serial' wrote; "
        "for run and verify",
        markup=False,
    )


def _runner(target: Any) -> str:
    return ", ".join(one.kind for one in target.isa.emulators) or "this machine"


def _tools(isa: Isa) -> list[dict[str, str]]:
    """Return each compiler and emulator with its version here, or how to install it."""
    rows = []
    for compiler in isa.compilers:
        try:
            here = probe(isa, compiler.family).version
        except ToolchainError:
            here = f"not found; {compiler.install}"
        rows.append({"what": "compiler", "name": compiler.family, "here": here})
    for emulator in isa.emulators:
        try:
            choose_emulator(isa, emulator.kind)
            here = "found"
        except ToolchainError:
            here = f"not found; {emulator.install}"
        name = " ".join(emulator.command) or emulator.kind
        rows.append({"what": "emulator", "name": f"{name} ({emulator.cpu})", "here": here})
    return rows


def _explain(name: str, as_json: bool) -> None:
    found = load_target(name)
    fields: dict[str, Any] = {
        "name": found.name,
        "isa": msgspec.to_builtins(found.isa),
        "mcu": None if found.mcu is None else msgspec.to_builtins(found.mcu),
        "tools": _tools(found.isa),
    }
    if as_json:
        emit("targets", fields)
        return
    out = console(False)
    out.print(f"[bold]{found.name}[/bold]: {found.mcu.title if found.mcu else found.isa.title}")
    out.print(f"instruction set {found.isa.name}, kernels {', '.join(found.isa.kernel_suffixes)}")
    for compiler in found.isa.compilers:
        out.print(f"compiler {' '.join(compiler.command)} {' '.join(compiler.flags)}", markup=False)
    for tool in _tools(found.isa):
        out.print(f"{tool['what']} {tool['name']}: {tool['here']}", markup=False)
    for note in (one.note for one in found.isa.emulators if one.note):
        out.print(f"note: {note}", markup=False)
    if found.mcu is not None:
        _explain_part(found.mcu, out)


def _explain_part(mcu: Mcu, out: Console) -> None:
    memories = Table("memory", "use", "technology", "base", "bytes")
    for region in mcu.regions:
        size = f"{region.size_bytes.value:,}"
        memories.add_row(
            region.name, region.use, region.technology, hex(region.base.value), size
        )  # fmt: skip
    out.print(memories)
    numbers = Table("number", "value", "status", "source")
    for key, number in mcu.numbers():
        value = hex(number.value) if key.endswith(".base") else f"{number.value:,}"
        conflict = f" (conflict: {number.conflict})" if number.conflict else ""
        numbers.add_row(
            *(escape(text) for text in (key, value, number.status, number.source + conflict))
        )
    out.print(numbers)
    for note in mcu.notes:
        out.print(f"note: {note}", markup=False)
