"""Hand-built source graphs, and an evaluator that shares nothing with the interpreter."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from hysteron.exact import Surd, sign
from hysteron.ir.graph import Graph, InputSpec, Node
from hysteron.ir.types import TensorType
from hysteron.ops import registry

Array = np.ndarray[Any, Any]


class Net:
    """Collects nodes; ``add`` infers types and returns the new tensor's id."""

    def __init__(self, shape: tuple[int, ...], spec: InputSpec | None = None) -> None:
        self.types = {"v0": TensorType("f32", (1, *shape))}
        self.consts: dict[str, Array] = {}
        self.nodes: list[Node] = []
        self.spec = spec

    def const(self, values: Any) -> str:
        name = f"c{len(self.consts)}"
        self.consts[name] = np.asarray(values, dtype=np.float32)
        self.types[name] = TensorType("f32", self.consts[name].shape)
        return name

    def add(self, op: str, *inputs: Any, **fields: Any) -> str:
        made = registry("source")[op](**fields)
        names = tuple(i if isinstance(i, str) else self.const(i) for i in inputs)
        out = f"v{len(self.nodes) + 1}"
        (self.types[out],) = made.infer(*(self.types[n] for n in names))
        self.nodes.append(Node(made, names, (out,)))
        return out

    def batch_norm(self, x: str, gamma: Any, beta: Any, mean: Any, var: Any) -> str:
        count = self.types[x].shape[1]
        full = [np.broadcast_to(np.float32(v), (count,)) for v in (gamma, beta, mean, var)]
        return self.add("batch_norm", x, *full, epsilon=float(np.float32(1e-5)))

    def graph(self, *outputs: str) -> Graph:
        return Graph(
            ("v0",),
            outputs or (self.nodes[-1].outputs[0],),
            tuple(self.nodes),
            self.types,
            self.consts,
            labels={name: f"t_{name}" for name in self.types},
            specs={"v0": self.spec} if self.spec else {},
        )


def _exact_array(values: Any) -> Array:
    flat = np.asarray(values, dtype=np.float64)
    out = np.empty(flat.shape, dtype=object)
    out[...] = np.array([Fraction(float(v)) for v in flat.ravel()], dtype=object).reshape(
        flat.shape
    )
    return out


def _conv(x: Array, w: Array, op: Any) -> Array:
    """Seven nested loops over the definition, 2-D only."""
    (sh, sw), (top, left, bottom, right), (dh, dw) = op.strides, op.pads, op.dilations
    n, _, height, width = x.shape
    outputs, inner, kh, kw = w.shape
    oh = (height + top + bottom - (kh - 1) * dh - 1) // sh + 1
    ow = (width + left + right - (kw - 1) * dw - 1) // sw + 1
    out = np.empty((n, outputs, oh, ow), dtype=object)
    for b, o, i, j in np.ndindex(*out.shape):
        total: Any = Fraction(0)
        first = o // (outputs // op.group) * inner
        for c, r, s in np.ndindex(inner, kh, kw):
            y, z = i * sh - top + r * dh, j * sw - left + s * dw
            if 0 <= y < height and 0 <= z < width:
                total = total + x[b, first + c, y, z] * w[o, c, r, s]
        out[b, o, i, j] = total
    return out


def _pool(x: Array, op: Any) -> Array:
    (kh, kw), (sh, sw) = op.kernel, op.strides
    n, c, height, width = x.shape
    out = np.empty((n, c, (height - kh) // sh + 1, (width - kw) // sw + 1), dtype=object)
    for b, o, i, j in np.ndindex(*out.shape):
        cells = x[b, o, i * sh : i * sh + kh, j * sw : j * sw + kw].ravel().tolist()
        best = cells[0]
        for cell in cells[1:]:
            best = cell if sign(cell - best) > 0 else best
        out[b, o, i, j] = best
    return out


def _batch_norm(args: list[Array], op: Any) -> Array:
    x, gamma, beta, mean, var = args
    out = np.empty(x.shape, dtype=object)
    for index in np.ndindex(*x.shape):
        c = index[1]
        v = var[c] + Fraction(op.epsilon)
        factor = Surd.sqrt(v) * (gamma[c] / v)
        value: Any = x[index]
        out[index] = (Surd.of(value) - mean[c]) * factor + beta[c]
    return out


def _each(f: Callable[..., Any], *args: Array) -> Array:
    full = np.broadcast_arrays(*args)
    out = np.empty(full[0].shape, dtype=object)
    for index in np.ndindex(*out.shape):
        out[index] = f(*(a[index] for a in full))
    return out


_COMPARE = {"lt": (-1,), "le": (-1, 0), "gt": (1,), "ge": (0, 1), "eq": (0,), "ne": (-1, 1)}


def _node(op: Any, args: list[Array]) -> Array:
    rules: dict[str, Callable[[], Array]] = {
        "matmul": lambda: np.asarray(args[0].dot(args[1]), dtype=object),
        "conv": lambda: _conv(args[0], args[1], op),
        "max_pool": lambda: _pool(args[0], op),
        "batch_norm": lambda: _batch_norm(args, op),
        "add": lambda: _each(lambda a, b: a + b, *args),
        "sub": lambda: _each(lambda a, b: a - b, *args),
        "mul": lambda: _each(lambda a, b: a * b, *args),
        "div": lambda: _each(lambda a, b: a / b, *args),
        "prelu": lambda: _each(lambda a, s: a if sign(a) >= 0 else a * s, *args),
        "clip": lambda: _each(lambda a: max(min(a, Fraction(op.hi)), Fraction(op.lo)), *args),
        "sign": lambda: _each(lambda a: Fraction(sign(a)), *args),
        "bipolar": lambda: _each(lambda a: Fraction(1 if sign(a) >= 0 else -1), *args),
        "compare": lambda: _each(lambda a, b: Fraction(sign(a - b) in _COMPARE[op.kind]), *args),
        "where": lambda: _each(lambda c, a, b: a if c else b, *args),
        "reshape": lambda: args[0].reshape(args[0].shape[0], *op.shape[1:]),
        "transpose": lambda: args[0].transpose(op.perm),
        "concat": lambda: np.concatenate(args, axis=op.axis),
        "reduce_mean": lambda: np.asarray(
            args[0].sum(axis=op.axes, keepdims=op.keepdims)
            / Fraction(int(np.prod([args[0].shape[a] for a in op.axes])))
        ),
    }
    return rules[op.name]()


def brute_force(graph: Graph, inputs: Array) -> dict[str, Array]:
    """Evaluate a source graph with exact numbers, element by element."""
    spec = graph.specs.get("v0", InputSpec())
    values = {"v0": (_exact_array(inputs) - spec.zero) * spec.scale}
    for name, array in graph.consts.items():
        values[name] = _exact_array(array)
    for node in graph.nodes:
        values[node.outputs[0]] = _node(node.op, [values[n] for n in node.inputs])
    return values


@pytest.fixture
def make_net() -> Callable[..., Net]:
    return Net


@pytest.fixture
def truth() -> Callable[[Graph, Array], dict[str, Array]]:
    return brute_force
