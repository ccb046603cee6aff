"""Poolings and reductions over space."""

from __future__ import annotations

from hysteron.frontends.emitter import Emitter
from hysteron.frontends.onnx_node import NodeView
from hysteron.frontends.onnx_ops import onnx_op
from hysteron.frontends.onnx_ops._window import ceil_pads, read_window
from hysteron.frontends.value import Value
from hysteron.ops.source.avg_pool import AvgPool
from hysteron.ops.source.max_pool import MaxPool
from hysteron.ops.source.reduce_mean import ReduceMean
from hysteron.ops.source.reduce_sum import ReduceSum


@onnx_op("MaxPool")
def max_pool(node: NodeView, graph: Emitter) -> Value:
    """ceil_mode becomes larger end pads: padding is the identity of max."""
    x = node.input(0)
    if node.outputs_used > 1:
        raise node.unsupported("MaxPool with an index output")
    window = read_window(node, x)
    pads = ceil_pads(window, x.shape) if node.integer("ceil_mode", 0) else window.pads
    _check_pads(node, window.kernel, window.dilations, window.pads)
    op = MaxPool(
        kernel=window.kernel, strides=window.strides, pads=pads, dilations=window.dilations
    )
    return graph.emit(op, x)


@onnx_op("AveragePool")
def average_pool(node: NodeView, graph: Emitter) -> Value:
    """Every attribute is kept: the divisor depends on them."""
    x = node.input(0)
    window = read_window(node, x)
    _check_pads(node, window.kernel, window.dilations, window.pads)
    op = AvgPool(
        kernel=window.kernel,
        strides=window.strides,
        pads=window.pads,
        dilations=window.dilations,
        count_include_pad=bool(node.integer("count_include_pad", 0)),
        ceil_mode=bool(node.integer("ceil_mode", 0)),
    )
    return graph.emit(op, x)


@onnx_op("GlobalAveragePool")
def global_average_pool(node: NodeView, graph: Emitter) -> Value:
    """The mean over all spatial axes, which stay with size 1."""
    x = _spatial(node)
    return graph.emit(ReduceMean(axes=tuple(range(2, x.rank)), keepdims=True), x)


@onnx_op("GlobalMaxPool")
def global_max_pool(node: NodeView, graph: Emitter) -> Value:
    """A max pool whose window is the whole map."""
    x = _spatial(node)
    spatial = x.rank - 2
    if spatial > 2:
        raise node.unsupported("only one- and two-dimensional windows", got=str(list(x.shape)))
    one = (1,) * spatial
    op = MaxPool(kernel=x.shape[2:], strides=one, pads=(0,) * (2 * spatial), dilations=one)
    return graph.emit(op, x)


@onnx_op("ReduceMean")
def reduce_mean(node: NodeView, graph: Emitter) -> Value:
    """Mean over any axes but the batch."""
    axes, keepdims = _reduction(node)
    x = node.input(0)
    return graph.emit(ReduceMean(axes=axes, keepdims=keepdims), x) if axes else x


@onnx_op("ReduceSum")
def reduce_sum(node: NodeView, graph: Emitter) -> Value:
    """Sum over any axes but the batch."""
    axes, keepdims = _reduction(node)
    x = node.input(0)
    return graph.emit(ReduceSum(axes=axes, keepdims=keepdims), x) if axes else x


@onnx_op("ReduceMax")
def reduce_max(node: NodeView, graph: Emitter) -> Value:
    """A max pool over whole spatial axes: what exporters write for a global max pooling."""
    axes, keepdims = _reduction(node)
    x = node.input(0)
    spatial = x.rank - 2
    if not axes:
        return x
    if not 1 <= spatial <= 2 or axes[0] < 2:
        raise node.unsupported(
            "a maximum over other than spatial axes", got=f"axes {list(axes)} of {list(x.shape)}"
        )
    kernel = tuple(x.shape[axis] if axis in axes else 1 for axis in range(2, x.rank))
    one = (1,) * spatial
    op = MaxPool(kernel=kernel, strides=one, pads=(0,) * (2 * spatial), dilations=one)
    out = graph.emit(op, x)
    kept = [size for axis, size in enumerate(out.shape) if axis not in axes]
    return out if keepdims else graph.reshape(out, kept)


def _spatial(node: NodeView) -> Value:
    x = node.input(0)
    if x.rank < 3:
        raise node.damaged("global pooling needs spatial axes", got=str(list(x.shape)))
    return x


def _check_pads(
    node: NodeView, kernel: tuple[int, ...], dilations: tuple[int, ...], pads: tuple[int, ...]
) -> None:
    """Refuse pads as wide as the window: some windows would hold no input at all."""
    spatial = len(kernel)
    for axis in range(spatial):
        extent = (kernel[axis] - 1) * dilations[axis] + 1
        if max(pads[axis], pads[axis + spatial]) >= extent:
            raise node.unsupported("pooling pads are as wide as the window", got=str(list(pads)))


def _reduction(node: NodeView) -> tuple[tuple[int, ...], bool]:
    """Return sorted positive axes and keepdims; axes are an attribute or input 1."""
    x = node.input(0)
    keepdims = bool(node.integer("keepdims", 1))
    axes = node.const_ints(1, "axes") if node.has_input(1) else node.integers("axes")
    noop = node.integer("noop_with_empty_axes", 0)
    if not axes:
        if noop:
            return (), keepdims
        axes = list(range(x.rank))
    if any(not -x.rank <= axis < x.rank for axis in axes):
        raise node.damaged("axis out of range", got=str(axes), wanted=f"rank {x.rank}")
    positive = tuple(sorted({axis % x.rank for axis in axes}))
    if 0 in positive:
        raise node.unsupported("reduces over the batch", got=f"axes {axes}")
    return positive, keepdims
