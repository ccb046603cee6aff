"""Layout operators. What they say about the batch axis must leave it first."""

from __future__ import annotations

import math

import numpy as np

from hysteron.frontends.emitter import Emitter
from hysteron.frontends.onnx_node import NodeView
from hysteron.frontends.onnx_ops import onnx_op
from hysteron.frontends.value import Value, constant
from hysteron.ops.source.concat import Concat
from hysteron.ops.source.pad import Pad
from hysteron.ops.source.transpose import Transpose


@onnx_op("Shape")
def shape(node: NodeView, graph: Emitter) -> Value:
    """The shape at batch size 1: a constant."""
    dims = node.input(0).shape
    start, end = node.integer("start", 0), node.integer("end", len(dims))
    return constant(np.array(dims[start:end], np.int64))


@onnx_op("Size")
def size(node: NodeView, graph: Emitter) -> Value:
    """The number of elements at batch size 1: a constant."""
    return constant(np.array(math.prod(node.input(0).shape), np.int64))


@onnx_op("Reshape")
def reshape(node: NodeView, graph: Emitter) -> Value:
    """0 copies a dimension (unless allowzero), -1 takes what is left."""
    x = node.input(0)
    target = node.const_ints(1, "target shape")
    if not node.integer("allowzero", 0):
        if any(dim == 0 and index >= x.rank for index, dim in enumerate(target)):
            raise node.damaged("0 copies a dimension the input lacks", got=str(target))
        target = [x.shape[index] if dim == 0 else dim for index, dim in enumerate(target)]
    if target and graph.batch not in (None, 1) and target[0] == graph.batch:
        target[0] = 1
    if target.count(-1) > 1 or min(target, default=1) < -1:
        raise node.damaged("impossible target shape", got=str(target))
    if -1 in target:
        rest = -math.prod(target)
        elements = math.prod(x.shape)
        if rest == 0 or elements % rest:
            raise node.damaged("target shape does not fit", got=f"{list(x.shape)} to {target}")
        target[target.index(-1)] = elements // rest
    return graph.reshape(x, target)


@onnx_op("Flatten")
def flatten(node: NodeView, graph: Emitter) -> Value:
    """Two axes, split before ``axis``."""
    x = node.input(0)
    axis = node.integer("axis", 1)
    if not -x.rank <= axis <= x.rank:
        raise node.damaged("axis out of range", got=str(axis))
    axis = axis + x.rank if axis < 0 else axis
    return graph.reshape(x, (math.prod(x.shape[:axis]), math.prod(x.shape[axis:])))


@onnx_op("Squeeze")
def squeeze(node: NodeView, graph: Emitter) -> Value:
    """Drops axes of size 1, never the batch."""
    x = node.input(0)
    axes = node.const_ints(1, "axes") if node.has_input(1) else node.integers("axes")
    if axes is None:
        if graph.batch == 1:
            raise node.unsupported(
                "Squeeze without axes also drops the batch axis", wanted="axes, or a symbolic batch"
            )
        axes = [axis for axis in range(1, x.rank) if x.shape[axis] == 1]
    dropped = {_axis(node, axis, x.rank) for axis in axes}
    if any(x.shape[axis] != 1 for axis in dropped):
        raise node.damaged("squeezed axis is not of size 1", got=f"{list(x.shape)}, axes {axes}")
    if 0 in dropped:
        raise node.unsupported("Squeeze drops the batch axis", got=f"axes {axes}")
    return graph.reshape(x, [d for axis, d in enumerate(x.shape) if axis not in dropped])


@onnx_op("Unsqueeze")
def unsqueeze(node: NodeView, graph: Emitter) -> Value:
    """Inserts axes of size 1."""
    x = node.input(0)
    axes = node.const_ints(1, "axes") if node.has_input(1) else (node.integers("axes") or [])
    rank = x.rank + len(axes)
    new = {_axis(node, axis, rank) for axis in axes}
    if len(new) != len(axes):
        raise node.damaged("axes repeat", got=str(axes))
    dims = iter(x.shape)
    return graph.reshape(x, [1 if axis in new else next(dims) for axis in range(rank)])


@onnx_op("Transpose")
def transpose(node: NodeView, graph: Emitter) -> Value:
    """A permutation that leaves the batch first."""
    x = node.input(0)
    given = node.integers("perm")
    perm = tuple(range(x.rank))[::-1] if given is None else tuple(given)
    if sorted(perm) != list(range(x.rank)):
        raise node.damaged("perm is no permutation of the axes", got=str(perm))
    if perm[0] != 0:
        raise node.unsupported("Transpose moves the batch axis", got=f"perm {list(perm)}")
    if perm == tuple(range(x.rank)):
        return x
    return graph.emit(Transpose(perm=perm), x, elem=x.elem, any_elem=True)


@onnx_op("SpaceToDepth")
def space_to_depth(node: NodeView, graph: Emitter) -> Value:
    """Squares of pixels become channels, the place in the square outermost."""
    x, size = _map_and_block(node)
    batch, channels, height, width = x.shape
    if height % size or width % size:
        raise node.damaged("blocks do not divide the map", got=f"{list(x.shape)}, {size}")
    rows, columns = height // size, width // size
    split = graph.reshape(x, (batch, channels, rows, size, columns, size))
    moved = graph.emit(Transpose(perm=(0, 3, 5, 1, 2, 4)), split, elem=x.elem, any_elem=True)
    return graph.reshape(moved, (batch, channels * size * size, rows, columns))


@onnx_op("DepthToSpace")
def depth_to_space(node: NodeView, graph: Emitter) -> Value:
    """Channels become squares of pixels; modes DCR (place outermost) and CRD (innermost)."""
    x, size = _map_and_block(node)
    batch, channels, height, width = x.shape
    if channels % (size * size):
        raise node.damaged("blocks do not divide the channels", got=f"{list(x.shape)}, {size}")
    depth, mode = channels // (size * size), node.text("mode", "DCR")
    if mode not in ("DCR", "CRD"):
        raise node.damaged("unknown mode", got=mode[:40], wanted="DCR or CRD")
    axes = (size, size, depth) if mode == "DCR" else (depth, size, size)
    perm = (0, 3, 4, 1, 5, 2) if mode == "DCR" else (0, 1, 4, 2, 5, 3)
    split = graph.reshape(x, (batch, *axes, height, width))
    moved = graph.emit(Transpose(perm=perm), split, elem=x.elem, any_elem=True)
    return graph.reshape(moved, (batch, depth, height * size, width * size))


def _map_and_block(node: NodeView) -> tuple[Value, int]:
    x, size = node.input(0), node.integer("blocksize", 0)
    if x.rank != 4 or size < 1:
        raise node.damaged("needs a map and a block size", got=f"{list(x.shape)}, {size}")
    return x, size


@onnx_op("Concat")
def concat(node: NodeView, graph: Emitter) -> Value:
    """Activations side by side along any axis but the batch."""
    values = [node.input(index) for index in range(len(node.inputs))]
    if any(value.is_const for value in values):
        raise node.unsupported("Concat of activations with constants")
    axis = _axis(node, node.integer("axis"), values[0].rank)
    if axis == 0:
        raise node.unsupported("Concat along the batch axis")
    if len(values) == 1:
        return values[0]
    return graph.emit(Concat(axis=axis), *values)


@onnx_op("Pad")
def pad(node: NodeView, graph: Emitter) -> Value:
    """Constant padding; pads and value are attributes before opset 11."""
    x = node.input(0)
    mode = node.text("mode", "constant")
    if mode != "constant":
        raise node.unsupported("Pad mode is not supported", got=mode[:40], wanted="constant")
    if node.opset < 11:
        pads, value = node.integers("pads") or [], node.real("value", 0.0)
    else:
        pads = node.const_ints(1, "pads")
        value = node.const_scalar(2, "padding value") if node.has_input(2) else 0.0
    axes = node.const_ints(3, "axes") if node.has_input(3) else list(range(x.rank))
    if len(pads) != 2 * len(axes) or not math.isfinite(value):
        raise node.damaged("pads do not fit the input", got=f"{pads}, value {value}")
    full = [0] * (2 * x.rank)
    for index, axis in enumerate(_axis(node, axis, x.rank) for axis in axes):
        full[axis], full[axis + x.rank] = pads[index], pads[index + len(axes)]
    if min(full, default=0) < 0:
        raise node.unsupported("negative pads (cropping)", got=str(pads))
    if full[0] or full[x.rank]:
        raise node.unsupported("Pad adds samples to the batch", got=str(pads))
    return graph.emit(Pad(pads=tuple(full), value=value), x) if any(full) else x


def _axis(node: NodeView, axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise node.damaged("axis out of range", got=str(axis), wanted=f"rank {rank}")
    return axis % rank
