"""Watching the passes: dumps, and which one first changed the function."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hysteron.driver.samples import random_samples
from hysteron.interpreter.final import run_final
from hysteron.interpreter.imported import run_imported
from hysteron.ir.graph import Graph
from hysteron.ops.text import print_graph

if TYPE_CHECKING:
    from hysteron.driver.compile import CompiledModel


class PassLog:
    """Called after each pass; keeps the graphs for ``--check-passes``."""

    def __init__(self, dump_after: str | None = None) -> None:
        self.graphs: list[tuple[str, Graph]] = []
        self.dumped: str | None = None
        self._dump_after = dump_after

    def __call__(self, name: str, graph: Graph) -> None:
        """Remember a pass and its graph."""
        self.graphs.append((name, graph))
        if name == self._dump_after:
            self.dumped = print_graph(graph)

    @property
    def names(self) -> list[str]:
        """Names of the passes that ran, in order."""
        return [name for name, _ in self.graphs]

    def first_broken(self, compiled: CompiledModel, count: int = 32, seed: int = 0) -> str | None:
        """Return the first pass whose graph disagrees with the imported one.

        All tensors that both graphs have are compared on seeded random samples.
        """
        from hysteron.driver.compile import imported_inputs, kernel_inputs
        from hysteron.driver.verify import same_view

        samples = random_samples(compiled.model.graph, count, seed)
        own = imported_inputs(compiled.program, samples)
        run = run_imported(compiled.model.graph, compiled.tiers, own, keep="all")
        deployed = kernel_inputs(compiled.program, samples)
        for name, graph in self.graphs:
            final = run_final(graph, deployed)
            for imported, view in graph.views.items():
                if imported in run.values and not same_view(run.values[imported], final, view):
                    return name
            scores = np.asarray(final[graph.outputs[0]]).reshape(count, -1)
            if compiled.head.kind == "integer" and (scores.argmax(axis=1) != run.classes).any():
                return name
        return None
