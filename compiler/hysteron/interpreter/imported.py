"""Exact interpreter of the imported graph: no pass applied, own semantics.

Integer-tier tensors are real numbers, decided exactly wherever a sign, a
comparison or the class depends on them; real-tier tensors are defined binary32.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hysteron.errors import InputError
from hysteron.interpreter._batch import Batch, Decision
from hysteron.interpreter.tiers import DECISIONS, logits_tensor, sign_layers
from hysteron.ir.graph import Graph
from hysteron.ops.source._real import Real

#: Elements of all tensors held at a time: bounds the memory of one chunk.
CHUNK_ELEMENTS: Final = 1 << 23

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ImportedRun:
    """Values and verdicts of a batch.

    ``values`` holds the kept tensors; ``logits`` names the tensor whose largest
    element is the class. ``near_ties`` counts, per sample, real-tier signs (and
    real-tier classes) inside their error bound; ``zero_cancellations`` exact
    zeros at a sign that float32 would have given an arbitrary sign.
    ``decisions`` is filled on request: margin and outcome of every sign layer.
    ``computed`` holds what each overridden tensor would have been.
    """

    values: dict[str, Real]
    logits: str
    classes: Counts
    near_ties: Counts
    zero_cancellations: Counts
    decisions: dict[str, Decision] = field(default_factory=dict)
    computed: dict[str, Real] = field(default_factory=dict)


def run_imported(
    graph: Graph,
    tiers: Mapping[str, str],
    inputs: Mapping[str, npt.NDArray[Any]],
    overrides: Mapping[str, npt.NDArray[Any]] | None = None,
    keep: str = "signs",
    decisions: bool = False,
) -> ImportedRun:
    """Run a batch; inputs hold q (or float32) in the model's own layout.

    ``overrides`` replaces tensors after they are computed, so that everything
    downstream continues from the given values. ``keep`` is "signs" (sign layers
    and logits) or "all". Raises InputError for a wrong shape, range or NaN.
    """
    samples = _check(graph, inputs)
    kept = _kept(graph, keep)
    chunk = _chunk(graph)
    parts: list[ImportedRun] = []
    constants: dict[str, Real] = {}
    for start in range(0, max(samples, 1), chunk):
        stop = min(start + chunk, samples)
        batch = Batch(
            graph,
            tiers,
            {name: array[start:stop] for name, array in inputs.items()},
            {name: array[start:stop] for name, array in (overrides or {}).items()},
            decisions,
            constants,
        )
        batch.run()
        classes = batch.classes(logits_tensor(graph))
        parts.append(
            ImportedRun(
                {name: batch.values[name] for name in kept if name in batch.values},
                logits_tensor(graph),
                classes,
                batch.near_ties,
                batch.zero_cancellations,
                batch.decisions,
                batch.computed,
            )
        )
    return _joined(parts)


def _check(graph: Graph, inputs: Mapping[str, npt.NDArray[Any]]) -> int:
    sizes = set()
    for name in graph.inputs:
        if name not in inputs:
            raise InputError("no data for an input", where=graph.labels.get(name, name))
        array, shape = inputs[name], graph.types[name].shape
        if array.shape[1:] != shape[1:]:
            raise InputError(
                "data of another shape",
                where=graph.labels.get(name, name),
                got=str(array.shape),
                wanted=f"(samples, {', '.join(map(str, shape[1:]))})",
            )
        sizes.add(array.shape[0])
    if len(sizes) != 1:
        raise InputError("inputs with different numbers of samples", got=str(sorted(sizes)))
    return int(sizes.pop())


def _kept(graph: Graph, keep: str) -> list[str]:
    if keep == "all":
        return [*graph.inputs, *(out for node in graph.nodes for out in node.outputs)]
    signs = [node.outputs[0] for node in graph.nodes if node.op.name in DECISIONS]
    return list(dict.fromkeys([*signs, *sign_layers(graph), logits_tensor(graph), *graph.outputs]))


def _chunk(graph: Graph) -> int:
    total = sum(graph.types[name].size for name in graph.inputs)
    total += sum(graph.types[out].size for node in graph.nodes for out in node.outputs)
    return max(1, min(1024, CHUNK_ELEMENTS // max(total, 1)))


def _joined(parts: list[ImportedRun]) -> ImportedRun:
    first = parts[0]
    if len(parts) == 1:
        return first
    return ImportedRun(
        {name: join_reals([p.values[name] for p in parts]) for name in first.values},
        first.logits,
        np.concatenate([p.classes for p in parts]),
        np.concatenate([p.near_ties for p in parts]),
        np.concatenate([p.zero_cancellations for p in parts]),
        {
            name: Decision(
                join_reals([p.decisions[name].margin for p in parts]),
                np.concatenate([p.decisions[name].signs for p in parts]),
            )
            for name in first.decisions
        },
        {name: join_reals([p.computed[name] for p in parts]) for name in first.computed},
    )


def join_reals(parts: list[Real]) -> Real:
    """Concatenate chunks of one tensor along the batch."""
    first = parts[0]
    mag = None
    if first.mag is not None:
        mag = np.concatenate([np.broadcast_to(p.magnitude, p.raw.shape) for p in parts])
    return replace(first, raw=np.concatenate([p.raw for p in parts]), mag=mag)
