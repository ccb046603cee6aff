"""Arithmetic on activations and constants."""

from __future__ import annotations

from functools import reduce

import numpy as np

from hysteron.frontends.emitter import Emitter
from hysteron.frontends.onnx_node import NodeView
from hysteron.frontends.onnx_ops import onnx_op
from hysteron.frontends.value import Value
from hysteron.ir.op import Op
from hysteron.ops.source.add import Add
from hysteron.ops.source.div import Div
from hysteron.ops.source.mul import Mul
from hysteron.ops.source.sub import Sub


def _binary(node: NodeView, graph: Emitter, op: Op) -> Value:
    values = [node.input(0), node.input(1)]
    wrong = sorted({v.elem for v in values if not v.is_const and v.elem != "float32"})
    if wrong:
        raise node.unsupported(
            "arithmetic on activations that are not float32", got=", ".join(wrong)
        )
    return graph.elementwise(op, *values)


@onnx_op("Add")
def add(node: NodeView, graph: Emitter) -> Value:
    """``a + b``."""
    return _binary(node, graph, Add())


@onnx_op("Sub")
def sub(node: NodeView, graph: Emitter) -> Value:
    """``a - b``."""
    return _binary(node, graph, Sub())


@onnx_op("Mul")
def mul(node: NodeView, graph: Emitter) -> Value:
    """``a * b``."""
    return _binary(node, graph, Mul())


@onnx_op("Div")
def div(node: NodeView, graph: Emitter) -> Value:
    """``a / b``; a constant divisor must not hold a zero."""
    divisor = node.input(1).array
    if divisor is not None and bool((divisor == 0).any()):
        raise node.damaged("division by a constant zero")
    return _binary(node, graph, Div())


@onnx_op("Sum")
def total(node: NodeView, graph: Emitter) -> Value:
    """A chain of additions from the left."""
    values = [node.input(index) for index in range(len(node.inputs))]
    return reduce(lambda a, b: graph.elementwise(Add(), a, b), values)


@onnx_op("Neg")
def neg(node: NodeView, graph: Emitter) -> Value:
    """``x * -1``."""
    return graph.emit(Mul(), node.input(0), graph.const(-1.0))


@onnx_op("Pow")
def power(node: NodeView, graph: Emitter) -> Value:
    """Only the exponent 1 leaves an activation as it is."""
    exponent = node.const(1, "exponent")
    if exponent.size == 1 and bool(np.all(exponent == 1)) and exponent.ndim <= node.input(0).rank:
        return node.input(0)
    raise node.unsupported("Pow of an activation", wanted="Pow of constants, or exponent 1")


@onnx_op("Identity", "Dropout")
def identity(node: NodeView, graph: Emitter) -> Value:
    """Nothing happens at inference time."""
    node.ignore("ratio", "is_test")
    if node.node.op_type == "Dropout":
        if node.has_input(2) and bool(np.any(node.const(2, "training flag"))):
            raise node.unsupported("Dropout in training mode", wanted="an inference export")
        if node.outputs_used > 1:
            raise node.unsupported("Dropout with a mask output")
    return node.input(0)
