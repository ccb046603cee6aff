"""Drop nodes, constants and views that the outputs do not need."""

from __future__ import annotations

from dataclasses import dataclass

from hysteron.ir.graph import Graph


@dataclass(frozen=True)
class RemoveDeadCode:
    """Keep only what the graph outputs depend on."""

    name = "remove_dead_code"

    def run(self, graph: Graph) -> Graph:
        """Return the pruned graph, or ``graph`` itself when nothing was dead."""
        needed = set(graph.outputs)
        kept = []
        for node in reversed(graph.nodes):
            if needed & set(node.outputs):
                needed |= set(node.inputs)
                kept.append(node)
        alive = needed | {out for node in kept for out in node.outputs} | set(graph.inputs)
        consts = {k: v for k, v in graph.consts.items() if k in alive}
        views = {k: v for k, v in graph.views.items() if v.tensor in alive}
        if len(kept) == len(graph.nodes) and len(consts) == len(graph.consts):
            if len(views) == len(graph.views):
                return graph
        types = {k: v for k, v in graph.types.items() if k in alive}
        return graph.with_nodes(reversed(kept), consts=consts, views=views, types=types)
