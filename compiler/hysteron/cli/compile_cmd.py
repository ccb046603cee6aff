"""``hysteron compile MODEL -t TARGET -o DIR``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from hysteron.cli.common import (
    EccOption,
    EccPolicyOption,
    InputOption,
    JsonOption,
    MaxFlashOption,
    MaxRamOption,
    MaxStackOption,
    PlaceOption,
    SerialOption,
    SignZeroOption,
    TargetOption,
    ToleranceOption,
    app,
    console,
    emit,
    with_ecc,
)
from hysteron.cli.compile_options import (
    CheckPassesOption,
    ConstantTimeOption,
    DumpAfterOption,
    NameOption,
    NoModelOption,
    OutputsOption,
    PackageOption,
    SelftestOption,
)
from hysteron.cli.excess import report_excess
from hysteron.cli.inspect_cmd import describe, ecc_line
from hysteron.codegen.packages import chosen
from hysteron.driver.budgets import parse_budgets
from hysteron.driver.compile import CompiledModel, Options, compile_model
from hysteron.driver.devices import over_budget, save_project
from hysteron.driver.golden import with_golden
from hysteron.driver.passes import PassLog
from hysteron.errors import InputError


@app.command("compile")
def compile_command(
    model: Annotated[Path, typer.Argument(help="An ONNX file.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the C project.")],
    target: TargetOption = "host",
    inputs: InputOption = None,
    ecc: EccOption = None,
    ecc_policy: EccPolicyOption = None,
    place: PlaceOption = None,
    name: NameOption = None,
    outputs: OutputsOption = "logits",
    sign_zero: SignZeroOption = None,
    weight_tolerance: ToleranceOption = 0.0,
    constant_time: ConstantTimeOption = False,
    no_model: NoModelOption = False,
    selftest: SelftestOption = None,
    package: PackageOption = None,
    check_passes: CheckPassesOption = False,
    dump_after: DumpAfterOption = None,
    max_flash: MaxFlashOption = None,
    max_ram: MaxRamOption = None,
    max_stack: MaxStackOption = None,
    serial: SerialOption = False,
    as_json: JsonOption = False,
) -> int:
    """Write a self-contained C99 project for a model."""
    if outputs not in ("logits", "probabilities"):
        raise InputError(f"unknown output '{outputs}'", wanted="logits, probabilities")
    packages = tuple(kind.name for kind in chosen(package or ()))
    options = Options(
        target=target,
        inputs=tuple(inputs or ()),
        name=name,
        sign_zero=sign_zero,
        weight_tolerance=weight_tolerance,
        outputs=outputs,
        with_model=not no_model,
        constant_time=constant_time,
        place=place,
        serial=serial,
    )
    log = PassLog(dump_after)
    compiled = compile_model(model, with_ecc(options, ecc, ecc_policy, {}), log)
    _dump(log, dump_after, as_json)
    if check_passes and not _passes_hold(log, compiled, as_json):
        return 1
    budgets = parse_budgets(max_flash, max_ram, max_stack)
    if over := over_budget(compiled, budgets):
        return report_excess("compile", over, as_json)
    compiled = with_golden(compiled, selftest)
    files = save_project(compiled, out, packages)
    fields = {**describe(compiled), "folder": str(out), "files": sorted(files)}
    if packages:
        fields["packages"] = list(packages)
    if check_passes:
        fields["passes_checked"] = log.names
    if as_json:
        emit("compile", fields)
    else:
        _show(out, compiled, fields)
    return 0


def _dump(log: PassLog, wanted: str | None, as_json: bool) -> None:
    if wanted is not None and log.dumped is None:
        raise InputError(f"unknown pass '{wanted}'", wanted=", ".join(log.names))
    if log.dumped is not None and not as_json:
        typer.echo(log.dumped)


def _passes_hold(log: PassLog, compiled: CompiledModel, as_json: bool) -> bool:
    broken = log.first_broken(compiled)
    if broken is not None:
        console(as_json).print(f"pass '{broken}' changed the function", style="red")
    return broken is None


def _show(out: Path, compiled: CompiledModel, fields: dict[str, Any]) -> None:
    screen = console(False)
    name, target = compiled.program.name, compiled.target.name
    kinds = f" as {', '.join(fields['packages'])}" if "packages" in fields else ""
    screen.print(f"{out}: {len(fields['files'])} files for {name} on {target}{kinds}", markup=False)
    screen.print(
        f"image {fields['image_bytes']:,} B, activations {fields['arena_bytes']:,} B, "
        f"scratch {fields['scratch_bytes']:,} B"
    )
    if "ecc" in fields:
        screen.print(ecc_line(fields["ecc"]))
    for note in compiled.notes:
        screen.print(f"note: {note}", markup=False)
