"""The ModelProto handed to the witness: the model as it was understood."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, helper, numpy_helper

from hysteron.ir.types import Array


def clean_model(
    model: ModelProto, sign_zero: str | None, weights: Mapping[str, Array]
) -> ModelProto:
    """Return ``model``, changed in place, without prose and with the options applied.

    Initializers are no longer listed as inputs. ``sign_zero`` spells every Sign
    as a comparison and a selection; ``weights`` replaces tensors by name.
    """
    for name in ("doc_string", "metadata_props", "training_info"):
        model.ClearField(name)
    graph = model.graph
    graph.ClearField("doc_string")
    graph.ClearField("value_info")
    constants = {tensor.name for tensor in graph.initializer}
    for index in reversed(range(len(graph.input))):
        if graph.input[index].name in constants:
            del graph.input[index]
    for node in graph.node:
        node.ClearField("doc_string")
    if sign_zero is not None:
        _respell_signs(graph, sign_zero)
    _replace(graph, weights)
    return model


def _respell_signs(graph: GraphProto, sign_zero: str) -> None:
    """Spell each Sign so that 0 becomes ``sign_zero``; needs opset 9 for Where."""
    if not any(_is_sign(node) for node in graph.node):
        return
    fresh = _Names(graph)
    zero, plus, minus = (fresh.new() for _ in range(3))
    for name, value in ((zero, 0.0), (plus, 1.0), (minus, -1.0)):
        graph.initializer.append(numpy_helper.from_array(np.array(value, np.float32), name))
    nodes: list[NodeProto] = []
    for node in list(graph.node):
        if not _is_sign(node):
            nodes.append(node)
            continue
        relation, chosen = (
            ("Less", (minus, plus)) if sign_zero == "+1" else ("Greater", (plus, minus))
        )
        truth = fresh.new()
        nodes.append(helper.make_node(relation, [node.input[0], zero], [truth]))
        nodes.append(helper.make_node("Where", [truth, *chosen], list(node.output)))
    copies = [NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)


def _is_sign(node: NodeProto) -> bool:
    return node.op_type == "Sign" and node.domain in ("", "ai.onnx")


def _replace(graph: GraphProto, weights: Mapping[str, Array]) -> None:
    """Give the named tensors new values, whether a node or an initializer made them."""
    if not weights:
        return
    fresh = _Names(graph)
    for index in reversed(range(len(graph.initializer))):
        if graph.initializer[index].name in weights:
            del graph.initializer[index]
    for node in graph.node:
        for index, name in enumerate(node.output):
            if name in weights:
                node.output[index] = fresh.new()
    for name, array in weights.items():
        graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(array), name))


class _Names:
    """Tensor names that the model does not use."""

    def __init__(self, graph: GraphProto) -> None:
        self.used = {tensor.name for tensor in graph.initializer}
        self.used.update(value.name for value in graph.input)
        self.used.update(out for node in graph.node for out in node.output)
        self.count = 0

    def new(self) -> str:
        """Return a name no tensor has."""
        while (name := f"hysteron_{self.count}") in self.used:
            self.count += 1
        self.used.add(name)
        return name
