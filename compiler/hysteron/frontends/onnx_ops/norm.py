"""BatchNormalization in inference form."""

from __future__ import annotations

import numpy as np

from hysteron.frontends.emitter import Emitter
from hysteron.frontends.onnx_node import NodeView
from hysteron.frontends.onnx_ops import onnx_op
from hysteron.frontends.value import Value
from hysteron.ops.source.batch_norm import BatchNorm


@onnx_op("BatchNormalization")
def batch_normalization(node: NodeView, graph: Emitter) -> Value:
    """Channel axis 1; refuses training mode, spatial=0 and variances that have no root."""
    x = node.input(0)
    epsilon = node.real("epsilon", 1e-5)
    if node.integer("training_mode", 0) or node.outputs_used > 1:
        raise node.unsupported("BatchNormalization in training mode", wanted="an inference export")
    if node.integer("spatial", 1) != 1:
        raise node.unsupported("BatchNormalization with spatial=0", wanted="spatial=1")
    names = ("scale", "bias", "mean", "variance")
    arrays = [node.const(index, name) for index, name in enumerate(names, 1)]
    if x.rank < 2 or any(array.shape != (x.shape[1],) for array in arrays):
        raise node.damaged(
            "parameters do not fit the channels",
            got=f"input {list(x.shape)}, parameters {[array.shape for array in arrays]}",
        )
    lowest = np.min(arrays[3].astype(np.float64), initial=np.inf)
    if not lowest + epsilon > 0:
        raise node.damaged(
            "variance + epsilon is not positive", got=f"{lowest} + {epsilon}", wanted="> 0"
        )
    return graph.emit(BatchNorm(epsilon=epsilon), *(node.input(index) for index in range(5)))
