"""Sign and the piecewise linear functions, all spelled with clip and prelu."""

from __future__ import annotations

import math

import numpy as np

from hysteron.frontends.emitter import Emitter
from hysteron.frontends.onnx_node import NodeView
from hysteron.frontends.onnx_ops import onnx_op
from hysteron.frontends.value import Value, constant
from hysteron.ir.types import Array
from hysteron.ops.source.clip import Clip
from hysteron.ops.source.compare import Compare
from hysteron.ops.source.prelu import PRelu
from hysteron.ops.source.sign import Sign
from hysteron.ops.source.where import Where


@onnx_op("Sign")
def sign(node: NodeView, graph: Emitter) -> Value:
    """ONNX Sign: 0 stays 0, unless ``sign_zero`` overrides it."""
    x = node.input(0)
    choice = graph.options.sign_zero
    if choice is None:
        return graph.emit(Sign(), x)
    graph.signs_overridden += 1
    if x.array is not None:
        signs = np.sign(x.array)
        return constant(np.where(np.equal(signs, 0), int(choice), signs).astype(signs.dtype))
    kind = "ge" if choice == "+1" else "gt"
    upper = graph.emit(Compare(kind=kind), x, graph.const(0.0))
    return graph.emit(Where(), upper, graph.const(1.0), graph.const(-1.0))


@onnx_op("Relu")
def relu(node: NodeView, graph: Emitter) -> Value:
    """``clip(x, 0, inf)``."""
    return graph.emit(Clip(lo=0.0, hi=math.inf), node.input(0))


@onnx_op("LeakyRelu")
def leaky_relu(node: NodeView, graph: Emitter) -> Value:
    """``prelu`` with one slope."""
    alpha = node.real("alpha", 0.01)
    return graph.emit(PRelu(), node.input(0), graph.const(np.array([alpha], np.float32)))


@onnx_op("PRelu")
def prelu(node: NodeView, graph: Emitter) -> Value:
    """The slope must be constant and broadcast to the input's shape."""
    x, slope = node.input(0), node.const(1, "slope")
    try:
        fits = np.broadcast_shapes(x.shape, slope.shape) == x.shape
    except ValueError:
        fits = False
    if not fits:
        raise node.damaged("slope does not broadcast to the input", got=str(slope.shape))
    return graph.emit(PRelu(), x, node.input(1))


@onnx_op("Clip")
def clip(node: NodeView, graph: Emitter) -> Value:
    """Bounds are attributes before opset 11, inputs later; missing means infinite."""
    if node.opset < 11:
        lo = node.real("min", 0.0) if node.has("min") else -math.inf
        hi = node.real("max", 0.0) if node.has("max") else math.inf
    else:
        lo = node.const_scalar(1, "lower bound") if node.has_input(1) else -math.inf
        hi = node.const_scalar(2, "upper bound") if node.has_input(2) else math.inf
    if not lo <= hi:
        raise node.unsupported("the lower bound is above the upper", got=f"{lo} > {hi}")
    return _clipped(graph, node.input(0), lo, hi)


@onnx_op("Max", "Min")
def extremum(node: NodeView, graph: Emitter) -> Value:
    """Of one activation and constants: clip, or compare and select for arrays."""
    op_type = node.node.op_type
    values = [node.input(index) for index in range(len(node.inputs))]
    moving = [value for value in values if not value.is_const]
    if len(moving) != 1:
        raise node.unsupported(f"{op_type} of several activations", wanted="one and a constant")
    result = moving[0]
    for array in (value.array for value in values if value.array is not None):
        result = _extreme_with(graph, result, array, op_type == "Max")
    return result


def _clipped(graph: Emitter, x: Value, lo: float, hi: float) -> Value:
    return x if lo == -math.inf and hi == math.inf else graph.emit(Clip(lo=lo, hi=hi), x)


def _extreme_with(graph: Emitter, x: Value, bound: Array, is_max: bool) -> Value:
    flat = bound.reshape(-1)
    if flat.size and bool((flat == flat[0]).all()) and math.prod(bound.shape) == 1:
        value = float(flat[0])
        lo, hi = (value, math.inf) if is_max else (-math.inf, value)
        clipped = _clipped(graph, x, lo, hi)
        return graph.reshape(clipped, (1,) * (bound.ndim - x.rank) + x.shape)
    limit = constant(bound)
    beyond = graph.elementwise(Compare(kind="gt" if is_max else "lt"), x, limit)
    return graph.elementwise(Where(), beyond, x, limit)
