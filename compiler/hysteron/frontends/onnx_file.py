"""Bytes to a checked ModelProto: everything that can be wrong before any op is read."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto

from hysteron.errors import ModelError, UnsupportedError
from hysteron.frontends.text import listed, quoted

OPSETS: Final = range(7, 26)
CONTROL_FLOW: Final = frozenset({"If", "Loop", "Scan", "SequenceMap"})
#: More nodes, tensors or operands than any model for a microcontroller has.
MAX_NODES: Final = 100_000
MAX_OPERANDS: Final = 4096
_SUBGRAPHS: Final = (AttributeProto.GRAPH, AttributeProto.GRAPHS)


def parse(data: bytes) -> ModelProto:
    """Return the ModelProto in ``data``; raises ModelError when there is none."""
    model = ModelProto()
    try:
        model.ParseFromString(data)
    except (DecodeError, UnicodeDecodeError, RecursionError) as err:
        raise ModelError(
            "not a readable ONNX file: the protobuf is truncated or damaged",
            got=f"{len(data)} bytes",
            wanted="a complete ONNX ModelProto",
        ) from err
    if not model.HasField("graph") or not (model.graph.node or model.graph.output):
        raise ModelError(
            "not an ONNX model", got=f"{len(data)} bytes without a graph", wanted="a ModelProto"
        )
    return model


def check_structure(model: ModelProto) -> None:
    """Refuse what no op reader should ever see, and sort the nodes.

    Raises ModelError for damage (duplicate or undefined tensors, cycles,
    unnamed outputs) and UnsupportedError for sparse initializers and local functions.
    """
    graph = model.graph
    _check_counts(graph)
    _check_text(model)
    if graph.sparse_initializer:
        raise UnsupportedError(
            "sparse initializers are not supported",
            got=str(len(graph.sparse_initializer)),
            fix="store the weights as dense initializers",
        )
    if model.functions:
        names = [f"{f.domain}.{f.name}" for f in model.functions]
        raise UnsupportedError(
            "model-local functions are not supported",
            got=listed(names),
            fix="inline them first: onnx.inliner.inline_local_functions(model)",
        )
    sorted_nodes = _sorted_nodes(graph)
    if any(a is not b for a, b in zip(sorted_nodes, graph.node, strict=True)):
        copies = [NodeProto.FromString(node.SerializeToString()) for node in sorted_nodes]
        del graph.node[:]
        graph.node.extend(copies)
    _check_outputs(graph)


def opset_versions(model: ModelProto) -> dict[str, int]:
    """Return domain -> version; the default domain must lie in opset 7 to 25.

    Raises ModelError when it is missing or listed twice with different versions.
    """
    versions: dict[str, int] = {}
    for entry in model.opset_import:
        domain = "" if entry.domain == "ai.onnx" else entry.domain
        if versions.setdefault(domain, entry.version) != entry.version:
            raise ModelError("operator set listed twice", got=quoted(domain))
    if "" not in versions:
        raise ModelError("the model names no version of the standard operator set")
    if versions[""] not in OPSETS:
        raise UnsupportedError(
            "operator set version out of range",
            got=str(versions[""]),
            wanted=f"{OPSETS.start} to {OPSETS.stop - 1}",
            fix="convert it with onnx.version_converter",
        )
    return versions


def subgraph_reasons(nodes: Iterable[NodeProto]) -> list[str]:
    """Return one line for each operator that carries control flow or a subgraph."""
    found: dict[str, list[str]] = {}
    for node in nodes:
        if node.op_type in CONTROL_FLOW or any(a.type in _SUBGRAPHS for a in node.attribute):
            found.setdefault(node.op_type, []).append(node_name(node))
    return [
        f"{quoted(op)[1:-1]}: control flow (subgraphs) is not supported, {count(names)}"
        for op, names in found.items()
    ]


def count(names: list[str]) -> str:
    """Return how many nodes there are and the first of their names.

    >>> count(["a"])
    "1 node: 'a'"
    """
    return f"{len(names)} node{'s' if len(names) > 1 else ''}: {listed(names)}"


def node_name(node: NodeProto) -> str:
    """Return the node's name, or its first output where it has none."""
    return node.name or next((out for out in node.output if out), "?")


def live_nodes(graph: GraphProto) -> list[NodeProto]:
    """Return the nodes that some graph output depends on, in execution order."""
    wanted = {output.name for output in graph.output}
    live: list[NodeProto] = []
    for node in reversed(graph.node):
        if any(out in wanted for out in node.output if out):
            live.append(node)
            wanted.update(name for name in node.input if name)
    return live[::-1]


def _check_counts(graph: GraphProto) -> None:
    """Refuse graphs so large that only reading them would take the time limit."""
    most = max(len(graph.node), len(graph.initializer), len(graph.input), len(graph.output))
    if most > MAX_NODES:
        raise ModelError("the graph is too large", got=f"{most} parts", wanted=f"<= {MAX_NODES}")
    for node in graph.node:
        operands = max(len(node.input), len(node.output), len(node.attribute))
        if operands > MAX_OPERANDS:
            raise ModelError(
                "too many operands",
                where=quoted(node_name(node)),
                got=str(operands),
                wanted=f"<= {MAX_OPERANDS}",
            )


def _check_text(model: ModelProto) -> None:
    """Refuse names that are not UTF-8: protobuf hands those out as bytes."""
    graph = model.graph
    texts: list[object] = [entry.domain for entry in model.opset_import]
    for value in (*graph.input, *graph.output, *graph.initializer):
        texts.append(value.name)
    for node in graph.node:
        texts += (node.name, node.op_type, node.domain, *node.input, *node.output)
        texts += (attribute.name for attribute in node.attribute)
    if not all(isinstance(text, str) for text in texts):
        raise ModelError("a name in the model is not UTF-8", fix="export the model again")


def _producers(graph: GraphProto) -> dict[str, int]:
    """Return tensor name -> index of the node that writes it (-1: input or initializer)."""
    made: dict[str, int] = {}
    for tensor in graph.initializer:
        if not tensor.name or tensor.name in made:
            raise ModelError("initializer without a name of its own", got=quoted(tensor.name))
        made[tensor.name] = -1
    names = [value.name for value in graph.input]
    if len(set(names)) != len(names) or "" in names:
        raise ModelError("graph inputs need names of their own", got=listed(names))
    made.update((name, -1) for name in names)
    for index, node in enumerate(graph.node):
        for out in node.output:
            if out and out in made:
                raise ModelError(
                    f"tensor {quoted(out)} is written twice",
                    where=quoted(node_name(node)),
                    wanted="one writer for each tensor",
                )
            if out:
                made[out] = index
    return made


def _sorted_nodes(graph: GraphProto) -> list[NodeProto]:
    """Return the nodes so that each comes after those it reads; refuse cycles."""
    made = _producers(graph)
    nodes = list(graph.node)
    missing = [0] * len(nodes)
    readers: dict[int, list[int]] = {}
    for index, node in enumerate(nodes):
        for name in set(node.input) - {""}:
            source = made.get(name)
            if source is None:
                raise ModelError(
                    f"input {quoted(name)} is not produced by anything in the model",
                    where=quoted(node_name(node)),
                )
            if source >= 0:
                readers.setdefault(source, []).append(index)
                missing[index] += 1
    if all(made[n] < i for i, node in enumerate(nodes) for n in node.input if n):
        return nodes
    ready = deque(index for index, left in enumerate(missing) if left == 0)
    order: list[int] = []
    while ready:
        order.append(ready.popleft())
        for reader in readers.get(order[-1], ()):
            missing[reader] -= 1
            if missing[reader] == 0:
                ready.append(reader)
    if len(order) < len(nodes):
        stuck = [node_name(nodes[i]) for i, left in enumerate(missing) if left > 0]
        raise ModelError("the graph has a cycle", got=f"through {listed(stuck)}")
    return [nodes[index] for index in order]


def _check_outputs(graph: GraphProto) -> None:
    """Refuse graphs without outputs, with repeated ones, or with ones nothing writes."""
    names = [output.name for output in graph.output]
    if not names or len(set(names)) != len(names):
        raise ModelError("graph outputs are missing or repeated", got=listed(names) or "none")
    known = {out for node in graph.node for out in node.output}
    known.update(value.name for value in graph.input)
    known.update(tensor.name for tensor in graph.initializer)
    dangling = [name for name in names if name not in known]
    if dangling:
        raise ModelError("graph output is not produced by any node", got=listed(dangling))
