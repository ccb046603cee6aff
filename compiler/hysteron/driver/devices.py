"""Where compiled code runs, and folders that ``compile`` wrote."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

from hysteron.codegen.emit import GENERATOR, Measured, emit_project, write_project
from hysteron.codegen.packages import ARCHIVES, check_packable, emit_packages
from hysteron.driver.budgets import Budgets, Excess, over_after_run, over_before_link
from hysteron.driver.compile import CompiledModel, kernel_inputs
from hysteron.driver.samples import random_samples
from hysteron.errors import CapacityError, InputError, InternalError, ToolchainError
from hysteron.host.bridge import Net
from hysteron.image.layout import check_images
from hysteron.ir.types import Array
from hysteron.runners.board_net import BoardNet
from hysteron.runners.mcu_net import PAINT_MARGIN, McuNet
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
    """Return a function that gives flash, RAM and the proven stack as reports name them."""

    def measure() -> dict[str, int]:
        try:
            sizes = measured(compiled).sizes
        except CapacityError:
            return {}
        names = {"STACK_BYTES": "stack_bound_bytes"}
        return {names.get(name, name.lower()): size for name, size in sizes.items()}

    return measure


def measured(compiled: CompiledModel) -> Measured:
    """Return flash, RAM and the proven stack of a linked file, where one can be made.

    Host targets and machines without a cross compiler give nothing. Raises
    InternalError when one inference of random values went deeper than proven.
    """
    if compiled.target.is_host:
        return Measured()
    try:
        with _after_one_inference(compiled) as net:
            return _measured(net)
    except ToolchainError:
        return Measured()


def _measured(net: McuNet) -> Measured:
    sizes = {"FLASH_BYTES": net.elf.flash_bytes, "RAM_BYTES": net.elf.ram_bytes}
    stack = net.stack
    if (deepest := stack.deepest.nbytes) is None:
        return Measured(sizes, {}, {"stack": stack.as_dict()})
    seen = max(net.peak_stack - PAINT_MARGIN, 0)
    if seen > deepest:
        raise InternalError("the stack is deeper than proven", got=f"{seen}", wanted=f"{deepest}")
    sizes["STACK_BYTES"] = deepest
    about = (
        f"proven for the deepest call of this header, from the linked file of {net.elf.version}; "
        "without interrupts"
    )
    if any(one.callback for one in stack.functions.values()):
        about += " and what your write function needs"
    return Measured(sizes, {"STACK_BYTES": about}, {"stack": stack.as_dict()})


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
    sizes = measured(compiled)
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
