"""One rule per source op: the domain of its output from those of its inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final

import numpy as np

from hysteron.interpreter.domains import (
    ACCUMULATOR,
    REAL,
    Compared,
    Domain,
    Lattice,
    Pwa,
    Rationals,
    lattice_of,
    make_lattice,
    mapped,
    rationals,
    simplified,
)
from hysteron.ir.graph import Graph, Node
from hysteron.ops.source._product import levels
from hysteron.ops.source._reduce import normal, reduced_shape, terms

#: Largest factor of a scale ratio that a sum of two lattices may have.
MAX_RATIO: Final = 2**15


@dataclass(frozen=True)
class Site:
    """A node with what is known about its inputs."""

    graph: Graph
    node: Node
    domains: Mapping[str, Domain]

    @property
    def op(self) -> Any:
        """The operation, with its own fields."""
        return self.node.op

    @property
    def out(self) -> str:
        """The output tensor."""
        return self.node.outputs[0]

    def domain(self, number: int) -> Domain | None:
        """Return the domain of an input, None for a constant."""
        return self.domains.get(self.node.inputs[number])

    def const(self, number: int) -> Any:
        """Return a constant input as an array."""
        return self.graph.consts[self.node.inputs[number]]

    def shape(self, number: int) -> tuple[int, ...]:
        """Return the shape of an input."""
        return self.graph.types[self.node.inputs[number]].shape

    def out_shape(self) -> tuple[int, ...]:
        """Return the shape of the output."""
        return self.graph.types[self.out].shape


def real_only(site: Site) -> Domain:
    """Ops that exist in the real tier only."""
    return REAL


def _product(site: Site) -> Domain:
    x = site.domain(0)
    if not isinstance(x, Lattice) or not x.uniform() or site.domain(1) is not None:
        return REAL
    w = np.asarray(site.const(1), dtype=np.float64)
    conv = site.op.name == "conv"
    level = levels(w, axis=0 if conv else 1)
    padded = conv and any(site.op.pads)
    assert isinstance(x.scale, Fraction) and isinstance(x.offset, Fraction)
    if level is None or (padded and x.offset):
        return REAL
    count = int(np.prod(w.shape[1:])) if conv else w.shape[0]
    if count * x.reach >= ACCUMULATOR:
        return REAL
    shape = (1, -1) + (1,) * (w.ndim - 2) if conv else (-1,)
    factors = rationals(np.where(level == 0, 1.0, level).reshape(shape))
    sums = w.sum(axis=tuple(range(1, w.ndim)) if conv else 0, dtype=np.float64).reshape(shape)
    offset = rationals(sums) * x.offset if x.offset else Fraction(0)
    reach = count * x.reach
    return make_lattice(simplified(factors * x.scale), offset, -reach, reach, site.out)


def _pad(site: Site) -> Domain:
    x = site.domain(0)
    if isinstance(x, Compared):
        return x
    if not isinstance(x, Lattice) or not x.uniform():
        return REAL
    place = (Fraction(site.op.value) - x.offset) / x.scale
    if not isinstance(place, Fraction) or place.denominator != 1:
        return REAL
    return replace(x, lo=min(x.lo, int(place)), hi=max(x.hi, int(place)), root=site.out)


def _flat_over(values: Rationals, rank: int, axes: tuple[int, ...]) -> bool:
    if isinstance(values, Fraction):
        return True
    shape = (1,) * (rank - values.ndim) + values.shape
    return all(shape[axis] == 1 for axis in axes)


def _max_pool(site: Site) -> Domain:
    x = site.domain(0)
    if isinstance(x, Lattice):
        rank = len(site.shape(0))
        spatial = tuple(range(2, rank))
        if _flat_over(x.scale, rank, spatial) and _flat_over(x.offset, rank, spatial):
            return replace(x, root=site.out)
        return REAL
    if isinstance(x, Pwa):
        return REAL if x.head else Pwa(site.out)
    return x if isinstance(x, Compared) else REAL


def _divided(x: Lattice, count: int, divisor: int, root: str) -> Domain:
    if count * x.reach >= ACCUMULATOR:
        return REAL
    offset = x.offset * Fraction(count, divisor)
    return make_lattice(x.scale / Fraction(divisor), offset, count * x.lo, count * x.hi, root)


def _avg_pool(site: Site) -> Domain:
    x, op = site.domain(0), site.op
    counts = op.counts(site.shape(0)[2:])
    if not bool(np.all(counts == counts.flat[0])):
        return REAL
    count = int(np.prod(op.kernel))
    whole = count == int(counts.flat[0]) and not any(op.pads)
    if isinstance(x, Pwa):
        at_head = whole and _leads_to_output(site)
        return Pwa(site.out, head=True) if at_head and not x.head else REAL
    if not isinstance(x, Lattice):
        return REAL
    rank = len(site.shape(0))
    spatial = tuple(range(2, rank))
    if not (_flat_over(x.scale, rank, spatial) and _flat_over(x.offset, rank, spatial)):
        return REAL
    if not whole and not x.centred():
        return REAL
    out = _divided(x, count, int(counts.flat[0]), site.out)
    if isinstance(out, Lattice) and not whole:
        out = replace(out, lo=min(0, out.lo), hi=max(0, out.hi))
    return out


def _reduce(site: Site) -> Domain:
    x, op, shape = site.domain(0), site.op, site.shape(0)
    axes = normal(op.axes, len(shape))
    count = terms(shape, op.axes)
    mean = op.name == "reduce_mean"
    if isinstance(x, Pwa):
        spatial = 1 not in axes
        fits = spatial and not x.head and _leads_to_output(site)
        return Pwa(site.out, head=True) if fits else REAL
    if not isinstance(x, Lattice):
        return REAL
    if not (_flat_over(x.scale, len(shape), axes) and _flat_over(x.offset, len(shape), axes)):
        return REAL

    def cut(values: Rationals) -> Rationals:
        if isinstance(values, Fraction):
            return values
        full = values.reshape((1,) * (len(shape) - values.ndim) + values.shape)
        return full.reshape(reduced_shape(full.shape, op.axes, op.keepdims))

    flat = replace(x, scale=cut(x.scale), offset=cut(x.offset))
    return _divided(flat, count, count if mean else 1, site.out)


_AFTER_HEAD = (
    "add",
    "sub",
    "mul",
    "div",
    "batch_norm",
    "reshape",
    "softmax",
    "log_softmax",
    "argmax",
)


def _leads_to_output(site: Site) -> bool:
    """Return True when only affine steps stand between the output and the graph's."""
    tensor, graph = site.out, site.graph
    while True:
        readers = graph.consumers(tensor)
        if not readers:
            return tensor in graph.outputs
        others = [n for r in readers for n in r.inputs if n != tensor and n not in graph.consts]
        if len(readers) != 1 or others or readers[0].op.name not in _AFTER_HEAD:
            return False
        tensor = readers[0].outputs[0]


def _function(site: Site) -> Domain:
    x = site.domain(0)
    if isinstance(x, Lattice):
        return Pwa(x.root)
    affine = site.op.name == "batch_norm"
    return x if isinstance(x, Pwa) and (affine or not x.head) else REAL


def _arithmetic(site: Site) -> Domain:
    a, b = site.domain(0), site.domain(1)
    if a is not None and b is not None:
        return _pair(site, a, b)
    x = a if a is not None else b
    if x is None or (site.op.name == "div" and a is None):
        return REAL
    if isinstance(x, Compared):
        return x
    if isinstance(x, Pwa):
        return x
    if not isinstance(x, Lattice):
        return REAL
    if site.shape(0 if a is not None else 1) != site.out_shape():
        return REAL
    return _with_constant(
        site.op.name, x, rationals(site.const(1 if a is not None else 0)), a is None
    )


def _with_constant(name: str, x: Lattice, c: Rationals, reverse: bool) -> Domain:
    if name in ("mul", "div"):
        values = [c] if isinstance(c, Fraction) else list(c.flat)
        if any(v == 0 for v in values):
            return Pwa(x.root) if name == "mul" else REAL
        factor = c if name == "mul" else Fraction(1) / c
        return make_lattice(x.scale * factor, x.offset * factor, x.lo, x.hi, x.root)
    if name == "add":
        return make_lattice(x.scale, x.offset + c, x.lo, x.hi, x.root)
    if reverse:
        return make_lattice(-x.scale, c - x.offset, x.lo, x.hi, x.root)
    return make_lattice(x.scale, x.offset - c, x.lo, x.hi, x.root)


def _pair(site: Site, a: Domain, b: Domain) -> Domain:
    if site.op.name not in ("add", "sub") or site.shape(0) != site.shape(1):
        return REAL
    if isinstance(a, Lattice | Pwa) and isinstance(b, Lattice | Pwa) and a.root == b.root:
        heads = [d for d in (a, b) if isinstance(d, Pwa) and d.head]
        return REAL if heads else Pwa(a.root)
    if not (isinstance(a, Lattice) and isinstance(b, Lattice)):
        return REAL
    ratio = simplified(np.asarray(a.scale, dtype=object) / np.asarray(b.scale, dtype=object))
    if not isinstance(ratio, Fraction):
        return REAL
    p, q = ratio.numerator, ratio.denominator
    if abs(p) > MAX_RATIO or q > MAX_RATIO:
        return REAL
    sign = 1 if site.op.name == "add" else -1
    ends = [p * x + sign * q * y for x in (a.lo, a.hi) for y in (b.lo, b.hi)]
    if max(map(abs, ends)) >= ACCUMULATOR:
        return REAL
    return make_lattice(
        b.scale / Fraction(q), a.offset + b.offset * sign, min(ends), max(ends), site.out
    )


def _decision(site: Site) -> Domain:
    sources = [d for d in (site.domain(i) for i in range(len(site.node.inputs))) if d is not None]
    roots = {d.root if isinstance(d, Lattice | Pwa) else site.out for d in sources}
    root = roots.pop() if len(roots) == 1 else site.out
    low = 0 if site.op.name == "compare" else -1
    return Lattice(Fraction(1), Fraction(0), low, 1, root)


def _where(site: Site) -> Domain:
    c, branches = site.domain(0), (site.domain(1), site.domain(2))
    if not isinstance(c, Lattice):
        return REAL
    values: set[Fraction] = set()
    for number, domain in enumerate(branches, start=1):
        if domain is None:
            level = rationals(site.const(number))
            if isinstance(level, Fraction):
                values.add(level)
                continue
            return _per_channel_where(site, c)
        small = isinstance(domain, Lattice) and domain.uniform() and domain.hi - domain.lo <= 16
        if small and isinstance(domain, Lattice):
            values |= {
                Fraction(domain.offset + domain.scale * n) for n in range(domain.lo, domain.hi + 1)
            }
            continue
        return _same_root_where(c, branches)
    return lattice_of(values, c.root) or REAL


def _same_root_where(c: Lattice, branches: tuple[Domain | None, ...]) -> Domain:
    for domain in branches:
        if domain is None:
            continue
        if not isinstance(domain, Lattice | Pwa) or domain.root != c.root:
            return REAL
        if isinstance(domain, Pwa) and domain.head:
            return REAL
    return Pwa(c.root)


def _per_channel_where(site: Site, c: Lattice) -> Domain:
    if site.domain(1) is not None or site.domain(2) is not None:
        return _same_root_where(c, (site.domain(1), site.domain(2)))
    a, b = (np.asarray(site.const(i), dtype=np.float64) for i in (1, 2))
    if bool(np.any(a == b)):
        return Pwa(c.root)
    a, b = np.broadcast_arrays(a, b)
    if bool(np.all(a == -b)):
        return Lattice(rationals(np.abs(a)), Fraction(0), -1, 1, c.root)
    high, low = (np.asarray(rationals(f(a, b)), dtype=object) for f in (np.maximum, np.minimum))
    return make_lattice(high - low, low, 0, 1, c.root)


def _moved(site: Site) -> Domain:
    x, op = site.domain(0), site.op
    if isinstance(x, Pwa):
        return Pwa(site.out, x.head)
    if not isinstance(x, Lattice):
        return x or REAL

    def move(v: Any) -> Any:
        return v.transpose(op.perm) if op.name == "transpose" else v.reshape(op.shape)

    shape = site.shape(0)
    scale, offset = mapped(x.scale, shape, move), mapped(x.offset, shape, move)
    return Lattice(scale, offset, x.lo, x.hi, site.out)


def _concat(site: Site) -> Domain:
    parts = [site.domain(i) for i in range(len(site.node.inputs))]
    lattices = [p for p in parts if isinstance(p, Lattice)]
    if len(lattices) != len(parts):
        return REAL
    lo, hi = min(p.lo for p in lattices), max(p.hi for p in lattices)

    def joined(values: list[Rationals]) -> Rationals:
        if all(isinstance(v, Fraction) and v == values[0] for v in values):
            return values[0]
        full = [
            np.broadcast_to(np.asarray(v, dtype=object), site.shape(i))
            for i, v in enumerate(values)
        ]
        return np.asarray(np.concatenate(full, axis=site.op.axis), dtype=object)

    return make_lattice(
        joined([p.scale for p in lattices]), joined([p.offset for p in lattices]), lo, hi, site.out
    )


RULES: Final[dict[str, Callable[[Site], Domain]]] = {
    "matmul": _product,
    "conv": _product,
    "pad": _pad,
    "max_pool": _max_pool,
    "avg_pool": _avg_pool,
    "reduce_mean": _reduce,
    "reduce_sum": _reduce,
    "batch_norm": _function,
    "prelu": _function,
    "clip": _function,
    "add": _arithmetic,
    "sub": _arithmetic,
    "mul": _arithmetic,
    "div": _arithmetic,
    "sign": _decision,
    "bipolar": _decision,
    "compare": _decision,
    "where": _where,
    "transpose": _moved,
    "reshape": _moved,
    "concat": _concat,
    "argmax": lambda site: Lattice(Fraction(1), Fraction(0), 0, max(site.shape(0)), site.out),
}
