"""QONNX and Brevitas: BipolarQuant, on activations and on weights."""

from __future__ import annotations

from typing import Final

import numpy as np

from hysteron.frontends.emitter import Emitter
from hysteron.frontends.onnx_node import NodeView
from hysteron.frontends.onnx_ops import onnx_op
from hysteron.frontends.value import Value, constant
from hysteron.ir.types import Array
from hysteron.ops.source.bipolar import Bipolar
from hysteron.ops.source.mul import Mul

DOMAINS: Final = ("onnx.brevitas", "qonnx.custom_op.general", "finn.custom_op.general", "")


@onnx_op("BipolarQuant", domains=DOMAINS)
def bipolar_quant(node: NodeView, graph: Emitter) -> Value:
    """``scale * (x >= 0 ? 1 : -1)``: 0 counts as positive."""
    x, scale = node.input(0), node.const(1, "scale")
    sound = np.isfinite(scale.astype(np.float64)) & np.greater(scale, 0)
    if scale.dtype.kind != "f" or not bool(sound.all()):
        raise node.unsupported("BipolarQuant needs scales that are positive numbers")
    if x.array is not None:
        return constant(_folded(node, x.array, scale))
    bit = graph.emit(Bipolar(), x)
    if bool((scale == 1).all()) and scale.size == 1 and scale.ndim <= x.rank:
        return bit
    return graph.elementwise(Mul(), bit, node.input(1))


def _folded(node: NodeView, weights: Array, scale: Array) -> Array:
    """Return quantised weights; a scale of one leaves exact -1 and +1."""
    if np.broadcast_shapes(weights.shape, scale.shape) != weights.shape:
        raise node.damaged("the scale does not broadcast to the weights")
    positive = scale.astype(np.float64)
    return np.where(np.less(weights, 0), -positive, positive).astype(scale.dtype)
