"""``hysteron verify MODEL --inputs X.npy [--labels Y.npy]``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from hysteron.cli.common import (
    BaudOption,
    EccOption,
    EccPolicyOption,
    InputOption,
    JsonOption,
    SignZeroOption,
    TargetOption,
    ToleranceOption,
    app,
    console,
    emit,
    progress,
    read_labels,
    read_samples,
    stored_options,
    with_ecc,
)
from hysteron.driver.boards import find_place
from hysteron.driver.compile import compile_model
from hysteron.driver.devices import open_device, resolve_model
from hysteron.driver.verify import Verification, make_witness
from hysteron.driver.verify import verify as run_verification
from hysteron.errors import InputError, ToolchainError

WITNESSES = ("auto", "none")


@app.command("verify")
def verify(
    model: Annotated[Path, typer.Argument(help="An ONNX file, or a folder compile wrote.")],
    samples: Annotated[Path, typer.Option("--inputs", help=".npy, axis 0 is samples.")],
    labels: Annotated[Path | None, typer.Option("--labels", help=".npy, one class each.")] = None,
    target: TargetOption = "host",
    baud: BaudOption = None,
    inputs: InputOption = None,
    ecc: EccOption = None,
    ecc_policy: EccPolicyOption = None,
    sign_zero: SignZeroOption = None,
    weight_tolerance: ToleranceOption = 0.0,
    witness: Annotated[str, typer.Option(help="auto (onnxruntime or qonnx) or none.")] = "auto",
    as_json: JsonOption = False,
) -> int:
    """Compare both graphs, the C and a float32 witness on samples, layer by layer."""
    if witness not in WITNESSES:
        raise InputError(f"unknown witness '{witness}'", wanted=", ".join(WITNESSES))
    path, stored = resolve_model(model)
    place = find_place(target, baud)
    options = stored_options(
        place, stored, inputs, sign_zero=sign_zero, weight_tolerance=weight_tolerance
    )
    compiled = compile_model(path, with_ecc(options, ecc, ecc_policy, stored))
    chunk = read_samples(compiled, samples)
    count = next(iter(chunk.values())).shape[0]
    truth = read_labels(labels, count)
    notes = list(compiled.notes)
    engine = None
    if witness == "auto":
        try:
            engine = make_witness(compiled.model.model_bytes)
        except ToolchainError as error:
            notes.append(f"no witness: {error.message()}")
    with (
        open_device(compiled, board=place.board) as device,
        progress("verifying", count, as_json) as advance,
    ):
        result = run_verification(compiled, chunk, truth, device, engine, advance)
    fields: dict[str, Any] = {**result.as_dict(), **place.fields(), "notes": notes}
    if as_json:
        emit("verify", fields)
    else:
        _show(result, target, notes)
    return 0 if result.passed else 1


def _show(result: Verification, target: str, notes: list[str]) -> None:
    out = console(False)
    table = Table("what", "result", show_header=False)
    for key, value in result.as_dict().items():
        if key != "problems" and value is not None:
            table.add_row(key.replace("_", " "), str(value))
    out.print(table)
    for problem in result.problems[:20]:
        out.print(f"[red]differs[/red]: {problem.encode('unicode_escape').decode()}")
    for note in notes:
        out.print(f"note: {note}", markup=False)
    verdict = "[green]exact[/green]" if result.passed else "[red]NOT exact[/red]"
    out.print(f"{verdict}: interpreter and C ({target}) on {result.samples} samples")
