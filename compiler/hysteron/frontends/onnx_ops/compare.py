"""Comparisons, Not, Where and the casts between numbers and truth values."""

from __future__ import annotations

from typing import Final

import numpy as np
from onnx import TensorProto

from hysteron.frontends.emitter import Emitter
from hysteron.frontends.onnx_node import NodeView
from hysteron.frontends.onnx_ops import onnx_op
from hysteron.frontends.onnx_tensor import element_name
from hysteron.frontends.value import Value
from hysteron.ops.source.compare import Compare
from hysteron.ops.source.mul import Mul
from hysteron.ops.source.sub import Sub
from hysteron.ops.source.where import Where

KINDS: Final = {
    "Less": "lt",
    "LessOrEqual": "le",
    "Greater": "gt",
    "GreaterOrEqual": "ge",
    "Equal": "eq",
}


@onnx_op(*KINDS)
def compare(node: NodeView, graph: Emitter) -> Value:
    """1.0 where the relation holds, else 0.0."""
    x, y = node.input(0), node.input(1)
    return graph.elementwise(Compare(kind=KINDS[node.node.op_type]), x, y, elem="bool")


@onnx_op("Not")
def logical_not(node: NodeView, graph: Emitter) -> Value:
    """``1 - x``."""
    x = _truth(node, 0)
    return graph.elementwise(Sub(), graph.const(1.0), x, elem="bool")


@onnx_op("And")
def logical_and(node: NodeView, graph: Emitter) -> Value:
    """``x * y``."""
    return graph.elementwise(Mul(), _truth(node, 0), _truth(node, 1), elem="bool")


@onnx_op("Where")
def where(node: NodeView, graph: Emitter) -> Value:
    """Select; any of the three may be constant."""
    condition, upper, lower = _truth(node, 0), node.input(1), node.input(2)
    moving = [value.elem for value in (upper, lower) if not value.is_const]
    elem = moving[0] if moving else upper.elem
    return graph.elementwise(Where(), condition, upper, lower, elem=elem)


@onnx_op("Cast")
def cast(node: NodeView, graph: Emitter) -> Value:
    """Truth values and integers become float32 unchanged; other casts are refused."""
    x = node.input(0)
    target = node.integer("to")
    node.ignore("saturate", "round_mode")
    name = element_name(target)
    if name == x.elem:
        return x
    if target == TensorProto.BOOL:
        truth = graph.emit(Compare(kind="ne"), x, graph.const(0.0), elem="bool", any_elem=True)
        return truth
    # every value of these types is a binary32 number; wider integers would be rounded
    small = x.elem in ("bool", "uint8", "int8", "uint16", "int16")
    if small and (name == "float32" or _holds(name, x.elem)):
        return Value(x.shape, name, tensor=x.tensor)
    raise node.unsupported(
        "this cast changes activations", got=f"{x.elem} to {name}", wanted="a cast to float32"
    )


def _holds(wide: str, narrow: str) -> bool:
    """Whether integer type ``wide`` has every value of ``narrow``."""
    known = wide in ("uint8", "int8", "uint16", "int16", "int32", "int64", "uint32", "uint64")
    return known and bool(np.can_cast(np.dtype(narrow), np.dtype(wide), "safe"))


def _truth(node: NodeView, index: int) -> Value:
    value = node.input(index)
    if value.elem != "bool":
        raise node.damaged("a truth value is needed", got=value.elem, wanted="bool")
    return value
