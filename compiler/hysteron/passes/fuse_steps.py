"""Move thresholds into the kernel that computes the accumulator.

``acc = xnor_conv(..)`` followed only by ``step(acc)`` becomes one kernel with
packed output, so that no integer map of a layer is ever stored.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from hysteron.ir.graph import Graph, Node

ACCUMULATORS = ("xnor_dense", "xnor_conv", "int_dense", "int_conv")


@dataclass(frozen=True)
class FuseSteps:
    """Fuse ``step`` into its only producer."""

    name = "fuse_steps"

    def run(self, graph: Graph) -> Graph:
        """Return the fused graph, or ``graph`` itself when nothing matched."""
        producers = {out: node for node in graph.nodes for out in node.outputs}
        uses: dict[str, int] = dict.fromkeys(graph.outputs, 1)
        for node in graph.nodes:
            for tensor in node.inputs:
                uses[tensor] = uses.get(tensor, 0) + 1
        fused: dict[int, Node] = {}
        gone: set[int] = set()
        for node in graph.nodes:
            if node.op.name != "step":
                continue
            source = producers.get(node.inputs[0])
            if source is None or not _fusable(source) or uses[node.inputs[0]] != 1:
                continue
            op = replace(source.op, out=node.op.out, flips=node.op.flips)  # type: ignore[type-var, attr-defined]
            gone.add(id(source))
            fused[id(node)] = replace(
                node, op=op, inputs=source.inputs + node.inputs[1:], origin=source.origin
            )
        if not fused:
            return graph
        nodes = [fused.get(id(n), n) for n in graph.nodes if id(n) not in gone]
        vanished = {n.outputs[0] for n in graph.nodes if id(n) in gone}
        views = {k: v for k, v in graph.views.items() if v.tensor not in vanished}
        types = {k: v for k, v in graph.types.items() if k not in vanished}
        return graph.with_nodes(nodes, views=views, types=types)


def _fusable(node: Node) -> bool:
    return node.op.name in ACCUMULATORS and node.op.out == "i32"  # type: ignore[attr-defined]
