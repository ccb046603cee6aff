"""Give every activation a place in the arena of the context."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hysteron.image.program import Plan
from hysteron.ir.graph import Graph
from hysteron.ops.kernel._base import KernelOp, packed_bytes

ALIGN = 8


@dataclass(frozen=True)
class Interval:
    """A buffer of ``size`` bytes that lives from node ``first`` to ``last``."""

    tensor: str
    size: int
    first: int
    last: int


def plan_buffers(graph: Graph) -> Plan:
    """Return offsets, arena size and its lower bound (largest live set), in bytes.

    Inputs stay in the caller's memory. Reshapes share their input's buffer.
    """
    root = {name: name for name in graph.types}
    for node in graph.nodes:
        if getattr(node.op, "ALIAS", False):
            root[node.outputs[0]] = root[node.inputs[0]]
    intervals = _lifetimes(graph, root)
    bound = _largest_live_set(intervals, len(graph.nodes))
    candidates = (
        _place(sorted(intervals, key=lambda b: (-b.size, b.first))),
        _place(sorted(intervals, key=lambda b: (b.first, -b.size))),
        _place(sorted(intervals, key=lambda b: (-b.size * (b.last - b.first + 1), b.first))),
        _place(sorted(intervals, key=lambda b: (-(b.last - b.first), -b.size))),
    )
    offsets, total = min(candidates, key=lambda c: c[1])
    for tensor, owner in root.items():
        if owner in offsets:
            offsets[tensor] = offsets[owner]
    scratch = 0
    for node in graph.nodes:
        assert isinstance(node.op, KernelOp)
        types = [graph.types[name] for name in node.inputs]
        scratch = max(scratch, node.op.scratch_bytes(*types))
    return Plan(
        offsets=offsets,
        arena_bytes=total,
        scratch_bytes=_aligned(scratch),
        lower_bound_bytes=bound,
        steps=tuple(range(len(graph.nodes))),
    )


def _aligned(size: int) -> int:
    return (size + ALIGN - 1) // ALIGN * ALIGN


def _lifetimes(graph: Graph, root: dict[str, str]) -> list[Interval]:
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    outside = set(graph.inputs) | set(graph.consts)
    for i, node in enumerate(graph.nodes):
        for tensor in node.outputs:
            first.setdefault(root[tensor], i)
            last[root[tensor]] = max(last.get(root[tensor], i), i)
        for tensor in node.inputs:
            last[root[tensor]] = i
    for tensor in graph.outputs:
        last[root[tensor]] = len(graph.nodes)
    sizes = {t: _aligned(packed_bytes(k.dtype, k.size)) for t, k in graph.types.items()}
    return [Interval(t, sizes[t], at, last[t]) for t, at in first.items() if t not in outside]


def _largest_live_set(intervals: Iterable[Interval], steps: int) -> int:
    change = [0] * (steps + 2)
    for buffer in intervals:
        change[buffer.first] += buffer.size
        change[buffer.last + 1] -= buffer.size
    live = peak = 0
    for delta in change:
        live += delta
        peak = max(peak, live)
    return peak


def _place(order: list[Interval]) -> tuple[dict[str, int], int]:
    """Put each buffer at the lowest offset free during its whole life."""
    placed: list[tuple[int, Interval]] = []
    offsets: dict[str, int] = {}
    for buffer in order:
        offset = 0
        for other_offset, other in sorted(placed, key=lambda p: p[0]):
            if other.last < buffer.first or other.first > buffer.last:
                continue
            if offset + buffer.size <= other_offset:
                break
            offset = max(offset, other_offset + other.size)
        placed.append((offset, buffer))
        offsets[buffer.tensor] = offset
    total = max((at + b.size for at, b in placed), default=0)
    return offsets, total
