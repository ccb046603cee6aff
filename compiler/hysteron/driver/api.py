"""The Python interface: ``hy.compile``, ``hy.verify`` and ``hy.emulate``."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hysteron.driver.candidates import choose_grid
from hysteron.driver.compile import CompiledModel, Options, compile_model, kernel_inputs
from hysteron.driver.devices import open_device, save_project
from hysteron.driver.emulate import Emulation
from hysteron.driver.emulate import emulate as run_emulation
from hysteron.driver.golden import with_golden
from hysteron.driver.session import Request, open_session
from hysteron.driver.verify import Verification, try_witness
from hysteron.driver.verify import verify as verify_samples
from hysteron.errors import InputError
from hysteron.frontends.inputs import quantize_input
from hysteron.host.bridge import Net
from hysteron.ir.types import Array


class BuiltNet:
    """The C of a program as a library of this process, fed with deployed samples."""

    def __init__(self, compiled: CompiledModel) -> None:
        self._compiled = compiled
        self.net = Net(compiled.program)

    def run(self, x: Array) -> dict[str, Array]:
        """Return ``scores`` (n, classes) and ``class`` (n,) of samples (n, ...)."""
        return self.net.run(_deployed(self._compiled, x))

    def predict(self, x: Array) -> npt.NDArray[np.int64]:
        """Return the class of each sample (n,)."""
        return self.net.predict(_deployed(self._compiled, x))


class CompiledProgram:
    """A compiled model: save it as C, or build and run it here."""

    def __init__(self, compiled: CompiledModel) -> None:
        self.compiled = compiled

    def save(self, folder: str | os.PathLike[str], packages: str | Sequence[str] = ()) -> list[str]:
        """Write the C project, or packages of it, and return its files; raises InputError."""
        wanted = (packages,) if isinstance(packages, str) else tuple(packages)
        return save_project(with_golden(self.compiled, None), Path(folder), wanted)

    def build(self) -> BuiltNet:
        """Compile the C for this machine; raises ToolchainError."""
        return BuiltNet(self.compiled)


def compile(  # the name is the documented interface
    model: Any,
    target: str = "host",
    inputs: str | Sequence[str] = (),
    name: str | None = None,
    **options: Any,
) -> CompiledProgram:
    """Compile an ONNX path or ModelProto.

    ``inputs`` are ``[NAME:]TYPE[,scale=S][,zero=Z][,layout=L]`` declarations;
    ``options`` are the fields of ``driver.compile.Options``. Raises
    HysteronError subclasses.
    """
    declared = (inputs,) if isinstance(inputs, str) else tuple(inputs)
    try:
        chosen = Options(target=target, inputs=declared, name=name, **options)
    except TypeError as error:
        raise InputError("unknown option", got=", ".join(sorted(options))) from error
    return CompiledProgram(compile_model(model, chosen))


def verify(program: CompiledProgram, x: Array, labels: Array | None = None) -> Verification:
    """Compare both graphs, the C and the witness on samples (n, ...)."""
    compiled = program.compiled
    with open_device(compiled) as device:
        witness = try_witness(compiled.model.model_bytes)
        truth = None if labels is None else np.asarray(labels).astype(np.int64)
        return verify_samples(compiled, _quantized(compiled, x), truth, device, witness)


def emulate(
    program: CompiledProgram,
    x: Array,
    labels: Array,
    *,
    ber: float | Sequence[float] | None = None,
    memory: str | Sequence[str] = (),
    conditions: Mapping[str, float | Sequence[float]] | None = None,
    only: str | None = None,
    **request: Any,
) -> Emulation:
    """Run many chips with errors on samples (n, ...) and their classes (n,).

    Give bit error rates, or memories with the values of their ``conditions``; ``request`` are
    the fields of ``driver.session.Request``: chips, seed, half_width, resume, scheduler. Raises
    HysteronError subclasses.
    """
    try:
        wanted = Request(**request)
    except TypeError as error:
        raise InputError("unknown option", got=", ".join(sorted(request))) from error
    memories = (memory,) if isinstance(memory, str) else tuple(memory)
    settings = [f"{name}={_listed(values)}" for name, values in (conditions or {}).items()]
    rates = None if ber is None else _listed(ber)
    grid = choose_grid(program.compiled.program, rates, memories, settings, only)
    samples, truth = _quantized(program.compiled, x), np.asarray(labels).astype(np.int64)
    with open_session(program.compiled, samples, truth, wanted) as session:
        return run_emulation(session, grid)


def _listed(values: float | Sequence[float]) -> str:
    return ",".join(repr(float(value)) for value in np.atleast_1d(np.asarray(values, dtype=float)))


def _quantized(compiled: CompiledModel, x: Array) -> dict[str, Array]:
    graph = compiled.model.graph
    if len(graph.inputs) != 1:
        raise InputError(f"the model has {len(graph.inputs)} inputs", wanted="one")
    name = graph.inputs[0]
    return {name: quantize_input(np.asarray(x), graph.specs[name], graph.types[name].shape)}


def _deployed(compiled: CompiledModel, x: Array) -> dict[str, Array]:
    return kernel_inputs(compiled.program, _quantized(compiled, x))
