"""Classifier heads: Softmax, LogSoftmax, ArgMax."""

from __future__ import annotations

import math

from hysteron.frontends.emitter import Emitter
from hysteron.frontends.onnx_node import NodeView
from hysteron.frontends.onnx_ops import onnx_op
from hysteron.frontends.value import Value
from hysteron.ops.source.argmax import ArgMax
from hysteron.ops.source.log_softmax import LogSoftmax
from hysteron.ops.source.softmax import Softmax


@onnx_op("Softmax")
def softmax(node: NodeView, graph: Emitter) -> Value:
    """Along one axis; before opset 13 over all axes from ``axis`` on."""
    x = node.input(0)
    flat, axis = _softmax_view(node, graph, x)
    return graph.reshape(graph.emit(Softmax(axis=axis), flat), x.shape)


@onnx_op("LogSoftmax")
def log_softmax(node: NodeView, graph: Emitter) -> Value:
    """The logarithm of Softmax, with the same axis rules."""
    x = node.input(0)
    flat, axis = _softmax_view(node, graph, x)
    return graph.reshape(graph.emit(LogSoftmax(axis=axis), flat), x.shape)


@onnx_op("ArgMax")
def argmax(node: NodeView, graph: Emitter) -> Value:
    """Index of the largest; the lowest one on ties."""
    x = node.input(0)
    if node.integer("select_last_index", 0):
        raise node.unsupported("ArgMax with select_last_index", wanted="the lowest index on ties")
    axis = _axis(node, x, 0)
    kept = tuple(1 if index == axis else dim for index, dim in enumerate(x.shape))
    dropped = tuple(dim for index, dim in enumerate(x.shape) if index != axis)
    y = graph.emit(ArgMax(axis=axis), x, elem="int64")
    return graph.reshape(y, kept if node.integer("keepdims", 1) else dropped)


def _softmax_view(node: NodeView, graph: Emitter, x: Value) -> tuple[Value, int]:
    """Return what the softmax works on; refuse more than one vector a sample."""
    axis = _axis(node, x, -1 if node.opset >= 13 else 1)
    size = x.shape[axis] if node.opset >= 13 else math.prod(x.shape[axis:])
    if size != math.prod(x.shape):
        raise node.unsupported(
            "more than one vector a sample", got=f"{list(x.shape)} along axis {axis}"
        )
    return (x, axis) if node.opset >= 13 else (graph.reshape(x, (*x.shape[:axis], size)), axis)


def _axis(node: NodeView, x: Value, default: int) -> int:
    axis = node.integer("axis", default)
    if not -x.rank <= axis < x.rank:
        raise node.damaged("axis out of range", got=str(axis), wanted=f"rank {x.rank}")
    if axis % x.rank == 0:
        raise node.unsupported("works along the batch axis", got=f"axis {axis}")
    return axis % x.rank
