"""``hysteron chip MODEL -m MEMORY | --ber P --seed N -o DIR``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from hysteron.cli.common import (
    EccOption,
    EccPolicyOption,
    InputOption,
    JsonOption,
    MemoryOption,
    SettingOption,
    TargetOption,
    app,
    console,
    emit,
    with_ecc,
)
from hysteron.driver.chip import export_chip
from hysteron.driver.compile import Options, compile_model
from hysteron.driver.devices import resolve_model
from hysteron.driver.placement import choose_points
from hysteron.errors import InputError


@app.command("chip")
def chip(
    model: Annotated[Path, typer.Argument(help="An ONNX file, or a folder compile wrote.")],
    seed: Annotated[int, typer.Option("--seed", help="0 to 2^64-1.")],
    folder: Annotated[Path, typer.Option("-o", "--output", help="Where the chip goes.")],
    ber: Annotated[str | None, typer.Option("--ber", metavar="P", help="Bit error rate.")] = None,
    memory: MemoryOption = None,
    settings: SettingOption = None,
    number: Annotated[int, typer.Option("--chip", help="Which specimen of the seed.")] = 0,
    only: Annotated[
        str | None, typer.Option("--only", help="Errors only in this role or section.")
    ] = None,
    target: TargetOption = "host",
    inputs: InputOption = None,
    ecc: EccOption = None,
    ecc_policy: EccPolicyOption = None,
    as_json: JsonOption = False,
) -> int:
    """Draw one chip with bit errors and export it: binary, Intel HEX, C array, fault list."""
    path, stored = resolve_model(model)
    options = Options(
        target=target,
        inputs=tuple(inputs or stored.get("inputs", ())),
        sign_zero=stored.get("sign_zero"),
        weight_tolerance=float(stored.get("weight_tolerance", 0.0)),
    )
    compiled = compile_model(path, with_ecc(options, ecc, ecc_policy, stored))
    points, _ = choose_points(compiled.program.layout, ber, memory, settings or (), only)
    if len(points) != 1:
        raise InputError("a chip has one condition", got=f"{len(points)} combinations")
    result = export_chip(compiled, points[0], seed, number, folder)
    if as_json:
        sections = {
            name: {"wrong": wrong, "cells": result.cells[name]}
            for name, wrong in result.wrong.items()
        }
        fields = {"ber": points[0].ber, "seed": seed, "chip": number, "target": target}
        emit("chip", {**fields, "sections": sections, "files": result.files})
        return 0
    out = console(False)
    table = Table("section", "wrong cells", "of")
    for name, wrong in result.wrong.items():
        table.add_row(name, str(wrong), str(result.cells[name]))
    out.print(table)
    out.print(f"wrote {', '.join(result.files)} to {folder}", markup=False)
    return 0
