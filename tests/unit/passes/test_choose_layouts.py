"""Layouts and tiles: what is faster, what fits, and nothing that depends on data when asked."""

from __future__ import annotations

import pytest

from hysteron.ir.graph import Graph, Node
from hysteron.ir.types import TensorType
from hysteron.ops.kernel._base import KernelOp
from hysteron.ops.kernel.int_dense import IntDense
from hysteron.ops.kernel.xnor_conv import XnorConv
from hysteron.ops.kernel.xnor_dense import XnorDense
from hysteron.passes.choose_layouts import LIST_SCRATCH_BYTES, ChooseLayouts


def graph_of(op: KernelOp, *types: TensorType) -> Graph:
    names = tuple(f"t{i}" for i in range(len(types)))
    every = {**dict(zip(names, types, strict=True)), "y": op.infer(*types)[0]}
    return Graph(names[:1], ("y",), (Node(op, names, ("y",)),), every)


def dense(k: int, n: int, x: str = "b1", w: str = "b1") -> Graph:
    op = XnorDense() if x in ("b1", "t2") else IntDense()
    return graph_of(op, TensorType(x, (k,)), TensorType(w, (n, k)))


def layout(graph: Graph, wanted: str, costs: str = "scalar") -> str:
    op = ChooseLayouts(wanted, costs=costs).run(graph).nodes[0].op
    return str(op.layout)  # type: ignore[attr-defined]


def conv(outputs: int, channels: int, stride: int = 1) -> Graph:
    shapes = (TensorType("b1", (8, 8, channels)), TensorType("b1", (outputs, 3, 3, channels)))
    return graph_of(XnorConv(stride_w=stride), *shapes)


@pytest.mark.parametrize(
    ("graph", "chosen"),
    [
        (dense(1024, 1024), "sliced"),
        (dense(1024, 24), "sliced"),
        (dense(1024, 23), "rows"),  # faster sliced, but 32 / 23 of the flash
        (dense(9, 16), "sliced"),  # a row of 9 bits takes 8 bytes: sliced is smaller
        (dense(1024, 10), "rows"),
        (dense(64, 8), "rows"),
        (dense(64, 32, w="t2"), "rows"),
        (dense(1024, 32, w="t2"), "sliced"),
        (dense(64, 32, x="u8"), "sliced"),
        (dense(65536, 64), "rows"),  # a list holds 16-bit entries
    ],
)
def test_sliced_where_it_is_faster_and_its_weights_are_not_much_larger(
    graph: Graph, chosen: str
) -> None:
    assert layout(graph, "sliced") == chosen
    assert layout(graph, "rows") == "rows"


@pytest.mark.parametrize(
    ("graph", "chosen"),
    [
        (dense(1024, 1024), "sliced_ct"),
        (dense(1024, 1024, x="t2"), "rows"),
        (dense(1024, 1024, w="t2"), "rows"),
        (dense(1024, 1024, x="u8"), "rows"),
    ],
)
def test_constant_time_holds_for_binary_operands_and_rows_serve_the_rest(
    graph: Graph, chosen: str
) -> None:
    assert layout(graph, "sliced_ct") == chosen


@pytest.mark.parametrize(
    ("graph", "costs", "default", "constant_time"),
    [
        (dense(1024, 1024), "cpop", "sliced", "rows"),
        (dense(256, 32), "cpop", "rows", "rows"),  # too few outputs to pay for a list
        (dense(256, 32), "scalar", "sliced", "sliced_ct"),
        (dense(1024, 1024), "mve", "sliced", "sliced_ct"),
        (dense(27, 32), "mve", "rows", "rows"),
        (conv(64, 64), "cpop", "sliced", "rows"),  # three pixels share each listed element
        (conv(64, 64, stride=3), "cpop", "rows", "rows"),
    ],
)
def test_an_instruction_that_counts_bits_or_vectors_move_the_choice(
    graph: Graph, costs: str, default: str, constant_time: str
) -> None:
    assert layout(graph, "sliced", costs) == default
    assert layout(graph, "sliced_ct", costs) == constant_time


@pytest.mark.parametrize(
    ("width", "channels", "tile"),
    [(8, 16, 8), (16, 64, 16), (48, 64, 16), (40, 8, 20), (9, 512, 1)],
)
def test_the_widest_tile_whose_list_stays_small_is_taken(
    width: int, channels: int, tile: int
) -> None:
    shapes = (TensorType("b1", (4, width, channels)), TensorType("b1", (32, 3, 3, channels)))
    graph = graph_of(XnorConv(pad_left=1, pad_right=1), *shapes)
    op = ChooseLayouts("sliced").run(graph).nodes[0].op
    assert isinstance(op, XnorConv)
    assert (op.layout, op.tile) == ("sliced", tile)
    assert op.scratch_bytes(*shapes) <= LIST_SCRATCH_BYTES or tile == 1


def test_nothing_to_choose_returns_the_same_graph() -> None:
    chosen = ChooseLayouts("sliced").run(dense(1024, 64))
    assert ChooseLayouts("sliced").run(chosen) is chosen


@pytest.mark.parametrize(("room", "shared"), [(4096, 8), (1151, 7), (384, 2), (256, 1), (0, 1)])
def test_as_many_blocks_share_a_list_as_the_scratch_holds(room: int, shared: int) -> None:
    """An integer product of 64 inputs needs 128 bytes of list and 128 of sums per block."""
    graph = dense(64, 256, x="u8")
    op = ChooseLayouts("sliced", list_scratch=room).run(graph).nodes[0].op
    assert isinstance(op, IntDense)
    types = [graph.types[name] for name in graph.nodes[0].inputs]
    assert (op.layout, op.shared) == ("sliced", shared)
    assert op.scratch_bytes(*types) == 128 + 128 * shared
