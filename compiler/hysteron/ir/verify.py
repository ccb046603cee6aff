"""The verifier that runs around each pass."""

from __future__ import annotations

from typing import NoReturn

import numpy as np

from hysteron.errors import HysteronError, InternalError
from hysteron.ir.graph import Graph


def verify(graph: Graph, after: str = "") -> None:
    """Raise InternalError unless ids, order, types and constants are consistent."""
    known = _check_nodes(graph, after)
    for tensor in graph.outputs:
        if tensor not in known:
            _fail(after, f"output '{tensor}' is never written")
    for tensor, array in graph.consts.items():
        kind = graph.types[tensor]
        if tuple(array.shape) != kind.shape:
            _fail(after, f"constant '{tensor}' has shape {array.shape}, typed {kind}")
    _check_views(graph, known, after)


def _check_nodes(graph: Graph, after: str) -> set[str]:
    known = set(graph.inputs) | set(graph.consts)
    for node in graph.nodes:
        for tensor in node.inputs:
            if tensor not in known:
                _fail(after, f"{node.op.name} reads '{tensor}' before it is written")
        for tensor in node.outputs:
            if tensor in known:
                _fail(after, f"'{tensor}' is written twice")
            known.add(tensor)
        try:
            types = node.op.infer(*(graph.types[name] for name in node.inputs))
        except HysteronError as error:
            _fail(after, f"{node.op.name}: {error.message()}")
        wanted = tuple(graph.types[name] for name in node.outputs)
        if types != wanted:
            _fail(after, f"{node.op.name}: outputs are {types}, recorded as {wanted}")
    return known


def _check_views(graph: Graph, known: set[str], after: str) -> None:
    for imported, view in graph.views.items():
        if view.tensor not in known:
            _fail(after, f"view of '{imported}' points to '{view.tensor}', which is gone")
        size = graph.types[view.tensor].size
        if view.index.size and not 0 <= int(np.min(view.index)) <= int(np.max(view.index)) < size:
            _fail(after, f"view of '{imported}' points outside '{view.tensor}'")


def _fail(after: str, what: str) -> NoReturn:
    raise InternalError(f"invalid graph: {what}", where=f"pass {after}" if after else "")
