"""``hysteron emulate MODEL -m MEMORY | --ber P[,P...] --inputs X.npy --labels Y.npy``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer

from hysteron.campaign.export import write_export
from hysteron.cli.common import (
    InputOption,
    JsonOption,
    SettingOption,
    app,
    emit,
    read_labels,
    read_samples,
)
from hysteron.cli.emulate_view import meter, show
from hysteron.driver.candidates import choose_grid
from hysteron.driver.compile import CompiledModel, Options, compile_model
from hysteron.driver.devices import resolve_model
from hysteron.driver.emulate import chip_rows
from hysteron.driver.emulate import emulate as run_emulation
from hysteron.driver.emulate_files import check_outputs, save_emulation
from hysteron.driver.session import Request, open_session
from hysteron.errors import InputError
from hysteron.ir.types import Array

MemoriesOption = Annotated[
    list[str] | None,
    typer.Option(
        "-m", "--memory", metavar="TECH|PART=TECH,...",
        help="See 'hysteron memories'; repeat to compare.",
    ),
]  # fmt: skip


@app.command("emulate")
def emulate(
    model: Annotated[Path, typer.Argument(help="An ONNX file, or a folder compile wrote.")],
    samples: Annotated[Path, typer.Option("--inputs", help=".npy, axis 0 is samples.")],
    labels: Annotated[Path, typer.Option("--labels", help=".npy, one class each.")],
    ber: Annotated[
        str | None, typer.Option("--ber", metavar="P[,P...]", help="Bit error rates.")
    ] = None,
    memories: MemoriesOption = None,
    settings: SettingOption = None,
    chips: Annotated[int, typer.Option("--chips", help="Specimens per condition.")] = 100,
    half_width: Annotated[
        float | None,
        typer.Option(
            "--half-width", metavar="PT",
            help="Stop a condition when its mean is known to +-PT percentage points.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Which chips: 0 to 2^64-1.")] = 0,
    only: Annotated[
        str | None, typer.Option("--only", help="Errors only in this role or section.")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option("--resume", metavar="DB", help="Keep results; go on from them.")
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option("--scheduler", metavar="ADDR", help="Run on a Dask cluster: HOST:PORT."),
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write CSV, plots and an HTML report.")
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option("--export", metavar="FILE", help="One row per chip: .csv or .parquet."),
    ] = None,
    inputs: InputOption = None,
    as_json: JsonOption = False,
) -> int:  # fmt: skip
    """Run the C on many chips whose weight memory has bit errors."""
    check_outputs(folder, export)
    request = Request(chips, seed, half_width, resume, scheduler)
    compiled, chunk, truth = _read(model, samples, labels, inputs)
    layout = compiled.program.layout
    grid = choose_grid(layout, ber, memories or (), settings or (), only)
    with (
        meter("emulating", chips * len(grid.candidates), as_json) as told,
        open_session(compiled, chunk, truth, request, told) as session,
    ):
        result = run_emulation(session, grid)
    if export is not None:
        write_export(chip_rows(result), export)
    if folder is not None:
        save_emulation(result, f"{compiled.program.name}, {chips} chips, seed {seed}", folder)
    if as_json:
        emit("emulate", {**result.as_dict(), "seed": seed})
    else:
        show(result, folder)
    return 0


def _read(
    model: Path, samples: Path, labels: Path, inputs: list[str] | None
) -> tuple[CompiledModel, dict[str, Array], npt.NDArray[np.int64]]:
    path, stored = resolve_model(model)
    options: dict[str, Any] = {
        "inputs": tuple(inputs or stored.get("inputs", ())),
        "sign_zero": stored.get("sign_zero"),
        "weight_tolerance": float(stored.get("weight_tolerance", 0.0)),
    }
    compiled = compile_model(path, Options(**options))
    chunk = read_samples(compiled, samples)
    truth = read_labels(labels, next(iter(chunk.values())).shape[0])
    if truth is None:
        raise InputError("no labels")
    return compiled, chunk, truth
