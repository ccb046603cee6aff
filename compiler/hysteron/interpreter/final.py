"""Interpreter of kernel graphs: every op's own reference, one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from hysteron.errors import InputError, InternalError
from hysteron.ir.graph import Graph
from hysteron.ir.types import NUMPY, Array
from hysteron.ops.kernel._base import KernelOp


def run_final(
    graph: Graph,
    inputs: Mapping[str, npt.NDArray[Any]],
    consts: Mapping[str, Array] | None = None,
    keep: tuple[str, ...] | None = None,
) -> dict[str, Array]:
    """Return the arrays of all (or the kept) tensors of a batch of inputs.

    Inputs have the batch axis first, then the kernel graph's shape; b1 holds -1
    and +1. ``consts`` replaces constants by id: a corrupted image. Raises
    InputError for a wrong shape.
    """
    constants = {**graph.consts, **(consts or {})}
    values: dict[str, Array] = {}
    for name in graph.inputs:
        values[name] = _input(graph, name, inputs)
    last = {name: place for place, node in enumerate(graph.nodes) for name in node.inputs}
    wanted = None if keep is None else set(keep)
    for place, node in enumerate(graph.nodes):
        if not isinstance(node.op, KernelOp):
            raise InternalError(f"'{node.op.name}' is not a kernel op", where=str(node.origin))
        arrays = [constants[n] if n in constants else values[n] for n in node.inputs]
        results = node.op.reference(*arrays)
        values.update(zip(node.outputs, results, strict=True))
        if wanted is not None:
            for name in dict.fromkeys(node.inputs):
                if last[name] == place and name not in wanted:
                    values.pop(name, None)
    return values if wanted is None else {n: v for n, v in values.items() if n in wanted}


def _input(graph: Graph, name: str, inputs: Mapping[str, npt.NDArray[Any]]) -> Array:
    kind = graph.types[name]
    if name not in inputs:
        raise InputError("no data for an input", where=name)
    array = inputs[name]
    if array.shape[1:] != kind.shape:
        raise InputError(
            "data of another shape", where=name, got=str(array.shape), wanted=f"(samples, {kind})"
        )
    return np.asarray(array).astype(NUMPY[kind.dtype], copy=False)
