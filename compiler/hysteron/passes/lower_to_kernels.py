"""The pass that turns the source graph into kernel ops on stored integers.

Every source tensor becomes a ``Lattice`` (exact function of stored integers), a
``Compared`` float input, or ``Floats`` of the real tier, following the tiers
the interpreter assigns. Layout is resolved here too: maps are stored channels
last, and reshapes and transposes only permute an index, which a dense layer
absorbs into the order of its weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from hysteron.ir.graph import Graph, InputSpec, Node, Origin
from hysteron.ir.types import LIMITS, Array, TensorType
from hysteron.passes.lowering import elementwise as ew
from hysteron.passes.lowering import linear, pooling
from hysteron.passes.lowering.emitter import Emitter, Refused, flat_index
from hysteron.passes.lowering.head import Head, lower_head
from hysteron.passes.lowering.movement import lower_concat, lower_pad
from hysteron.passes.lowering.values import Compared, Floats, Lattice, Value
from hysteron.passes.pieces import Pieces

Operand = Value | Array


@dataclass(frozen=True)
class Lowered:
    """The kernel graph and how its output reads."""

    graph: Graph
    head: Head
    dropped: tuple[str, ...]


@dataclass(frozen=True)
class LowerToKernels:
    """Lower a source graph. ``tiers`` comes from interpreter.tiers.assign_tiers."""

    tiers: Mapping[str, str]

    def run(self, graph: Graph) -> Lowered:
        """Return the kernel graph; raises UnsupportedError with every reason."""
        return _Walk(graph, self.tiers).lowered()


_TAIL = ("softmax", "log_softmax", "argmax")


class _Walk:
    def __init__(self, graph: Graph, tiers: Mapping[str, str]) -> None:
        self.graph, self.tiers = graph, tiers
        self.em = Emitter(graph)
        self.env: dict[str, Operand] = dict(graph.consts)
        self.inputs: list[str] = []
        self.specs: dict[str, InputSpec] = {}
        self.dropped: list[str] = []

    def lowered(self) -> Lowered:
        for name in self.graph.inputs:
            self._input(name)
        output, tail = self._output()
        skipped: set[str] = set()
        for node in self.graph.nodes:
            if node in tail or skipped & set(node.inputs):
                skipped |= set(node.outputs)
                continue
            try:
                self.env[node.outputs[0]] = self._node(node)
                self._record(node)
            except Refused as reason:
                self.em.reasons.append(str(reason))
                skipped |= set(node.outputs)
        self.em.raise_reasons()
        origin = next((n.origin for n in self.graph.nodes if output in n.outputs), Origin())
        try:
            value = self.env[output]
            if isinstance(value, np.ndarray):
                raise Refused(f"{origin}: the output does not depend on the input")
            head = lower_head(self.em, value, origin)
        except Refused as reason:
            self.em.reasons.append(str(reason))
            self.em.raise_reasons()
            raise
        return Lowered(self._graph(head), head, tuple(self.dropped))

    def _graph(self, head: Head) -> Graph:
        return Graph(
            inputs=tuple(self.inputs),
            outputs=(head.tensor,),
            nodes=tuple(self.em.nodes),
            types=self.em.types,
            consts=self.em.consts,
            views=self.em.views,
            labels=self.graph.labels,
            specs=self.specs,
        )

    def _output(self) -> tuple[str, list[Node]]:
        """Return the logits tensor and the softmax/argmax nodes dropped after it."""
        if len(self.graph.outputs) != 1:
            self.em.reasons.append(f"{len(self.graph.outputs)} outputs; exactly one is supported")
            self.em.raise_reasons()
        output = self.graph.outputs[0]
        tail: list[Node] = []
        while True:
            node = self.graph.producer(output)
            if node is None or node.op.name not in _TAIL:
                return output, tail
            axis = getattr(node.op, "axis", -1)
            shape = self.graph.types[node.inputs[0]].shape
            if int(np.prod(shape)) != shape[axis]:
                return output, tail
            tail.append(node)
            self.dropped.append(f"{node.origin.op_type} ({node.origin.node})")
            output = node.inputs[0]

    def _input(self, name: str) -> None:
        spec = self.graph.specs.get(name, InputSpec())
        logical = self.graph.types[name].shape[1:]
        index = flat_index(logical)
        shape = logical or (1,)
        if spec.layout == "nhwc" and len(logical) == 3:
            channels, height, width = logical
            shape = (height, width, channels)
            index = flat_index(shape).transpose(2, 0, 1)
        kernel_id = f"x{len(self.inputs)}"
        self.inputs.append(kernel_id)
        self.em.types[kernel_id] = TensorType(spec.dtype, shape)
        self.specs[kernel_id] = spec
        if spec.dtype == "f32":
            if self.tiers[name] == "real":
                self.env[name] = Floats(kernel_id, shape, index)
            else:
                self.env[name] = Compared(kernel_id, shape, index)
            return
        scale, offset = spec.scale, -spec.scale * spec.zero
        low, high = LIMITS[spec.dtype]
        pieces = Pieces.identity(low, high).affine([scale], [offset])
        stride = 2 if spec.dtype == "b1" else 1
        self.env[name] = Lattice(kernel_id, shape, index, pieces, stride, low % stride)

    def _record(self, node: Node) -> None:
        """Record where the tensors this node touched are stored by now."""
        for name in (*node.inputs, *node.outputs):
            value = self.env[name]
            if not isinstance(value, Lattice) or value.pad is not None:
                continue
            if id(value) in self.em.stored:
                self._view(name, self.em.stored[id(value)][1])
            elif all(len(channel) == 1 for channel in value.pieces.channels):
                self._view(name, value)

    def _view(self, imported: str, value: Lattice) -> None:
        line = value.pieces.uniform_affine()
        if line is not None and value.plain():
            self.em.view(imported, value.tensor, value.index, *line)

    def _node(self, node: Node) -> Operand:
        args = [self.env[name] for name in node.inputs]
        rule = _RULES.get(node.op.name)
        if rule is None:
            raise Refused(f"{node.origin}: {node.op.name} is not supported here")
        real = self.tiers.get(node.outputs[0]) == "real"
        return rule(self.em, node, args, real)


Rule = Callable[[Emitter, Node, list[Operand], bool], Operand]


def _batchless(array: Array, rank: int) -> Array:
    """Drop the leading batch axis of a constant that has one (rank incl. batch)."""
    return array[0] if array.ndim == rank and array.shape[0] == 1 else array


def _value(operand: Operand) -> Value:
    assert not isinstance(operand, np.ndarray)
    return operand


def _rank(args: list[Operand]) -> int:
    return 1 + max(v.index.ndim for v in args if not isinstance(v, np.ndarray))


def _stripped(args: list[Operand]) -> list[Operand]:
    rank = _rank(args)
    return [_batchless(v, rank) if isinstance(v, np.ndarray) else v for v in args]


def _binary(em: Emitter, node: Node, args: list[Operand], real: bool) -> Value:
    a, b = _stripped(args)
    try:
        return ew.lower_binary(em, node, a, b, real=real)
    except Refused as reason:
        text = str(reason)
        raise Refused(
            text if text.startswith(str(node.origin)) else f"{node.origin}: {text}"
        ) from reason


def _compare(em: Emitter, node: Node, args: list[Operand], real: bool) -> Value:
    a, b = _stripped(args)
    return ew.lower_compare(em, node, a, b, node.op.kind)  # type: ignore[attr-defined]


def _where(em: Emitter, node: Node, args: list[Operand], real: bool) -> Value:
    c, a, b = _stripped(args)
    return ew.lower_where(em, node, c, a, b)


def _matmul(em: Emitter, node: Node, args: list[Operand], real: bool) -> Value:
    assert isinstance(args[1], np.ndarray)
    return linear.lower_matmul(em, node, _value(args[0]), args[1], real=real)


def _conv(em: Emitter, node: Node, args: list[Operand], real: bool) -> Value:
    assert isinstance(args[1], np.ndarray)
    return linear.lower_conv(em, node, _value(args[0]), args[1], real=real)


def _batch_norm(em: Emitter, node: Node, args: list[Operand], real: bool) -> Value:
    params = tuple(p for p in args[1:] if isinstance(p, np.ndarray))
    epsilon = node.op.epsilon  # type: ignore[attr-defined]
    return ew.lower_batch_norm(em, node, _value(args[0]), params, epsilon, real=real)


def _prelu(em: Emitter, node: Node, args: list[Operand], real: bool) -> Value:
    x, slope = _stripped(args)
    assert isinstance(slope, np.ndarray)
    return ew.lower_prelu(em, node, _value(x), slope, real=real)


def _clip(em: Emitter, node: Node, args: list[Operand], real: bool) -> Value:
    op = node.op
    return ew.lower_clip(em, node, _value(args[0]), op.lo, op.hi, real=real)  # type: ignore[attr-defined]


def _max_pool(em: Emitter, node: Node, args: list[Operand], real: bool) -> Value:
    op = node.op
    window = pooling.pool_window(op.kernel, op.strides, op.pads, op.dilations)  # type: ignore[attr-defined]
    return pooling.lower_max_pool(em, node, _value(args[0]), window, real=real)


def _avg_pool(em: Emitter, node: Node, args: list[Operand], real: bool) -> Value:
    op = node.op
    if op.ceil_mode:  # type: ignore[attr-defined]
        raise Refused(f"{node.origin}: average pooling with ceil_mode")
    window = pooling.pool_window(op.kernel, op.strides, op.pads, op.dilations)  # type: ignore[attr-defined]
    include = bool(op.count_include_pad)  # type: ignore[attr-defined]
    return pooling.lower_average(em, node, _value(args[0]), window, include, real=real)


def _reduce(em: Emitter, node: Node, args: list[Operand], real: bool) -> Value:
    x = _value(args[0])
    rank = x.index.ndim + 1
    axes = [axis % rank - 1 for axis in node.op.axes]  # type: ignore[attr-defined]
    mean = node.op.name == "reduce_mean"
    keep = bool(node.op.keepdims)  # type: ignore[attr-defined]
    return pooling.lower_reduce(em, node, x, axes, keep, mean=mean, real=real)


def _transpose(em: Emitter, node: Node, args: list[Operand], real: bool) -> Value:
    x = _value(args[0])
    perm = [axis - 1 for axis in node.op.perm[1:]]  # type: ignore[attr-defined]
    return _moved(x, node, x.index.transpose(perm))


def _reshape(em: Emitter, node: Node, args: list[Operand], real: bool) -> Value:
    x = _value(args[0])
    return _moved(x, node, x.index.reshape(node.op.shape[1:]))  # type: ignore[attr-defined]


def _moved(x: Value, node: Node, index: np.ndarray) -> Value:
    if isinstance(x, Lattice) and x.pad is not None:
        raise Refused(f"{node.origin}: a reshape or transpose of a padded tensor")
    return x.moved(index)


_RULES: dict[str, Rule] = {
    "matmul": _matmul,
    "conv": _conv,
    "batch_norm": _batch_norm,
    "add": _binary,
    "sub": _binary,
    "mul": _binary,
    "div": _binary,
    "prelu": _prelu,
    "clip": _clip,
    "sign": lambda em, n, a, real: ew.lower_sign(em, n, _value(a[0]), bipolar=False),
    "bipolar": lambda em, n, a, real: ew.lower_sign(em, n, _value(a[0]), bipolar=True),
    "compare": _compare,
    "where": _where,
    "max_pool": _max_pool,
    "avg_pool": _avg_pool,
    "reduce_mean": _reduce,
    "reduce_sum": _reduce,
    "transpose": _transpose,
    "reshape": _reshape,
    "concat": lambda em, n, a, real: lower_concat(em, n, [_value(v) for v in a], real=real),
    "pad": lambda em, n, a, real: lower_pad(em, n, _value(a[0])),
}
