"""Self-test vectors that put every threshold on both of its sides, as far as data does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hysteron.driver.compile import CompiledModel, kernel_inputs
from hysteron.driver.samples import random_samples
from hysteron.frontends.inputs import load_npy, quantize_input
from hysteron.image.program import Golden
from hysteron.interpreter.final import run_final
from hysteron.ir.graph import InputSpec
from hysteron.ir.types import Array

CANDIDATES = 128
VECTORS = 8

Flags = npt.NDArray[np.bool_]


def with_golden(compiled: CompiledModel, samples: Path | None) -> CompiledModel:
    """Return the model with self-test vectors in its Program.

    Vectors are chosen from ``samples`` (one .npy for one input), or from seeded
    random inputs when None, so that each packed channel shows both bits where
    any candidate does. Raises InputError for unusable samples.
    """
    graph = compiled.model.graph
    if samples is None:
        chosen = random_samples(graph, CANDIDATES, 0)
    else:
        name = graph.inputs[0]
        spec = graph.specs.get(name, InputSpec())
        array = np.asarray(load_npy(samples))[:CANDIDATES]
        chosen = {name: quantize_input(array, spec, graph.types[name].shape)}
    deployed = kernel_inputs(compiled.program, chosen)
    program = compiled.program
    values = run_final(program.final, deployed)
    picked = _cover(_sides(program.final.types, values, set(program.final.inputs)))
    output = program.output
    golden = Golden(
        {name: np.asarray(array)[picked] for name, array in deployed.items()},
        None
        if output.winner is None
        else values[output.winner][picked].reshape(-1).astype(np.int32),
        None if output.scores is None else values[output.scores][picked],
    )
    return replace(compiled, program=replace(program, golden=golden))


def _sides(types: Mapping[str, object], values: Mapping[str, Array], inputs: set[str]) -> Flags:
    """Return (samples, facts): which channel of which layer shows which bit."""
    facts = []
    for name, array in values.items():
        if name in inputs or getattr(types[name], "dtype", "") not in ("b1", "t2"):
            continue
        flat = np.asarray(array).astype(np.int8).reshape(array.shape[0], -1, array.shape[-1])
        facts += [(flat > 0).any(axis=1), (flat < 0).any(axis=1)]
    if not facts:
        return np.ones((next(iter(values.values())).shape[0], 1), dtype=bool)
    return np.concatenate(facts, axis=1)


def _cover(facts: Flags) -> npt.NDArray[np.int64]:
    """Pick samples greedily until nothing new is shown or there are VECTORS of them."""
    missing = facts.any(axis=0)
    picked: list[int] = []
    while len(picked) < min(VECTORS, facts.shape[0]):
        gains = (facts & missing).sum(axis=1)
        best = int(gains.argmax())
        if picked and gains[best] == 0:
            break
        picked.append(best)
        missing = missing & ~facts[best]
    return np.array(picked, dtype=np.int64)
