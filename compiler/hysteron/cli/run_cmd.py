"""``hysteron run MODEL -t TARGET --inputs X.npy``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.table import Table

from hysteron.cli.common import (
    BaudOption,
    EccOption,
    EccPolicyOption,
    InputOption,
    JsonOption,
    MaxFlashOption,
    MaxRamOption,
    MaxStackOption,
    SignZeroOption,
    TargetOption,
    app,
    console,
    emit,
    progress,
    read_labels,
    read_samples,
    stored_options,
    with_ecc,
)
from hysteron.cli.excess import report_excess, show_excess
from hysteron.driver.boards import find_place
from hysteron.driver.budgets import over_after_run, over_before_link, parse_budgets
from hysteron.driver.compile import compile_model, kernel_inputs
from hysteron.driver.devices import (
    Device,
    HostDevice,
    open_device,
    read_chip,
    resolve_model,
)
from hysteron.errors import InputError
from hysteron.ir.types import Array
from hysteron.runners.mcu_net import McuNet

#: The contract's counts; null on the host, where nothing is counted.
_COUNTS = dict.fromkeys(
    ("instructions_per_inference", "stack_bytes", "stack_bound_bytes", "flash_bytes", "ram_bytes"),
    None,
)


@app.command("run")
def run(
    model: Annotated[Path, typer.Argument(help="An ONNX file, or a folder compile wrote.")],
    samples: Annotated[Path, typer.Option("--inputs", help=".npy, axis 0 is samples.")],
    target: TargetOption = "host",
    baud: BaudOption = None,
    labels: Annotated[Path | None, typer.Option("--labels", help=".npy, one class each.")] = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Write scores as .npy.")] = None,
    inputs: InputOption = None,
    ecc: EccOption = None,
    ecc_policy: EccPolicyOption = None,
    sign_zero: SignZeroOption = None,
    chip: Annotated[
        Path | None, typer.Option("--chip", metavar="DIR", help="Run what 'hysteron chip' wrote.")
    ] = None,
    limit: Annotated[int, typer.Option(min=0, help="Only the first N samples; 0: all.")] = 0,
    max_flash: MaxFlashOption = None,
    max_ram: MaxRamOption = None,
    max_stack: MaxStackOption = None,
    as_json: JsonOption = False,
) -> int:
    """Run the compiled model on this machine, an emulated part or a board, and count."""
    _check_place(out)
    path, stored = resolve_model(model)
    budgets = parse_budgets(max_flash, max_ram, max_stack)
    place = find_place(target, baud)
    options = stored_options(place, stored, inputs, sign_zero=sign_zero)
    compiled = compile_model(path, with_ecc(options, ecc, ecc_policy, stored))
    if over := over_before_link(compiled, budgets, on_board=place.board is not None):
        return report_excess("run", over, as_json)
    chunk = read_samples(compiled, samples)
    if limit:
        chunk = {name: array[:limit] for name, array in chunk.items()}
    count = next(iter(chunk.values())).shape[0]
    truth = read_labels(labels, count) if not limit else _first(labels, count)
    deployed = kernel_inputs(compiled.program, chunk)
    images = None if chip is None else read_chip(compiled, chip)
    with (
        open_device(compiled, images, place.board) as device,
        progress("running", count, as_json) as advance,
    ):
        winner, scores = _answers(device, deployed, count, advance)
        fields: dict[str, Any] = {
            "samples": count,
            "target": compiled.target.name,
            **_COUNTS,
            **device.counts(),
        }
        over = over_after_run(device, budgets) if isinstance(device, McuNet) else []
    fields["correct"] = None if truth is None else int((winner == truth).sum())
    if out is not None:
        _save(out, scores)
        fields["out"] = str(out)
    if over:
        fields["over_budget"] = [one.as_dict() for one in over]
    if as_json:
        emit("run", fields)
    else:
        _show(fields)
    show_excess(over)
    return 1 if over else 0


def _answers(
    device: Device, deployed: dict[str, Array], count: int, advance: Callable[[int], None]
) -> tuple[Array, Array]:
    """Return classes and scores; samples go to the device in pieces, so that progress shows."""
    classes, scores = [], []
    step = 512 if isinstance(device, HostDevice) else 32
    for start in range(0, count, step):
        part = {name: array[start : start + step] for name, array in deployed.items()}
        result = device.run(part)
        classes.append(result["class"])
        scores.append(result["scores"])
        advance(result["class"].shape[0])
    return np.concatenate(classes), np.concatenate(scores)


def _show(fields: dict[str, Any]) -> None:
    table = Table("what", "value", show_header=False)
    for key, value in fields.items():
        if value is not None and key not in ("over_budget", "stack"):
            table.add_row(
                key.replace("_", " "), f"{value:,}" if isinstance(value, int) else str(value)
            )
    console(False).print(table)


def _first(labels: Path | None, count: int) -> np.ndarray | None:
    from hysteron.frontends.inputs import load_npy

    if labels is None:
        return None
    array = np.asarray(load_npy(labels))
    return read_labels(labels, array.shape[0])[:count]  # type: ignore[index]


def _check_place(out: Path | None) -> None:
    """Raise InputError before a long run whose scores would have no place."""
    if out is not None and not out.parent.is_dir():
        raise InputError("cannot write", where=str(out), got="no such folder")


def _save(path: Path, scores: np.ndarray) -> None:
    try:
        with path.open("wb") as file:
            np.save(file, scores)
    except OSError as error:
        raise InputError(
            "cannot write", where=str(path), got=error.strerror or str(error)
        ) from error
