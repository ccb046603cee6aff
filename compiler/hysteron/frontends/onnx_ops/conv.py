"""Conv, one- and two-dimensional, with constant weights."""

from __future__ import annotations

from hysteron.frontends.emitter import Emitter
from hysteron.frontends.onnx_node import NodeView
from hysteron.frontends.onnx_ops import onnx_op
from hysteron.frontends.onnx_ops._window import read_window
from hysteron.frontends.value import Value, constant
from hysteron.frontends.weights import snapped
from hysteron.ops.source.add import Add
from hysteron.ops.source.conv import Conv


@onnx_op("Conv")
def conv(node: NodeView, graph: Emitter) -> Value:
    """Explicit pads for every auto_pad; a bias becomes an ``add``."""
    x, weights = node.input(0), node.const(1, "filter")
    group = node.integer("group", 1)
    if x.rank != weights.ndim or x.rank < 3:
        raise node.damaged("filter and input differ in rank", got=f"{x.shape}, {weights.shape}")
    outputs = weights.shape[0]
    if group < 1 or outputs % group or x.shape[1] != weights.shape[1] * group:
        raise node.damaged(
            "filter does not fit the input channels",
            got=f"input {list(x.shape)}, filter {list(weights.shape)}, group {group}",
        )
    window = read_window(node, x, weights.shape[2:])
    op = Conv(strides=window.strides, pads=window.pads, dilations=window.dilations, group=group)
    y = graph.emit(op, x, snapped(graph, node.input(1), axis=0))
    if not node.has_input(2):
        return y
    bias = node.const(2, "bias")
    if bias.shape != (outputs,):
        raise node.damaged("bias does not fit", got=str(bias.shape), wanted=str((outputs,)))
    return graph.emit(Add(), y, constant(bias.reshape((outputs,) + (1,) * (x.rank - 2))))
