"""Proof by comparison: both graphs, the C, and a float32 witness, layer by layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from hysteron.driver.compile import CompiledModel, imported_inputs, kernel_inputs
from hysteron.errors import InputError, ToolchainError
from hysteron.interpreter.engines import OnnxruntimeWitness, QonnxWitness, needs_qonnx
from hysteron.interpreter.final import run_final
from hysteron.interpreter.imported import ImportedRun, run_imported
from hysteron.interpreter.witness import Witness, check_witness
from hysteron.ir.graph import Graph, View
from hysteron.ir.types import Array
from hysteron.ops.source._real import Real

Samples = Mapping[str, Array]
Progress = Callable[[int], None]

#: Elements of all kept tensors held at a time, which bounds memory.
CHUNK_ELEMENTS = 1 << 24


class Device(Protocol):
    """Something that runs the generated C: host library or emulated part."""

    def trace(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Return every tensor the C wrote, unpacked, batch axis first."""


@dataclass
class Verification:
    """Counts of one verification; ``passed`` decides the exit code."""

    samples: int = 0
    correct: int = 0
    reference_correct: int = 0
    onnxruntime_correct: int | None = None
    witness: str | None = None
    bit_exact: bool = True
    passes_exact: bool = True
    float_ties: int = 0
    near_ties: int = 0
    zero_cancellations: int = 0
    unexplained: int = 0
    labelled: bool = False
    problems: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """True when nothing differs and every witness difference is explained."""
        return self.bit_exact and self.passes_exact and self.unexplained == 0

    def as_dict(self) -> dict[str, Any]:
        """Return the integers of the JSON contract."""
        names = (
            "samples",
            "correct",
            "reference_correct",
            "onnxruntime_correct",
            "witness",
            "bit_exact",
            "passes_exact",
            "float_ties",
            "near_ties",
            "zero_cancellations",
            "unexplained",
        )
        result = {name: getattr(self, name) for name in names}
        if not self.labelled:
            result["correct"] = result["reference_correct"] = result["onnxruntime_correct"] = None
        return {**result, "problems": self.problems[:20]}

    def problem(self, text: str) -> None:
        """Record a difference once."""
        if text not in self.problems:
            self.problems.append(text)


def verify(
    compiled: CompiledModel,
    samples: Samples,
    labels: npt.NDArray[np.integer[Any]] | None = None,
    device: Device | None = None,
    witness: Witness | None = None,
    progress: Progress | None = None,
) -> Verification:
    """Compare interpreter, kernel graph, C and witness on samples.

    ``samples`` maps imported input ids to deployed q arrays (batch first).
    Without ``device`` the C is not run and ``bit_exact`` speaks of the graphs
    only. Raises InputError when the number of labels differs.
    """
    count = next(iter(samples.values())).shape[0]
    if labels is not None and labels.shape[0] != count:
        raise InputError("labels and samples differ", got=str(labels.shape[0]), wanted=str(count))
    result = Verification(labelled=labels is not None)
    if witness is not None:
        result.witness, result.onnxruntime_correct = witness.name, 0
    for part in _chunks(compiled, count):
        chunk = {name: array[part] for name, array in samples.items()}
        truth = None if labels is None else labels[part]
        _verify_chunk(compiled, chunk, truth, device, witness, result)
        if progress is not None:
            progress(part.stop - part.start)
    return result


def make_witness(model: bytes) -> Witness:
    """Return onnxruntime, or qonnx for models with its operators."""
    return QonnxWitness(model) if needs_qonnx(model) else OnnxruntimeWitness(model)


def try_witness(model: bytes) -> Witness | None:
    """Return a witness, or None when no engine for this model is installed."""
    try:
        return make_witness(model)
    except ToolchainError:
        return None


def _chunks(compiled: CompiledModel, count: int) -> Iterator[slice]:
    graph = compiled.program.final
    per_sample = sum(kind.size for name, kind in graph.types.items() if name not in graph.consts)
    source = compiled.model.graph
    per_sample += sum(source.types[out].size for node in source.nodes for out in node.outputs)
    size = max(1, min(500, CHUNK_ELEMENTS // max(per_sample, 1)))
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


def _verify_chunk(
    compiled: CompiledModel,
    chunk: Samples,
    truth: npt.NDArray[np.integer[Any]] | None,
    device: Device | None,
    witness: Witness | None,
    result: Verification,
) -> None:
    program, source = compiled.program, compiled.model.graph
    own = imported_inputs(program, chunk)
    run = run_imported(source, compiled.tiers, own, keep="all")
    deployed = kernel_inputs(program, chunk)
    final = run_final(program.final, deployed)
    winner = program.output.winner
    assert winner is not None
    classes = final[winner].reshape(-1)
    result.samples += classes.size
    result.zero_cancellations += int(run.zero_cancellations.sum())
    near = run.near_ties > 0
    near |= _compare_heads(compiled, run, final, classes, result)
    result.near_ties += int(near.sum())
    for imported, view in program.final.views.items():
        if imported in run.values and not same_view(run.values[imported], final, view):
            result.passes_exact = False
            name = source.labels.get(imported, imported)
            result.problem(f"passes changed tensor '{name}' (stored as {view.tensor})")
    deployed_classes = classes
    if device is not None:
        traced = device.trace(deployed)
        _compare_device(program.final, final, traced, result)
        deployed_classes = np.asarray(traced[winner]).reshape(-1)
    if truth is not None:
        result.correct += int((deployed_classes == truth).sum())
        result.reference_correct += int((run.classes == truth).sum())
    if witness is not None:
        report = check_witness(witness, source, compiled.tiers, own, run)
        result.float_ties += report.float_ties
        result.unexplained += report.unexplained
        for reason in report.reasons.values():
            result.problem(f"{witness.name} differs beyond rounding: {reason}")
        if truth is not None and result.onnxruntime_correct is not None:
            result.onnxruntime_correct += int((report.classes == truth).sum())


def same_view(value: Real, final: Mapping[str, Array], view: View) -> bool:
    """Return True when a stored tensor stands for exactly the imported values."""
    stored = np.asarray(final[view.tensor])
    flat = stored.reshape(stored.shape[0], -1)[:, view.index.ravel()]
    seen = flat.reshape(stored.shape[0], *view.index.shape).astype(np.float64)
    wanted = value.val.reshape(seen.shape)
    scale, offset = float(view.scale), float(view.offset)
    seen = offset + scale * seen
    if view.scale.denominator == 1 and view.offset.denominator == 1:
        return bool(np.array_equal(seen, wanted))
    # A non-integer scale is not a binary64 number: compare within its rounding.
    return bool((np.abs(seen - wanted) <= 2.0**-40 * (np.abs(seen) + abs(offset))).all())


def _compare_heads(
    compiled: CompiledModel,
    run: ImportedRun,
    final: Mapping[str, Array],
    classes: npt.NDArray[Any],
    result: Verification,
) -> npt.NDArray[np.bool_]:
    """Compare classes and logits; return which samples are near ties of the head."""
    head = compiled.head
    scores = np.asarray(final[head.tensor]).reshape(classes.size, -1).astype(np.float64)
    top = np.sort(scores, axis=1)
    gap = top[:, -1] - top[:, -2] if scores.shape[1] > 1 else np.full(classes.size, np.inf)
    near = gap <= 2 * head.error_lsb if head.kind == "fixed" else np.zeros(classes.size, bool)
    wrong = (classes != run.classes) & ~near
    exact = run.values[run.logits].val.reshape(scores.shape)
    seen = scores * head.lsb
    slack = head.error_lsb * head.lsb + 2.0**-40 * np.abs(exact)
    # An integer head may leave out an offset that all classes share.
    shift = 0.0 if head.kind != "integer" else (exact - seen)[:, :1]
    far = (np.abs(seen + shift - exact) > slack + 2.0**-40 * np.abs(shift)).any(axis=1)
    if wrong.any() or far.any():
        result.passes_exact = False
        result.problem(f"{int((wrong | far).sum())} samples with other logits or class")
    return np.asarray(near)


def _compare_device(
    graph: Graph, final: Mapping[str, Array], traced: Mapping[str, Array], result: Verification
) -> None:
    for node in graph.nodes:
        for tensor in node.outputs:
            if tensor not in traced:
                result.bit_exact = False
                result.problem(f"the C did not report {tensor}")
                continue
            seen, wanted = np.asarray(traced[tensor]), np.asarray(final[tensor])
            if not _same_bits(seen.reshape(wanted.shape), wanted):
                result.bit_exact = False
                result.problem(
                    f"C differs from the interpreter in {tensor} ({node.op.name}, {node.origin})"
                )


def _same_bits(seen: Array, wanted: Array) -> bool:
    if wanted.dtype == np.float32:
        return bool(np.array_equal(seen.astype(np.float32).view(np.int32), wanted.view(np.int32)))
    return bool(np.array_equal(seen, wanted))
