"""``hysteron compare MODEL --inputs X.npy``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from hysteron.cli.common import (
    InputOption,
    JsonOption,
    SignZeroOption,
    app,
    console,
    emit,
    progress,
    read_samples,
)
from hysteron.driver.compare import WRONG, Row, default_targets
from hysteron.driver.compare import compare as run_comparison
from hysteron.driver.compare_plot import check_picture, save_comparison
from hysteron.driver.compile import Options
from hysteron.driver.devices import resolve_model
from hysteron.errors import ToolchainError
from hysteron.ir.types import Array


@app.command("compare")
def compare(
    model: Annotated[Path, typer.Argument(help="An ONNX file, or a folder compile wrote.")],
    samples: Annotated[Path, typer.Option("--inputs", help=".npy, axis 0 is samples.")],
    targets: Annotated[
        str | None, typer.Option("-t", "--targets", metavar="NAME[,NAME...]", help="Default: all.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Samples per target.")] = 4,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Also a picture: .png, .svg, .pdf.")
    ] = None,
    inputs: InputOption = None,
    sign_zero: SignZeroOption = None,
    as_json: JsonOption = False,
) -> int:
    """Run a model on all emulated targets side by side: sizes, instructions, exact or not."""
    if out is not None:
        check_picture(out)
    path, stored = resolve_model(model)
    options = Options(
        inputs=tuple(inputs or stored.get("inputs", ())),
        sign_zero=sign_zero or stored.get("sign_zero"),
        weight_tolerance=float(stored.get("weight_tolerance", 0.0)),
    )
    names = tuple(targets.split(",")) if targets else default_targets()
    rows: list[Row] = []
    with progress("comparing", len(names), as_json) as advance:
        for row in run_comparison(
            path, options, names, lambda compiled: _first(read_samples(compiled, samples), limit)
        ):
            rows.append(row)
            advance(1)
    if out is not None:
        save_comparison(rows, f"{path.stem}: {len(rows)} targets", out)
    if as_json:
        picture = None if out is None else str(out)
        emit("compare", {"targets": [row.as_dict() for row in rows], "picture": picture})
    else:
        _show(rows)
    if not any(row.ran for row in rows):
        raise ToolchainError("no target ran", got="; ".join(row.reason for row in rows[:2]))
    return 1 if any(row.status == WRONG for row in rows) else 0


def _first(chunk: Mapping[str, Array], limit: int) -> dict[str, Array]:
    return {name: array[:limit] for name, array in chunk.items()}


def _show(rows: Sequence[Row]) -> None:
    screen = console(False)
    table = Table("target", "flash", "RAM", "stack", "instr.", "cycles", "result", padding=(0, 0))
    for column in table.columns:
        column.no_wrap = True
    for row in rows:
        numbers = (
            row.flash_bytes,
            row.ram_bytes,
            row.stack_bytes,
            row.instructions_per_inference,
            row.cycles,
        )
        cells = ("" if value is None else f"{value:,}" for value in numbers)
        table.add_row(row.target, *cells, row.status)
    screen.print(table)
    for row in rows:
        if row.reason:
            screen.print(f"{row.target}: {escape(row.reason)}", soft_wrap=True)
    for note in sorted({row.note for row in rows if row.note}):
        who = ", ".join(row.target for row in rows if row.note == note)
        screen.print(f"note: {who}: {escape(note)}", soft_wrap=True)
    compilers = sorted({f"{row.compiler}; {row.emulator}" for row in rows if row.ran})
    screen.print("Bytes; instructions of the slowest sample (cycles: simavr's model). Made with:")
    for line in compilers:
        screen.print(f"  {escape(line)}", soft_wrap=True)
