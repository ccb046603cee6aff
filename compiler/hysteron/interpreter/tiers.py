"""Which tensors are exact integers underneath, and which are defined binary32.

This is the only definition of the tiers (DESIGN section 2); the passes follow
it. The rules go forward through the graph; a real-tier node pulls those of its
inputs that have no exact conversion to binary32 into the real tier, and the
walk repeats until nothing moves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np

from hysteron.interpreter import _rules
from hysteron.interpreter.domains import (
    REAL,
    Compared,
    Domain,
    Lattice,
    Pwa,
    RealTier,
    boundary,
    make_lattice,
)
from hysteron.ir.graph import Graph, InputSpec, Node
from hysteron.ir.types import LIMITS

DECISIONS = ("sign", "bipolar", "compare")
TAIL = ("softmax", "log_softmax", "argmax")


def assign_tiers(graph: Graph, probabilities: bool = False) -> dict[str, str]:
    """Return "integer" or "real" for every tensor that is not a constant.

    ``probabilities`` keeps a final softmax as part of the computation; without
    it the softmax is dropped and asks nothing of the logits.
    """
    domains = analyse(graph, probabilities)
    return {
        tensor: "real" if isinstance(domain, RealTier) else "integer"
        for tensor, domain in domains.items()
    }


@lru_cache(maxsize=16)
def analyse(graph: Graph, probabilities: bool = False) -> Mapping[str, Domain]:
    """Return the domain of every tensor that is not a constant."""
    tail = set() if probabilities else {id(node) for node in tail_nodes(graph)}
    forced: set[str] = set()
    while True:
        domains: dict[str, Domain] = {
            name: REAL if name in forced else _input(graph, name) for name in graph.inputs
        }
        pulled: set[str] = set()
        for node in graph.nodes:
            out = node.outputs[0]
            if id(node) in tail:
                domains[out] = REAL
                continue
            rule: Callable[..., Domain] = _rules.RULES.get(node.op.name, _rules.real_only)
            domain = REAL if out in forced else rule(_rules.Site(graph, node, domains))
            domains[out] = domain
            pulled |= _pulled(node, domain, domains)
        pulled |= {name for name in graph.outputs if isinstance(domains.get(name), Compared)}
        if pulled <= forced:
            return domains
        forced |= pulled


def tail_nodes(graph: Graph) -> list[Node]:
    """Return the final softmax / log-softmax / argmax nodes, last first.

    They do not change the class: dropped unless probabilities are wanted.
    """
    out: list[Node] = []
    if len(graph.outputs) != 1:
        return out
    tensor = graph.outputs[0]
    while True:
        node = graph.producer(tensor)
        if node is None or node.op.name not in TAIL:
            return out
        axis = getattr(node.op, "axis", -1)
        shape = graph.types[node.inputs[0]].shape
        if int(np.prod(shape)) != shape[axis]:
            return out
        out.append(node)
        tensor = node.inputs[0]


def logits_tensor(graph: Graph) -> str:
    """Return the tensor whose largest element is the class."""
    tail = tail_nodes(graph)
    return tail[-1].inputs[0] if tail else graph.outputs[0]


def sign_layers(graph: Graph) -> dict[str, str]:
    """Return every tensor of sign outcomes that the model names, and its decision.

    A decision the model has no name for (the inside of a BipolarQuant) is seen
    through the constants it selects or is multiplied by: values that float32
    passes on unchanged.
    """
    out: dict[str, str] = {}
    for node in graph.nodes:
        if node.op.name not in DECISIONS:
            continue
        tensor = node.outputs[0]
        while tensor not in graph.labels:
            readers = graph.consumers(tensor)
            others = [n for r in readers for n in r.inputs if n != tensor]
            plain = all(n in graph.consts for n in others)
            if len(readers) != 1 or readers[0].op.name not in ("mul", "where") or not plain:
                break
            tensor = readers[0].outputs[0]
        same_shape = graph.types[tensor].shape == graph.types[node.outputs[0]].shape
        if tensor in graph.labels and same_shape:
            out[tensor] = node.outputs[0]
    return out


def _input(graph: Graph, name: str) -> Domain:
    spec = graph.specs.get(name, InputSpec())
    if spec.dtype == "f32":
        return Compared()
    low, high = LIMITS[spec.dtype]
    return make_lattice(spec.scale, -spec.scale * spec.zero, low, high, name)


def _pulled(node: Node, domain: Domain, domains: Mapping[str, Domain]) -> set[str]:
    """Return the inputs that this node forces into the real tier."""
    inputs = [name for name in node.inputs if name in domains]
    if node.op.name in DECISIONS:
        # A head is summed fixed point: nothing but an output may read it.
        summed = {n for n in inputs if isinstance(d := domains[n], Pwa) and d.head}
        if len(inputs) > 1 and any(isinstance(domains[n], RealTier) for n in inputs):
            return summed | {n for n in inputs if not _converts(domains[n])}
        return summed
    if not isinstance(domain, RealTier):
        return set()
    return {name for name in inputs if not _converts(domains[name])}


def _converts(domain: Domain) -> bool:
    if isinstance(domain, Lattice):
        return boundary(domain) is not None
    return isinstance(domain, RealTier)
