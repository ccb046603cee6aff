"""``hysteron emulate MODEL -m MEMORY | --ber P[,P...] --inputs X.npy --labels Y.npy``."""

from __future__ import annotations

from collections.abc import Mapping
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
    app,
    console,
    emit,
    progress,
    read_labels,
    read_samples,
    with_ecc,
)
from hysteron.driver.compile import Options, compile_model
from hysteron.driver.devices import resolve_model
from hysteron.driver.emulate import RATE_NOTE, Emulation, save_emulation
from hysteron.driver.emulate import emulate as run_emulation
from hysteron.driver.placement import choose_points
from hysteron.errors import InputError


@app.command("emulate")
def emulate(
    model: Annotated[Path, typer.Argument(help="An ONNX file, or a folder compile wrote.")],
    samples: Annotated[Path, typer.Option("--inputs", help=".npy, axis 0 is samples.")],
    labels: Annotated[Path, typer.Option("--labels", help=".npy, one class each.")],
    ber: Annotated[
        str | None, typer.Option("--ber", metavar="P[,P...]", help="Bit error rates.")
    ] = None,
    memory: MemoryOption = None,
    settings: SettingOption = None,
    chips: Annotated[int, typer.Option("--chips", help="Specimens per rate.")] = 100,
    seed: Annotated[int, typer.Option("--seed", help="Which chips: 0 to 2^64-1.")] = 0,
    only: Annotated[
        str | None, typer.Option("--only", help="Errors only in this role or section.")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option("--resume", metavar="DB", help="Keep results; go on from them.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write CSV, plots and an HTML report.")
    ] = None,
    inputs: InputOption = None,
    ecc: EccOption = None,
    ecc_policy: EccPolicyOption = None,
    as_json: JsonOption = False,
) -> int:
    """Run the C on many chips whose weight memory has bit errors."""
    path, stored = resolve_model(model)
    options = Options(
        inputs=tuple(inputs or stored.get("inputs", ())),
        sign_zero=stored.get("sign_zero"),
        weight_tolerance=float(stored.get("weight_tolerance", 0.0)),
    )
    compiled = compile_model(path, with_ecc(options, ecc, ecc_policy, stored))
    chunk = read_samples(compiled, samples)
    truth = read_labels(labels, next(iter(chunk.values())).shape[0])
    if truth is None:
        raise InputError("no labels")
    points, notes = choose_points(compiled.program.layout, ber, memory, settings or (), only)
    with progress("emulating", chips * len(points), as_json) as advance:
        result = run_emulation(
            compiled,
            chunk,
            truth,
            points,
            chips,
            seed,
            resume,
            advance,
            notes=notes or (RATE_NOTE,),
        )
    if folder is not None:
        save_emulation(result, f"{compiled.program.name}, {chips} chips, seed {seed}", folder)
    if as_json:
        emit("emulate", {**result.as_dict(), "seed": seed})
    else:
        _show(result, folder)
    return 0


def _show(result: Emulation, folder: Path | None) -> None:
    out = console(False)
    table = Table(
        "bit error rate", "mean %", "95 % interval", "drop (points)", "5 % quantile", "worst"
    )
    for row, settings in zip(result.rows, result.settings, strict=True):
        interval = f"{100 * row['ci_low']:.2f} to {100 * row['ci_high']:.2f}"
        lost = (
            f"{100 * row['drop']:.2f} ({100 * row['drop_low']:.2f} to {100 * row['drop_high']:.2f})"
        )
        table.add_row(
            _label(row["ber"], settings), f"{100 * row['mean']:.2f}", interval, lost,
            f"{100 * row['q05']:.2f}", f"{100 * row['worst']:.2f}",
        )  # fmt: skip
    out.print(table)
    out.print(f"without errors {result.golden_correct} of {result.samples} right")
    for note in result.notes:
        out.print(f"note: {note}", markup=False)
    if folder is not None:
        out.print(f"wrote {folder / 'report.html'}", markup=False)


def _label(ber: float, settings: Mapping[str, float]) -> str:
    return "\n".join([f"{ber:.3g}", *(f"{name} {value:g}" for name, value in settings.items())])
