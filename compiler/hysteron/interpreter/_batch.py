"""One chunk of samples on its way through the imported graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from hysteron.errors import InputError, InternalError
from hysteron.exact import sign
from hysteron.interpreter.domains import Compared, Lattice, boundary
from hysteron.interpreter.tiers import DECISIONS, analyse, tail_nodes
from hysteron.ir.graph import Graph, InputSpec, Node
from hysteron.ir.types import LIMITS
from hysteron.ops.source._base import Exact, Index, Pull, SignArray, SourceOp, float32
from hysteron.ops.source._real import (
    Grid,
    Real,
    compact,
    constant,
    grid_of,
    started_with_bias,
)
from hysteron.ops.source._rounding import to_binary32

Counts = npt.NDArray[np.int64]


class Decision(NamedTuple):
    """A sign layer: the number whose sign was taken, and that sign."""

    margin: Real
    signs: SignArray


class Batch:
    """Values of every tensor for a few samples; see run_imported."""

    def __init__(
        self,
        graph: Graph,
        tiers: Mapping[str, str],
        inputs: Mapping[str, npt.NDArray[Any]],
        overrides: Mapping[str, npt.NDArray[Any]],
        watch: bool,
        constants: dict[str, Real],
    ) -> None:
        self.graph, self.tiers, self.inputs = graph, tiers, inputs
        self.overrides, self.watch = overrides, watch
        # The tiers say whether a final softmax is part of the computation.
        self.domains = analyse(graph, _with_tail(graph, tiers))
        self.samples = int(next(iter(inputs.values())).shape[0])
        self.values: dict[str, Real] = {}
        self.producers = {out: node for node in graph.nodes for out in node.outputs}
        self.near_ties: Counts = np.zeros(self.samples, dtype=np.int64)
        self.zero_cancellations: Counts = np.zeros(self.samples, dtype=np.int64)
        self.decisions: dict[str, Decision] = {}
        self.computed: dict[str, Real] = {}
        self._constants, self._singles = constants, dict[str, Real]()

    def run(self) -> None:
        """Evaluate every node but a dropped softmax or argmax at the end."""
        graph = self.graph
        tail = {id(node) for node in tail_nodes(graph)}
        # A final softmax counts when the logits were tiered for it.
        with_tail = _with_tail(graph, self.tiers)
        for name in graph.inputs:
            self._override(name, self._input(name))
        for node in graph.nodes:
            if id(node) in tail and not with_tail:
                continue
            self._override(node.outputs[0], self._node(node))

    def _override(self, name: str, value: Real) -> None:
        if name in self.overrides:
            self.computed[name] = value
            raw = self.overrides[name]
            if value.defined:
                value = Real(float32(raw), exact=False, defined=True)
            else:
                grid = value.grid if value.grid is not None else grid_of(raw)
                value = Real(compact(raw, grid), grid=grid)
        self.values[name] = value

    def _input(self, name: str) -> Real:
        spec = self.graph.specs.get(name, InputSpec())
        array = self.inputs[name]
        where = self.graph.labels.get(name, name)
        if spec.dtype == "f32":
            if spec.scale != 1 or spec.zero != 0:
                raise InputError("a float32 input takes no scale or zero", where=where)
            if np.isnan(array).any():
                raise InputError("NaN in the input data", where=where)
            raw = float32(array)
            real = self.tiers[name] == "real"
            return Real(raw, exact=not real, defined=real)
        low, high = LIMITS[spec.dtype]
        if array.size and (array.min() < low or array.max() > high):
            raise InputError(f"values beyond {spec.dtype}", where=where, wanted=f"{low}..{high}")
        if spec.dtype == "b1" and not np.all(array):
            raise InputError("a b1 input holds -1 and +1", where=where, got="0")
        if self.tiers[name] == "real":
            first, levels = rounded_levels(spec)
            return Real(levels[array.astype(np.int64) - first], n=1, exact=False, defined=True)
        return integer_input(array, spec, low, high)

    def single(self, name: str) -> Real:
        """Return a tensor as the real tier reads it."""
        if name in self.graph.consts:
            return constant(float32(self.graph.consts[name]))
        value = self.values[name]
        if value.defined:
            return value
        if name not in self._singles:
            domain = self.domains[name]
            step = boundary(domain) if isinstance(domain, Lattice) else None
            if step is None:
                raise InternalError("an integer tensor without a binary32 form", where=name)
            self._singles[name] = step.convert(value)
        return self._singles[name]

    def _node(self, node: Node) -> Real:
        op, out = cast(SourceOp, node.op), node.outputs[0]
        oracle = NodeOracle(self, node)
        if self.tiers[out] == "real":
            args = tuple(self.single(name) for name in node.inputs)
            raw = op.binary32(*(float32(arg.raw) for arg in args))
            bound = op.enclose(args, oracle)
            return Real(raw, mag=bound.magnitude, n=bound.n, exact=False, defined=True)
        args = tuple(self.real(name) for name in node.inputs)
        value = op.enclose(args, oracle)
        if op.name == "add" and self._is_bias(node):
            value = started_with_bias(args[0], args[1], value, self._terms(node.inputs[0]))
        if value.defined and op.name not in DECISIONS:
            raise InternalError("a real-tier value in the integer tier", where=out)
        return value

    def _is_bias(self, node: Node) -> bool:
        """Return True for the bias of a Gemm or Conv: one node of the model, two of ours."""
        first = self.producers.get(node.inputs[0])
        if first is None or first.op.name not in ("matmul", "conv"):
            return False
        return first.origin == node.origin and node.inputs[1] in self.graph.consts

    def _terms(self, product: str) -> int:
        """Return how many products one element of a matmul or conv adds up."""
        weights = self.graph.consts[self.producers[product].inputs[1]]
        return int(weights.size // weights.shape[1 if weights.ndim == 2 else 0])

    def real(self, name: str) -> Real:
        """Return a tensor or constant as the integer tier reads it."""
        if name in self.graph.consts:
            if name not in self._constants:
                self._constants[name] = constant(self.graph.consts[name])
            return self._constants[name]
        return self.values[name]

    def exact(self, name: str, index: Index) -> Exact:
        """Return the exact value of one element, from the nearest exact tensors."""
        if name in self.graph.consts:
            return Fraction(float(self.graph.consts[name][index]))
        value = self.values[name]
        if value.exact or value.defined:
            return value.fraction(index)
        node = self.producers[name]
        return cast(SourceOp, node.op).exact_at(index, NodePull(self, node))

    def classes(self, logits: str) -> Counts:
        """Return the lowest index of the largest logit per sample."""
        value = self.values[logits]
        shape = value.raw.shape
        flat = replace(
            value,
            raw=value.raw.reshape(shape[0], -1),
            mag=np.broadcast_to(value.magnitude, shape).reshape(shape[0], -1),
        )

        def at(index: Index) -> Exact:
            inner = np.unravel_index(index[1], shape[1:])
            return self.exact(logits, (index[0], *(int(i) for i in inner)))

        if value.defined:
            self.near_ties += _close_calls(flat)
        return winners(flat, 1, at)


@dataclass(frozen=True)
class NodePull(Pull):
    """Exact inputs of one node."""

    batch: Batch
    node: Node

    def __call__(self, number: int, index: Index) -> Exact:
        """Return the exact value of one element."""
        return self.batch.exact(self.node.inputs[number], index)

    def shape(self, number: int) -> Index:
        """Return the shape with the chunk's batch size."""
        name = self.node.inputs[number]
        if name in self.batch.graph.consts:
            return tuple(self.batch.graph.consts[name].shape)
        return tuple(self.batch.values[name].raw.shape)


@dataclass(frozen=True)
class NodeOracle:
    """Decides the signs one node asks for, and keeps the tallies."""

    batch: Batch
    node: Node

    def signs(self, margin: Real, exact: Callable[[Index, Pull], Exact]) -> SignArray:
        """Float where the bound allows, exact elsewhere; binary32 as defined."""
        raw = margin.raw
        out: SignArray = np.sign(raw).astype(np.int8)
        if margin.defined:
            bound = margin.bound32()
            self._count(self.batch.near_ties, (np.abs(margin.val) <= bound) & (bound > 0))
        else:
            bound = margin.bound64()
            # "Not above" rather than "below": an infinite bound or a NaN is in doubt.
            doubt = ~(np.abs(margin.val) > bound) & ((bound != 0) | np.isnan(raw))
            pull = NodePull(self.batch, self.node)
            for place in np.argwhere(np.broadcast_to(doubt, raw.shape)):
                index = tuple(int(i) for i in place)
                out[index] = sign(exact(index, pull))
            if margin.n and not isinstance(self.batch.domains.get(self.node.inputs[0]), Compared):
                self._count(self.batch.zero_cancellations, (out == 0) & (margin.magnitude > 0))
        if self.batch.watch:
            self.batch.decisions[self.node.outputs[0]] = Decision(margin, out)
        return out

    def _count(self, tally: Counts, hits: npt.NDArray[np.bool_]) -> None:
        full = np.broadcast_to(hits, (self.batch.samples, *hits.shape[1:]))
        tally += full.reshape(self.batch.samples, -1).sum(axis=1)

    def winners(self, x: Real, axis: int) -> Counts:
        """Return the lowest index of the largest value along an axis."""
        pull = NodePull(self.batch, self.node)
        return winners(x, axis, lambda index: pull(0, index))


def winners(x: Real, axis: int, exact: Callable[[Index], Exact]) -> Counts:
    """Return the lowest index of the largest value, exactly."""
    if x.exact or x.defined:
        return np.asarray(np.argmax(x.raw, axis=axis), dtype=np.int64)
    val, bound = x.val, np.broadcast_to(x.bound64(), x.raw.shape)
    floor = (val - bound).max(axis=axis, keepdims=True)
    open_ = ~(val + bound < floor)
    out = np.asarray(np.argmax(open_, axis=axis), dtype=np.int64)
    for place in np.argwhere(open_.sum(axis=axis) > 1):
        spot = tuple(int(i) for i in place)
        best: tuple[int, Exact] | None = None
        line = open_[(*spot[:axis], slice(None), *spot[axis:])]
        for candidate in np.flatnonzero(line):
            value = exact((*spot[:axis], int(candidate), *spot[axis:]))
            if best is None or sign(value - best[1]) > 0:
                best = int(candidate), value
        assert best is not None
        out[spot] = best[0]
    return out


def _close_calls(x: Real) -> Counts:
    bound = np.broadcast_to(x.bound32(), x.raw.shape)
    best = np.argmax(x.raw, axis=1)
    rows = np.arange(x.raw.shape[0])
    gap = x.val[rows, best][:, None] - x.val
    reach = bound[rows, best][:, None] + bound
    close = (gap <= reach) & (reach > 0)
    close[rows, best] = False
    return np.asarray(close.any(axis=1), dtype=np.int64)


def _with_tail(graph: Graph, tiers: Mapping[str, str]) -> bool:
    """Return True when the tiers were assigned with probabilities kept."""
    tail = tail_nodes(graph)
    if not tail:
        return False
    full = analyse(graph, True)
    return all((tiers[t] == "real") == (type(d).__name__ == "RealTier") for t, d in full.items())


def integer_input(array: npt.NDArray[Any], spec: InputSpec, low: int, high: int) -> Real:
    """Return scale * (q - zero) exactly; q integers of the declared type."""
    top, bottom = spec.zero.numerator, spec.zero.denominator
    raw = array.astype(np.float64) * bottom - top
    grid = Grid(0, float(max(abs(low * bottom - top), abs(high * bottom - top))))
    unit = spec.scale / bottom
    out = Real(compact(raw, grid), unit, None, 0, True, grid)
    # A model fed with float32 sees the rounded value unless float32 holds it.
    return out if out.single() else replace(out, n=1)


@lru_cache(maxsize=8)
def rounded_levels(spec: InputSpec) -> tuple[int, npt.NDArray[np.float32]]:
    """Return the lowest q of an integer input and fl32(scale * (q - zero)) of every q."""
    low, high = LIMITS[spec.dtype]
    values = [to_binary32(spec.scale * (q - spec.zero)) for q in range(low, high + 1)]
    return low, np.array(values, dtype=np.float32)
