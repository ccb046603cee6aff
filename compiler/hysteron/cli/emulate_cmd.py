"""``hysteron emulate MODEL -m MEMORY | --ber P[,P...] --inputs X.npy --labels Y.npy``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from hysteron.campaign.export import write_export
from hysteron.cli.common import (
    EccOption,
    EccPolicyOption,
    InputOption,
    JsonOption,
    SettingOption,
    app,
    emit,
    read_labels,
    read_samples,
    with_ecc,
)
from hysteron.cli.emulate_options import (
    BerOption,
    ChipsOption,
    CriticalOption,
    CutOption,
    ExportOption,
    HalfWidthOption,
    LabelsOption,
    MaxDropOption,
    MemoriesOption,
    ModelArgument,
    OnlyOption,
    OptimizeOption,
    OutputOption,
    ResumeOption,
    SamplesOption,
    SchedulerOption,
    SeedOption,
    SenseOption,
    SensitivityOption,
)
from hysteron.cli.emulate_view import meter, show
from hysteron.driver.candidates import Grid, choose_grid
from hysteron.driver.compile import CompiledModel, Options, compile_model
from hysteron.driver.devices import resolve_model
from hysteron.driver.emulate import chip_rows
from hysteron.driver.emulate import emulate as run_emulation
from hysteron.driver.emulate_files import check_outputs, save_emulation
from hysteron.driver.session import Request, open_session
from hysteron.driver.studies import Studies
from hysteron.errors import InputError
from hysteron.ir.types import Array


@app.command("emulate")
def emulate(
    model: ModelArgument,
    samples: SamplesOption,
    labels: LabelsOption,
    ber: BerOption = None,
    memories: MemoriesOption = None,
    settings: SettingOption = None,
    sense: SenseOption = None,
    chips: ChipsOption = 100,
    half_width: HalfWidthOption = None,
    seed: SeedOption = 0,
    only: OnlyOption = None,
    resume: ResumeOption = None,
    scheduler: SchedulerOption = None,
    folder: OutputOption = None,
    export: ExportOption = None,
    sensitivity: SensitivityOption = False,
    cut: CutOption = "section",
    critical: CriticalOption = None,
    optimize: OptimizeOption = None,
    max_drop: MaxDropOption = 1.0,
    inputs: InputOption = None,
    ecc: EccOption = None,
    ecc_policy: EccPolicyOption = None,
    as_json: JsonOption = False,
) -> int:
    """Run the C on many chips whose weight memory has bit errors."""
    check_outputs(folder, export)
    request = Request(chips, seed, half_width, resume, scheduler)
    studies = Studies(cut if sensitivity else None, critical, only, optimize, max_drop)
    compiled, chunk, truth = _read(model, samples, labels, inputs, ecc, ecc_policy)
    given = [*(settings or ()), *([] if sense is None else [f"sense={sense}"])]
    alone = critical is not None and ber is None and not memories
    grid = Grid((), ()) if alone else choose_grid(
        compiled.program, ber, memories or (), given, only
    )  # fmt: skip
    studies.check(compiled.program, grid)
    with (
        meter("emulating", chips * len(grid.candidates), as_json) as told,
        open_session(compiled, chunk, truth, request, told) as session,
    ):
        result = run_emulation(session, grid)
        extras = studies.run(session, result)
    if export is not None:
        write_export(chip_rows(result), export)
    if folder is not None:
        title = f"{compiled.program.name}, {chips} chips, seed {seed}"
        save_emulation(result, title, folder, extras)
    if as_json:
        added = {name: value for extra in extras for name, value in extra.fields.items()}
        emit("emulate", {**result.as_dict(), "seed": seed, **added})
    else:
        show(result, extras, folder)
    return 0 if all(extra.found for extra in extras) else 1


def _read(
    model: Path,
    samples: Path,
    labels: Path,
    inputs: list[str] | None,
    ecc: str | None,
    ecc_policy: str | None,
) -> tuple[CompiledModel, dict[str, Array], npt.NDArray[np.int64]]:
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
    return compiled, chunk, truth
