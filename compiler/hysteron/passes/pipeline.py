"""The passes in order, each with a name; the driver checks the graph in between."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from hysteron.ir.graph import Graph
from hysteron.ir.verify import verify
from hysteron.passes.choose_layouts import ChooseLayouts
from hysteron.passes.fuse_steps import FuseSteps
from hysteron.passes.lower_to_kernels import Lowered, LowerToKernels
from hysteron.passes.lowering.head import Head
from hysteron.passes.remove_dead_code import RemoveDeadCode


class Pass(Protocol):
    """A rewrite of kernel graphs; returns the same object when nothing matched."""

    name: str

    def run(self, graph: Graph) -> Graph:
        """Return the rewritten graph."""


def kernel_passes(choose: ChooseLayouts) -> tuple[Pass, ...]:
    """Return the passes over kernel graphs, in order; ``choose`` knows the target."""
    return (RemoveDeadCode(), FuseSteps(), RemoveDeadCode(), choose)


@dataclass(frozen=True)
class Compiled:
    """The final graph, how its output reads, and what was dropped at the end."""

    graph: Graph
    head: Head
    dropped: tuple[str, ...]


def run_pipeline(
    source: Graph,
    tiers: Mapping[str, str],
    choose: ChooseLayouts,
    after: Callable[[str, Graph], None] | None = None,
) -> Compiled:
    """Lower and optimise; ``after`` is called with each pass's name and result.

    Raises UnsupportedError when something cannot be lowered exactly, and
    InternalError when a pass leaves an invalid graph.
    """
    lowered: Lowered = LowerToKernels(tiers).run(source)
    graph = lowered.graph
    verify(graph, "lower_to_kernels")
    if after:
        after("lower_to_kernels", graph)
    for step in kernel_passes(choose):
        graph = step.run(graph)
        verify(graph, step.name)
        if after:
            after(step.name, graph)
    return Compiled(graph, lowered.head, lowered.dropped)
