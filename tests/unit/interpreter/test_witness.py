from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest

from hysteron.errors import ToolchainError
from hysteron.interpreter.engines import OnnxruntimeWitness, needs_qonnx
from hysteron.interpreter.imported import run_imported
from hysteron.interpreter.tiers import assign_tiers
from hysteron.interpreter.witness import FLOAT_TIE, OK, UNEXPLAINED, check_witness
from hysteron.ir.graph import Graph, InputSpec

_SAME = {"matmul": "MatMul", "add": "Add", "sub": "Sub", "mul": "Mul", "sign": "Sign"}


def as_onnx(graph: Graph) -> bytes:
    """Spell a graph of a few ops in ONNX, independently of the frontend."""
    make = onnx.helper
    nodes = []
    for node in graph.nodes:
        op: Any = node.op
        inputs = [f"t_{name}" for name in node.inputs]
        out = [f"t_{node.outputs[0]}"]
        if op.name in _SAME:
            nodes.append(make.make_node(_SAME[op.name], inputs, out))
        elif op.name == "batch_norm":
            nodes.append(make.make_node("BatchNormalization", inputs, out, epsilon=op.epsilon))
        elif op.name == "conv":
            nodes.append(
                make.make_node(
                    "Conv",
                    inputs,
                    out,
                    strides=op.strides,
                    pads=op.pads,
                    dilations=op.dilations,
                    group=op.group,
                )
            )
        elif op.name == "max_pool":
            nodes.append(
                make.make_node("MaxPool", inputs, out, kernel_shape=op.kernel, strides=op.strides)
            )
        else:
            assert op.name == "reshape"
            shape = onnx.numpy_helper.from_array(np.array([0, *op.shape[1:]]), f"s_{out[0]}")
            nodes.append(make.make_node("Constant", [], [f"s_{out[0]}"], value=shape))
            nodes.append(make.make_node("Reshape", [*inputs, f"s_{out[0]}"], out))
    constants = [onnx.numpy_helper.from_array(a, f"t_{n}") for n, a in graph.consts.items()]
    kind = onnx.TensorProto.FLOAT
    inner = graph.types["v0"].shape[1:]
    body = make.make_graph(
        nodes,
        "net",
        [make.make_tensor_value_info("t_v0", kind, ["N", *inner])],
        [make.make_tensor_value_info(f"t_{graph.outputs[0]}", kind, None)],
        constants,
    )
    model = make.make_model(body, opset_imports=[make.make_opsetid("", 13)], ir_version=8)
    return bytes(model.SerializeToString())


def network(make_net: Any, scale: float = 1.0) -> tuple[Graph, np.ndarray[Any, Any]]:
    rng = np.random.default_rng(11)
    net = make_net((2, 8, 8), InputSpec("u8"))
    x = net.add("sign", net.add("sub", "v0", np.float32(127.5)))
    x = net.add(
        "conv",
        x,
        rng.choice([-1.0, 1.0], size=(8, 2, 3, 3)) * np.float32(scale),
        strides=(1, 1),
        pads=(1, 1, 1, 1),
        dilations=(1, 1),
        group=1,
    )
    x = net.add("max_pool", x, kernel=(2, 2), strides=(2, 2), pads=(0,) * 4, dilations=(1, 1))
    x = net.batch_norm(
        x, rng.normal(size=8), rng.normal(size=8), rng.normal(size=8) * 3 * scale, scale * scale
    )
    x = net.add("reshape", net.add("sign", x), shape=(1, 128))
    x = net.add("matmul", x, rng.choice([-1.0, 1.0], size=(128, 32)) * np.float32(scale))
    x = net.batch_norm(
        x, rng.normal(size=32), rng.normal(size=32), rng.normal(size=32) * 5 * scale, 40 * scale**2
    )
    x = net.add("matmul", net.add("sign", x), rng.choice([-1.0, 1.0], size=(32, 5)))
    graph = net.graph(net.batch_norm(x, rng.normal(size=5), rng.normal(size=5), 0.0, 30.0))
    return graph, rng.integers(0, 256, size=(60, 2, 8, 8)).astype(np.uint8)


def judge(graph: Graph, model: bytes, data: Any) -> Any:
    tiers = assign_tiers(graph)
    run = run_imported(graph, tiers, {"v0": data})
    return run, check_witness(OnnxruntimeWitness(model), graph, tiers, {"v0": data}, run)


@pytest.mark.parametrize("scale", [1.0, 0.3])
def test_the_same_network_in_float32_is_fully_explained(scale: float, make_net: Any) -> None:
    graph, data = network(make_net, scale)
    run, report = judge(graph, as_onnx(graph), data)
    assert report.unexplained == 0
    assert np.array_equal(report.classes[report.status == OK], run.classes[report.status == OK])


def _const_of(graph: Graph, node_name: str, place: int, number: int) -> str:
    nodes = [node for node in graph.nodes if node.op.name == node_name]
    return nodes[place].inputs[number]


def off_by_one(graph: Graph) -> Graph:
    # The accumulator has one parity, so the next lattice point is two away.
    step = 2 * np.abs(graph.consts[_const_of(graph, "matmul", 0, 1)]).max()
    name = _const_of(graph, "batch_norm", 1, 3)
    return replace(graph, consts={**graph.consts, name: graph.consts[name] + step})


def swapped_channel(graph: Graph) -> Graph:
    name = _const_of(graph, "matmul", 0, 1)
    w = graph.consts[name].copy()
    w[:, [0, 1]] = w[:, [1, 0]]
    return replace(graph, consts={**graph.consts, name: w})


def wrong_pad(graph: Graph) -> Graph:
    conv: Any = next(n.op for n in graph.nodes if n.op.name == "conv")
    shifted = replace(conv, pads=(2, 1, 0, 1))
    nodes = [replace(n, op=shifted) if n.op is conv else n for n in graph.nodes]
    return replace(graph, nodes=tuple(nodes))


def swapped_logits(graph: Graph) -> Graph:
    name = _const_of(graph, "matmul", 1, 1)
    w = graph.consts[name].copy()
    w[:, [0, 1]] = w[:, [1, 0]]
    return replace(graph, consts={**graph.consts, name: w})


@pytest.mark.parametrize("plant", [off_by_one, swapped_channel, wrong_pad, swapped_logits])
@pytest.mark.parametrize("scale", [1.0, 0.3])
def test_planted_bug_is_unexplained(plant: Any, scale: float, make_net: Any) -> None:
    graph, data = network(make_net, scale)
    _, report = judge(plant(graph), as_onnx(graph), data)
    assert report.unexplained > 0
    assert set(report.reasons) == set(np.flatnonzero(report.status == UNEXPLAINED).tolist())


def cancelling(make_net: Any) -> tuple[Graph, np.ndarray[Any, Any]]:
    """Scaled weights without bias and an even K: exact zeros that float32 misses."""
    rng = np.random.default_rng(2)
    net = make_net((64,), InputSpec("i8"))
    x = net.add("sign", "v0")
    w = rng.choice([-1.0, 1.0], size=(64, 24)) * np.float32(0.1234567)
    x = net.add("sign", net.add("matmul", x, w))
    graph = net.graph(net.add("matmul", x, rng.choice([-1.0, 1.0], size=(24, 3))))
    return graph, rng.choice([-3, 5], size=(80, 64)).astype(np.int8)


def test_zeros_by_cancellation_are_float_ties_not_errors(make_net: Any) -> None:
    graph, data = cancelling(make_net)
    run, report = judge(graph, as_onnx(graph), data)
    assert run.zero_cancellations.sum() > 0
    assert report.unexplained == 0
    assert report.float_ties > 0


def test_wrong_signs_of_tiny_nonzero_sums_are_float_ties(make_net: Any) -> None:
    rng = np.random.default_rng(6)
    net = make_net((64,), InputSpec("i8"))
    a = np.float32(0.1234567)
    total = net.add("matmul", net.add("sign", "v0"), rng.choice([-1.0, 1.0], size=(64, 24)) * a)
    # One float beside -2a: the sum that meets it is tiny, not zero.
    biased = net.add("add", total, np.nextafter(np.float32(-2) * a, np.float32(0)))
    x = net.add("sign", biased)
    graph = net.graph(net.add("matmul", x, rng.choice([-1.0, 1.0], size=(24, 3))))
    data = rng.choice([-3, 5], size=(80, 64)).astype(np.int8)
    run, report = judge(graph, as_onnx(graph), data)
    assert run.zero_cancellations.sum() == 0
    assert report.unexplained == 0
    assert report.float_ties > 0


class Liar:
    """onnxruntime with one bit of one sample turned."""

    name = "liar"

    def __init__(self, model: bytes, layer: str, place: tuple[int, int]) -> None:
        self._truth, self._layer, self._place = OnnxruntimeWitness(model), layer, place

    def run(self, feeds: Mapping[str, Any], wanted: list[str]) -> dict[str, Any]:
        found = self._truth.run(feeds, wanted)
        found[self._layer] = found[self._layer].copy()
        found[self._layer][self._place] *= -1
        return found


def test_one_turned_bit_far_from_its_threshold_is_unexplained(make_net: Any) -> None:
    graph, data = network(make_net)
    tiers = assign_tiers(graph)
    run = run_imported(graph, tiers, {"v0": data}, decisions=True)
    layer = [n.outputs[0] for n in graph.nodes if n.op.name == "sign"][-1]
    far = int(np.argmax(np.abs(run.decisions[layer].margin.val[7])))
    liar = Liar(as_onnx(graph), f"t_{layer}", (7, far))
    report = check_witness(liar, graph, tiers, {"v0": data}, run)
    assert np.flatnonzero(report.status == UNEXPLAINED).tolist() == [7]
    assert report.reasons[7] == f"sign layer {layer}"


def test_samples_without_any_difference_are_ok(make_net: Any) -> None:
    graph, data = network(make_net)
    _, report = judge(graph, as_onnx(graph), data)
    assert (report.status == OK).all()
    assert FLOAT_TIE not in report.status


def test_model_with_a_fixed_batch_of_one_runs_sample_by_sample(make_net: Any) -> None:
    net = make_net((4,), InputSpec("i8"))
    x = net.add("sign", "v0")
    graph = net.graph(net.add("matmul", x, np.eye(4, 2) * 2 - 1))
    model = onnx.load_model_from_string(as_onnx(graph))
    shape = onnx.numpy_helper.from_array(np.array([1, 4]), "fixed")
    model.graph.initializer.append(shape)
    model.graph.node.insert(0, onnx.helper.make_node("Reshape", ["t_v0", "fixed"], ["flat"]))
    model.graph.node[1].input[0] = "flat"
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    data = np.random.default_rng(0).integers(-9, 9, size=(6, 4)).astype(np.int8)
    run, report = judge(graph, model.SerializeToString(), data)
    assert report.status.tolist() == [OK] * 6
    assert np.array_equal(report.classes, run.classes)


def test_engine_that_lacks_an_operator_is_named() -> None:
    make, kind = onnx.helper, onnx.TensorProto.FLOAT
    scale = onnx.numpy_helper.from_array(np.array(1, dtype=np.float32), "one")
    body = make.make_graph(
        [make.make_node("BipolarQuant", ["x", "one"], ["y"], domain="onnx.brevitas")],
        "q",
        [make.make_tensor_value_info("x", kind, [1, 2])],
        [make.make_tensor_value_info("y", kind, [1, 2])],
        [scale],
    )
    opsets = [make.make_opsetid("", 9), make.make_opsetid("onnx.brevitas", 1)]
    model = make.make_model(body, opset_imports=opsets, ir_version=8).SerializeToString()
    assert needs_qonnx(model)
    with pytest.raises(ToolchainError, match="cannot run this model"):
        OnnxruntimeWitness(model).run({"x": np.zeros((1, 2), dtype=np.float32)}, ["y"])


def test_qonnx_package_stands_witness_for_bipolar_quant(make_net: Any) -> None:
    pytest.importorskip("qonnx", reason="the qonnx package is not installed")
    from hysteron.interpreter.engines import QonnxWitness

    net = make_net((5,), InputSpec("i8"))
    bits = net.add("bipolar", "v0")
    w = np.random.default_rng(4).choice([-1.0, 1.0], size=(5, 3)).astype(np.float32)
    graph = net.graph(net.add("matmul", bits, w))
    make, kind = onnx.helper, onnx.TensorProto.FLOAT
    tensors = [
        onnx.numpy_helper.from_array(a, n)
        for a, n in ((np.array(1, dtype=np.float32), "one"), (w, "w"))
    ]
    body = make.make_graph(
        [
            make.make_node("BipolarQuant", ["t_v0", "one"], ["t_v1"], domain="onnx.brevitas"),
            make.make_node("MatMul", ["t_v1", "w"], ["t_v2"]),
        ],
        "q",
        [make.make_tensor_value_info("t_v0", kind, [1, 5])],
        [make.make_tensor_value_info("t_v2", kind, [1, 3])],
        tensors,
    )
    opsets = [make.make_opsetid("", 9), make.make_opsetid("onnx.brevitas", 1)]
    model = make.make_model(body, opset_imports=opsets, ir_version=8).SerializeToString()
    data = np.random.default_rng(1).integers(-2, 3, size=(8, 5)).astype(np.int8)
    tiers = assign_tiers(graph)
    run = run_imported(graph, tiers, {"v0": data})
    report = check_witness(QonnxWitness(model), graph, tiers, {"v0": data}, run)
    assert report.status.tolist() == [OK] * 8
