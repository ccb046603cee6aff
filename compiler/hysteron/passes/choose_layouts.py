"""Choose the weight layout and the tile of each layer for a target.

Without a popcount instruction the set-bit list over 32-output groups needs half
the instructions of any popcount formulation, so such ISAs ask for ``sliced``; with one in
scalar registers (Zbb) it still wins for many outputs, and with vectors (MVE) for most layers.
A layer stays in ``rows`` where that is expected to be faster (layout_costs), or
where its outputs fill their last group of 32 so badly that its weights, stored
for the whole group, would take much more flash. In ``rows`` a tile of several pixels reads each
row of weights once per tile; it costs scratch RAM, so small targets keep single
pixels. In ``sliced`` the pixels of a tile share a list of set bits: the widest
tile is taken whose scratch stays small. ``sliced_ct`` reads the same weights
without a list and holds for binary operands; the other layers stay in ``rows``,
whose time does not depend on data either.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from hysteron.ir.graph import Graph, Node
from hysteron.ir.op import Op
from hysteron.ir.types import TensorType
from hysteron.ops.kernel._conv import INT_BLOCKS
from hysteron.ops.kernel.int_conv import IntConv
from hysteron.ops.kernel.int_dense import IntDense
from hysteron.ops.kernel.xnor_conv import XnorConv
from hysteron.ops.kernel.xnor_dense import XnorDense
from hysteron.passes.layout_costs import Product, instructions, weight_bytes

#: Scratch that lists shared by several pixels or blocks may take, unless the instruction set
#: says less: a quarter of the RAM of the smallest parts (16 KB). Assumption: beyond it, longer
#: lists save little (docs/kernels.md).
LIST_SCRATCH_BYTES: Final = 4096
#: Flash that speed may cost, times the weights in ``rows``. Assumption: 24 of 32 outputs used.
MOST_WEIGHT_BYTES: Final = 4 / 3


@dataclass(frozen=True)
class ChooseLayouts:
    """Set the ``layout`` and ``tile`` fields of every kernel that has them to the ISA's choice.

    ``costs`` names the coefficients of layout_costs that hold for its kernels.
    """

    name = "choose_layouts"
    layout: str = "rows"
    tile: int = 1
    list_scratch: int = LIST_SCRATCH_BYTES
    costs: str = "scalar"

    def run(self, graph: Graph) -> Graph:
        """Return the graph with layouts and tiles set, or itself when none changed."""
        nodes = [self._chosen(graph, node) for node in graph.nodes]
        changed = any(new is not old for new, old in zip(nodes, graph.nodes, strict=True))
        return graph.with_nodes(nodes) if changed else graph

    def _chosen(self, graph: Graph, node: Node) -> Node:
        layout = self._layout(graph, node)
        tile = self.tile if layout == "rows" else 1
        if layout == "sliced":
            tile = self._shared_tile(graph, node)
        wanted = {"layout": layout, "tile": tile, "shared": self._shared(graph, node, layout)}
        fields = {
            key: value for key, value in wanted.items() if getattr(node.op, key, value) != value
        }
        if not fields:
            return node
        return replace(node, op=replace(node.op, **fields))  # type: ignore[type-var]

    def _layout(self, graph: Graph, node: Node) -> str:
        product = product_of(graph, node)
        if self.layout == "rows" or product is None or product.k >= 2**16:
            return "rows"
        if self.layout == "sliced_ct" and not _is_binary(graph, node):
            return "rows"
        sliced, rows = (instructions(product, one, self.costs) for one in (self.layout, "rows"))
        room = MOST_WEIGHT_BYTES * weight_bytes(product, "rows")
        return (
            "rows" if sliced >= rows or weight_bytes(product, self.layout) > room else self.layout
        )

    def _shared_tile(self, graph: Graph, node: Node) -> int:
        """Return the most pixels of a row, at most 32, that share a list within the bound."""
        if not isinstance(node.op, XnorConv) or not _is_binary(graph, node):
            return 1
        types = [graph.types[name] for name in node.inputs]
        width = graph.types[node.outputs[0]].shape[1]
        for pieces in range(-(-width // 32), width):
            tile = -(-width // pieces)
            op = replace(node.op, layout="sliced", tile=tile)
            if op.scratch_bytes(*types) <= self.list_scratch:
                return tile
        return 1

    def _shared(self, graph: Graph, node: Node, layout: str) -> int:
        """Return the most blocks of outputs that share the lists of an integer product."""
        if not isinstance(node.op, IntConv | IntDense) or layout != "sliced":
            return INT_BLOCKS
        types = [graph.types[name] for name in node.inputs]
        for shared in range(INT_BLOCKS, 1, -1):
            op = replace(node.op, layout=layout, shared=shared)
            if op.scratch_bytes(*types) <= self.list_scratch:
                return shared
        return 1


def _is_binary(graph: Graph, node: Node) -> bool:
    """Return True for a product of b1 inputs and b1 weights."""
    binary = isinstance(node.op, XnorConv | XnorDense)
    return binary and {graph.types[name].dtype for name in node.inputs[:2]} == {"b1"}


def product_of(graph: Graph, node: Node) -> Product | None:
    """Return the node's product of bits, None for an op without a layout."""
    if not hasattr(node.op, "layout"):
        return None
    x, w = (graph.types[name] for name in node.inputs[:2])
    groups = int(getattr(node.op, "groups", 1))
    shared = _sharing(node.op, w) if x.dtype == w.dtype == "b1" else 1
    return Product(x.dtype, w.dtype, w.size // w.shape[0], w.shape[0] // groups, groups, shared)


def _sharing(op: Op, w: TensorType) -> int:
    """Return how many pixels of a row use an element that a tile lists once per kernel row."""
    if not isinstance(op, XnorConv) or op.dilation_w != 1:
        return 1
    return max(1, w.shape[2] // op.stride_w)
