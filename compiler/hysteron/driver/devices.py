"""Where compiled code runs, and folders that ``compile`` wrote."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

from hysteron.codegen.emit import GENERATOR, emit_project, write_project
from hysteron.codegen.packages import ARCHIVES, check_packable, emit_packages
from hysteron.driver.budgets import Budgets, Excess, over_after_run, over_before_link
from hysteron.driver.compile import CompiledModel, kernel_inputs
from hysteron.driver.samples import random_samples
from hysteron.errors import CapacityError, InputError, ToolchainError
from hysteron.host.bridge import Net
from hysteron.image.layout import check_images
from hysteron.ir.types import Array
from hysteron.runners.board_net import BoardNet
from hysteron.runners.mcu_net import McuNet
from hysteron.runners.serial_part import SerialPart


class Device(Protocol):
    """Runs and traces the generated C."""

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Return {"scores": (n, classes), "class": (n,)}."""

    def trace(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Return every tensor the C wrote."""

    def counts(self) -> dict[str, Any]:
        """Return what was counted; empty on the host."""


class HostDevice:
    """The generated C as a shared library of this process."""

    def __init__(self, net: Net) -> None:
        self.net = net

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Return scores and classes."""
        return self.net.run(inputs)

    def trace(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Return every tensor the C wrote."""
        return self.net.trace(inputs)

    def counts(self) -> dict[str, Any]:
        """Return nothing: this machine's instructions are not counted."""
        return {}


@contextmanager
def open_device(
    compiled: CompiledModel,
    images: Mapping[str, bytes] | None = None,
    board: SerialPart | None = None,
) -> Iterator[Device]:
    """Yield the compiled target's device or ``board``, with other images when given.

    A board is not written to: it must hold those images already. Raises
    ToolchainError, CapacityError, BoardError, and InputError for images of
    another layout.
    """
    if board is not None:
        with closing(board):
            yield BoardNet(compiled.program, board, images, _sizes(compiled))
        return
    if compiled.target.is_host:
        yield HostDevice(Net(compiled.program, images))
        return
    with McuNet(compiled.program, compiled.target, images=images) as net:
        yield net


def _sizes(compiled: CompiledModel) -> Callable[[], dict[str, int]]:
    """Return a function that measures flash, RAM and stack as reports name them."""

    def measure() -> dict[str, int]:
        try:
            return {name.lower(): size for name, size in measured_sizes(compiled).items()}
        except CapacityError:
            return {}

    return measure


def measured_sizes(compiled: CompiledModel) -> dict[str, int]:
    """Return FLASH_BYTES, RAM_BYTES and STACK_BYTES of a linked file, where one can be made.

    The stack is the deepest seen over one inference of random values. Host targets and
    machines without a cross compiler give {}.
    """
    if compiled.target.is_host:
        return {}
    try:
        with _after_one_inference(compiled) as net:
            counts = net.counts()
    except ToolchainError:
        return {}
    return {
        "FLASH_BYTES": int(counts["flash_bytes"]),
        "RAM_BYTES": int(counts["ram_bytes"]),
        "STACK_BYTES": int(counts["stack_bytes"]),
    }


@contextmanager
def _after_one_inference(compiled: CompiledModel) -> Iterator[McuNet]:
    with McuNet(compiled.program, compiled.target) as net:
        net.run(kernel_inputs(compiled.program, random_samples(compiled.model.graph, 1, 0)))
        yield net


def over_budget(compiled: CompiledModel, budgets: Budgets) -> list[Excess]:
    """Return what breaks the budgets: at once where it is certain, else after linking and a run.

    Raises InputError for host targets and ToolchainError where nothing can be
    linked: a budget that cannot be checked does not pass.
    """
    if not budgets:
        return []
    if over := over_before_link(compiled, budgets):
        return over
    with _after_one_inference(compiled) as net:
        return over_after_run(net, budgets)


def read_chip(compiled: CompiledModel, folder: Path) -> dict[str, bytes]:
    """Return the images of a folder that ``hysteron chip`` wrote. Raises InputError."""
    layout = compiled.program.layout
    try:
        images = {
            region: (folder / f"region{number}.bin").read_bytes()
            for number, region in enumerate(layout.regions)
        }
    except OSError as error:
        raise InputError(
            "not a folder that 'hysteron chip' wrote for this model and target",
            where=str(folder), got=error.strerror or str(error),
        ) from error  # fmt: skip
    check_images(layout, images)
    return images


def save_project(compiled: CompiledModel, folder: Path, packages: Sequence[str] = ()) -> list[str]:
    """Write the C project, or packages of it, atomically; return its files. Raises InputError."""
    check_packable(compiled.program, packages)
    sizes = measured_sizes(compiled)
    if packages:
        files = emit_packages(compiled.program, packages, sizes)
    else:
        files = emit_project(compiled.program, sizes)
    try:
        write_project(files, folder)
    except OSError as error:
        raise InputError(
            "cannot write the project", where=str(folder), got=error.strerror or str(error)
        ) from error
    return sorted(files)


def resolve_model(path: Path) -> tuple[Path, dict[str, Any]]:
    """Return the ONNX file and the options recorded with it.

    A file stands for itself; a folder that compile wrote holds ``model.onnx``
    and ``report.json``. Raises InputError.
    """
    if path.suffix in ARCHIVES:
        raise InputError(
            "an archive, not a model", where=str(path),
            fix="name the folder that 'hysteron compile' wrote, or unpack it and name that folder",
        )  # fmt: skip
    if not path.is_dir():
        return path, {}
    try:
        report = json.loads((path / "report.json").read_text())
        if report.get("generator") != GENERATOR:
            raise ValueError("another generator")
        options = dict(report["options"])
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise InputError("not a folder that 'hysteron compile' wrote", where=str(path)) from error
    model = path / "model.onnx"
    if not model.is_file():
        raise InputError(
            "the folder holds no model.onnx",
            where=str(path),
            fix="compile without --no-model, or name the ONNX file",
        )
    return model, options
