"""What today's exporters write, node for node: fixed batches, late attributes, fused biases."""

from __future__ import annotations

import numpy as np
import onnx
from net_maker import assert_exact, checked, compiled_net
from onnx import helper, numpy_helper

Nodes = list[onnx.NodeProto]


def _model(nodes: Nodes, consts: dict[str, np.ndarray], shape: list[int]) -> onnx.ModelProto:
    kind = onnx.TensorProto.FLOAT
    nodes[-1].output[0] = "out"
    graph = helper.make_graph(
        nodes, "net",
        [helper.make_tensor_value_info("image", kind, shape)],
        [helper.make_empty_tensor_value_info("out")],
        [numpy_helper.from_array(array, name) for name, array in consts.items()],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def _where(x: str, out: str) -> Nodes:
    make = helper.make_node
    return [
        make("GreaterOrEqual", [x, "zero"], ["ge"]),
        make("Where", ["ge", "one", "less"], [out]),
    ]


def _signs(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.choice(np.array([-1, 1], dtype=np.float32), shape)


_SIGNS = {n: np.array(v, np.float32) for n, v in (("zero", 0), ("one", 1), ("less", -1))}


def test_a_gemm_of_one_sample_may_start_its_sums_with_the_bias() -> None:
    """A fixed batch of 1 is run as matrix times vector, which rounds every partial sum."""
    rng = np.random.default_rng(0)
    consts = _SIGNS | {
        "w0": _signs(rng, 8, 1, 3, 3),
        "b0": rng.normal(size=8).astype(np.float32),
        "shape": np.array([1, 288]),
        "w1": _signs(rng, 10, 288),
        "b1": rng.normal(0, 0.05, 10).astype(np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["image", "w0", "b0"], ["conv"], auto_pad="NOTSET"),
        *_where("conv", "bits"),
        helper.make_node("Reshape", ["bits", "shape"], ["flat"], allowzero=1),
        helper.make_node("Gemm", ["flat", "w1", "b1"], ["sum"], transB=1, alpha=1.0, beta=1.0),
        helper.make_node("LogSoftmax", ["sum"], ["out"], axis=1),
    ]
    model = _model(nodes, consts, [1, 1, 8, 8])
    assert_exact(checked(compiled_net(model, "float32"), 100))


def test_mean_over_the_map_with_the_attribute_of_opset_18() -> None:
    rng = np.random.default_rng(1)
    consts = _SIGNS | {
        "w0": _signs(rng, 16, 3, 3, 3),
        "axes": np.array([2, 3]),
        "w1": _signs(rng, 16, 5),
    }
    nodes = [
        helper.make_node("Conv", ["image", "w0"], ["conv"]),
        *_where("conv", "bits"),
        helper.make_node(
            "ReduceMean", ["bits", "axes"], ["mean"], keepdims=0, noop_with_empty_axes=0
        ),
        helper.make_node("MatMul", ["mean", "w1"], ["out"]),
    ]
    assert_exact(checked(compiled_net(_model(nodes, consts, [1, 3, 8, 8]), "uint8"), 50))
