"""The passes keep the function, name themselves, and refuse what cannot be exact."""

from __future__ import annotations

import dataclasses

import pytest

from hysteron._assets import asset_dir
from hysteron.chips.draw import chip_images
from hysteron.driver.compile import CompiledModel, Options, compile_model
from hysteron.driver.passes import PassLog
from hysteron.errors import InternalError
from hysteron.image.layout import relayout
from hysteron.image.program import Program
from hysteron.ir.graph import Graph
from hysteron.ir.verify import verify
from hysteron.memory.channel import Channel
from hysteron.passes.fuse_steps import FuseSteps
from hysteron.passes.plan_buffers import plan_buffers
from hysteron.passes.remove_dead_code import RemoveDeadCode

MODELS = sorted(path.parent.name for path in asset_dir("models").glob("*/*.onnx"))


def build(name: str, target: str = "host", log: PassLog | None = None) -> CompiledModel:
    path = asset_dir("models") / name / f"{name}.onnx"
    return compile_model(path, Options(inputs=("uint8",), target=target), log)


@pytest.mark.parametrize("name", MODELS)
def test_every_pass_keeps_the_function_of_every_reference_model(name):
    log = PassLog()
    compiled = build(name, log=log)
    assert log.first_broken(compiled, count=8) is None
    assert log.names[0] == "lower_to_kernels"


def test_a_pass_that_shifts_a_threshold_is_named():
    log = PassLog()
    compiled = build("digits_mlp", log=log)
    name, graph = log.graphs[-1]
    first = next(n for n in graph.nodes if n.op.name == "int_dense")
    consts = dict(graph.consts)
    consts[first.inputs[2]] = consts[first.inputs[2]] + 200
    log.graphs[-1] = (name, dataclasses.replace(graph, consts=consts))
    assert log.first_broken(compiled) == name


@pytest.mark.parametrize("name", MODELS)
def test_arena_is_within_five_percent_of_the_largest_live_set(name):
    plan = build(name).program.plan
    assert plan.arena_bytes <= 1.05 * plan.lower_bound_bytes


@pytest.mark.parametrize("name", MODELS)
def test_live_buffers_never_overlap(name):
    program = build(name).program
    graph, plan = program.final, program.plan
    last = {t: i for i, n in enumerate(graph.nodes) for t in n.inputs}
    last |= dict.fromkeys(graph.outputs, len(graph.nodes))
    fresh = plan_buffers(graph)
    assert fresh == plan
    for i, node in enumerate(graph.nodes):
        if getattr(node.op, "ALIAS", False):
            continue
        live = [t for t in plan.offsets if t in last and last[t] >= i and _written(graph, t) < i]
        for out in node.outputs:
            for other in live:
                if _root(graph, other) == _root(graph, out):
                    continue
                assert not _overlap(program, out, other), (out, other)


def _written(graph: Graph, tensor: str) -> int:
    return next((i for i, n in enumerate(graph.nodes) if tensor in n.outputs), -1)


def _root(graph: Graph, tensor: str) -> str:
    node = graph.producer(tensor)
    if node is not None and getattr(node.op, "ALIAS", False):
        return _root(graph, node.inputs[0])
    return tensor


def _overlap(program, left, right) -> bool:
    from hysteron.ops.kernel._base import packed_bytes

    spans = []
    for tensor in (left, right):
        kind = program.final.types[tensor]
        at = program.plan.offsets[tensor]
        spans.append((at, at + packed_bytes(kind.dtype, kind.size)))
    return bool(spans[0][0] < spans[1][1] and spans[1][0] < spans[0][1])


def test_nothing_to_do_returns_the_same_graph_object():
    graph = build("digits_mlp").program.final
    assert FuseSteps().run(graph) is graph
    assert RemoveDeadCode().run(graph) is graph


def test_no_integer_map_is_left_in_front_of_a_pooling_layer():
    graph = build("mnist_cnn").program.final
    maps = [k for t, k in graph.types.items() if k.dtype == "i32" and len(k.shape) == 3]
    assert maps == []


def test_verifier_names_the_pass_and_the_tensor():
    graph = build("digits_mlp").program.final
    broken = graph.with_nodes(graph.nodes[1:])
    with pytest.raises(InternalError, match="pass cut: invalid graph"):
        verify(broken, "cut")


def test_the_same_model_compiles_to_the_same_bytes():
    one, two = (build("digits_cnn").program for _ in range(2))
    assert one.images == two.images
    assert one.layout.layout_id == two.layout.layout_id


@pytest.mark.parametrize("name", ["digits_mlp", "digits_cnn"])
def test_a_corrupted_m4_image_means_the_same_on_the_host(name):
    host, part = build(name), build(name, "cortex-m4")
    wrong = _chip(part.program)
    moved = relayout(wrong, part.program.layout, host.program.layout)
    back = relayout(moved, host.program.layout, part.program.layout)
    assert back == wrong
    assert moved == _chip(host.program)


def _chip(program: Program) -> dict[str, bytes]:
    """Return one chip with 3 % bit errors everywhere."""
    channels = dict.fromkeys((s.name for s in program.layout.sections), Channel.symmetric(0.03))
    return chip_images(program.layout, program.images, channels, 5, 0)
