"""Every ONNX spelling, run on a batch of three, equals onnxruntime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

RNG = np.random.default_rng(0)


def whole(*shape: int) -> np.ndarray:
    return RNG.integers(-4, 5, shape).astype(np.float32)


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


VEC = "(float[N,6] x) => (float y)"
MAP = "(float[N,4,9,7] x) => (float y)"
SIG = "(float[N,4,11] x) => (float y)"
BOOL = "(float[N,6] x) => (bool y)"
W = np.where(RNG.random((6, 5)) < 0.5, -1, 1).astype(np.float32)
F2 = np.where(RNG.random((8, 4, 3, 3)) < 0.5, -1, 1).astype(np.float32)
F1 = np.where(RNG.random((8, 4, 3)) < 0.5, -1, 1).astype(np.float32)
BN = {
    "g": whole(4),
    "b": whole(4),
    "m": whole(4),
    "v": np.array([0.5, 1, 2, 3], np.float32),
}

#: id -> (graph text, constants, opset)
CASES: dict[str, tuple[str, dict[str, Any], int]] = {
    "matmul": (VEC + "{ y = MatMul(x, w) }", {"w": W}, 13),
    "matmul_vector": (VEC + "{ y = MatMul(x, w) }", {"w": W[:, 0]}, 13),
    "matmul_unit_batch": (
        "(float[1,6] x) => (float y) { y = MatMul(x, w) }",
        {"w": W[None]},
        13,
    ),
    "matmul_const_left": (SIG + "{ y = MatMul(w, x) }", {"w": whole(5, 4)}, 13),
    "matmul_three_axes": (SIG + "{ y = MatMul(x, w) }", {"w": whole(11, 3)}, 13),
    "gemm": (VEC + "{ y = Gemm(x, w, c) }", {"w": W, "c": whole(5)}, 13),
    "gemm_all": (
        VEC + "{ y = Gemm<alpha = 0.5, beta = 0.25, transB = 1>(x, w, c) }",
        {"w": W.T.copy(), "c": whole(1, 5)},
        9,
    ),
    "conv": (MAP + "{ y = Conv(x, w) }", {"w": F2}, 13),
    "conv_bias_pads": (
        MAP + "{ y = Conv<pads=[0,1,2,3], strides=[2,1], dilations=[1,2]>(x, w, b) }",
        {"w": F2, "b": whole(8)},
        13,
    ),
    "conv_groups": (
        MAP + "{ y = Conv<group=4, kernel_shape=[3,3]>(x, w) }",
        {"w": F2[:, :1]},
        7,
    ),
    "conv_1d": (SIG + "{ y = Conv<pads=[2,1], strides=[2]>(x, w) }", {"w": F1}, 13),
    "conv_same_upper": (
        MAP + '{ y = Conv<auto_pad="SAME_UPPER", strides=[2,2]>(x, w) }',
        {"w": F2[:, :, :, :2]},
        13,
    ),
    "conv_same_lower": (
        MAP + '{ y = Conv<auto_pad="SAME_LOWER", strides=[2,3]>(x, w) }',
        {"w": F2[:, :, :, :2]},
        13,
    ),
    "conv_valid": (MAP + '{ y = Conv<auto_pad="VALID">(x, w) }', {"w": F2}, 13),
    "max_pool": (MAP + "{ y = MaxPool<kernel_shape=[2,2], strides=[2,2]>(x) }", {}, 8),
    "max_pool_ceil": (
        MAP + "{ y = MaxPool<kernel_shape=[2,3], strides=[2,2], ceil_mode=1>(x) }",
        {},
        12,
    ),
    "max_pool_ceil_pads": (
        SIG + "{ y = MaxPool<kernel_shape=[3], strides=[4], pads=[1,1], ceil_mode=1>(x) }",
        {},
        12,
    ),
    "max_pool_dilated": (
        MAP + "{ y = MaxPool<kernel_shape=[2,2], dilations=[2,3], pads=[1,0,1,1]>(x) }",
        {},
        12,
    ),
    "max_pool_same": (
        MAP + '{ y = MaxPool<kernel_shape=[3,3], strides=[2,2], auto_pad="SAME_UPPER">(x) }',
        {},
        12,
    ),
    "average_pool": (
        MAP + "{ y = AveragePool<kernel_shape=[2,3], strides=[2,1], pads=[1,1,0,1]>(x) }",
        {},
        11,
    ),
    "average_pool_counts_pads": (
        MAP + "{ y = AveragePool<kernel_shape=[3,3], pads=[1,1,1,1], count_include_pad=1>(x) }",
        {},
        11,
    ),
    "average_pool_ceil": (
        MAP + "{ y = AveragePool<kernel_shape=[2,2], strides=[2,2], ceil_mode=1>(x) }",
        {},
        11,
    ),
    "global_average_pool": (MAP + "{ y = GlobalAveragePool(x) }", {}, 13),
    "global_max_pool": (MAP + "{ y = GlobalMaxPool(x) }", {}, 13),
    "reduce_max_map": (MAP + "{ y = ReduceMax<axes=[2,3], keepdims=0>(x) }", {}, 13),
    "reduce_max_rows": (MAP + "{ y = ReduceMax(x, a) }", {"a": ints(-1)}, 18),
    "space_to_depth": (
        "(float[1,3,4,6] x) => (float y) { y = SpaceToDepth<blocksize=2>(x) }",
        {},
        13,
    ),
    "depth_to_space": (
        "(float[1,12,2,3] x) => (float y) { y = DepthToSpace<blocksize=2>(x) }",
        {},
        13,
    ),
    "depth_to_space_crd": (
        '(float[1,12,2,3] x) => (float y) { y = DepthToSpace<blocksize=2, mode="CRD">(x) }',
        {},
        13,
    ),
    "reduce_mean_attribute": (MAP + "{ y = ReduceMean<axes=[2,-1], keepdims=0>(x) }", {}, 13),
    "reduce_mean_input": (MAP + "{ y = ReduceMean(x, a) }", {"a": ints(2, 3)}, 18),
    "reduce_mean_noop": (
        MAP + "{ z = ReduceMean<noop_with_empty_axes=1>(x)\n y = Relu(z) }",
        {},
        18,
    ),
    "reduce_sum_attribute": (SIG + "{ y = ReduceSum<axes=[1]>(x) }", {}, 11),
    "reduce_sum_input": (SIG + "{ y = ReduceSum<keepdims=0>(x, a) }", {"a": ints(-1)}, 13),
    "batch_norm_7": (MAP + "{ y = BatchNormalization(x, g, b, m, v) }", BN, 7),
    "batch_norm_9": (
        MAP + "{ y = BatchNormalization<epsilon=0.1, momentum=0.5>(x, g, b, m, v) }",
        BN,
        9,
    ),
    "batch_norm_15": (SIG + "{ y = BatchNormalization(x, g, b, m, v) }", BN, 15),
    "batch_norm_sqrt_chain": (
        MAP + "{ d = Sub(x, m)\n e = Add(v, eps)\n s = Sqrt(e)\n n = Div(d, s)"
        " p = Mul(n, g)\n y = Add(p, b) }",
        {k: a.reshape(4, 1, 1) for k, a in BN.items()} | {"eps": np.float32(1e-5)},
        13,
    ),
    "batch_norm_pow_chain": (
        MAP + "{ d = Sub(x, m)\n s = Pow(v, half)\n r = Reciprocal(s)\n n = Mul(d, r)"
        " y = Add(n, b) }",
        {k: a.reshape(4, 1, 1) for k, a in BN.items()} | {"half": np.float32(0.5)},
        13,
    ),
    "sign": (VEC + "{ y = Sign(x) }", {}, 13),
    "relu": (VEC + "{ y = Relu(x) }", {}, 13),
    "leaky_relu": (VEC + "{ y = LeakyRelu<alpha=0.25>(x) }", {}, 13),
    "prelu_channels": (SIG + "{ y = PRelu(x, s) }", {"s": whole(4, 1)}, 13),
    "prelu_one": (VEC + "{ y = PRelu(x, s) }", {"s": whole(1)}, 9),
    "clip_attributes": (VEC + "{ y = Clip<min=-1.0, max=1.0>(x) }", {}, 6 + 1),
    "clip_inputs": (
        VEC + "{ y = Clip(x, lo, hi) }",
        {"lo": np.float32(-1), "hi": np.float32(2)},
        13,
    ),
    "clip_upper_only": (VEC + "{ y = Clip(x, , hi) }", {"hi": np.float32(2)}, 13),
    "max_scalar": (VEC + "{ y = Max(x, c) }", {"c": np.float32(0)}, 13),
    "max_min_hardtanh": (
        VEC + "{ z = Max(lo, x)\n y = Min(z, hi) }",
        {"lo": np.float32(-1), "hi": np.float32(1)},
        13,
    ),
    "max_array": (VEC + "{ y = Max(x, c) }", {"c": whole(6)}, 13),
    "max_higher_rank": (
        "(float[1,6] x) => (float y) { y = Max(x, c) }",
        {"c": np.zeros((1, 1, 1), np.float32)},
        13,
    ),
    "min_array": (VEC + "{ y = Min(x, c) }", {"c": whole(6)}, 13),
    "less": (BOOL + "{ y = Less(x, c) }", {"c": whole(6)}, 13),
    "greater_const_left": (BOOL + "{ y = Greater(c, x) }", {"c": whole(6)}, 13),
    "less_or_equal": (BOOL + "{ y = LessOrEqual(x, c) }", {"c": whole(6)}, 13),
    "greater_or_equal": (BOOL + "{ y = GreaterOrEqual(x, c) }", {"c": whole(6)}, 16),
    "equal": (BOOL + "{ y = Equal(x, c) }", {"c": whole(6)}, 13),
    "not": (BOOL + "{ z = Less(x, c)\n y = Not(z) }", {"c": whole(6)}, 13),
    "and": (
        BOOL + "{ p = Less(x, c)\n q = Greater(x, d)\n y = And(p, q) }",
        {"c": whole(6), "d": whole(6)},
        13,
    ),
    "where_constants": (
        VEC + "{ z = Less(x, c)\n y = Where(z, a, b) }",
        {"c": np.float32(0), "a": np.float32(-1), "b": np.float32(1)},
        13,
    ),
    "where_activations": (VEC + "{ z = Less(x, c)\n y = Where(z, x, c) }", {"c": whole(6)}, 13),
    "where_constant_condition": (
        VEC + "{ y = Where(c, x, b) }",
        {"c": np.array([1, 0, 1, 0, 0, 1], bool), "b": np.float32(7)},
        13,
    ),
    "cast_from_bool": (
        VEC + "{ z = Greater(x, c)\n f = Cast<to=1>(z)\n g = Mul(f, two)\n y = Sub(g, one) }",
        {"c": np.float32(0), "two": np.float32(2), "one": np.float32(1)},
        13,
    ),
    "cast_to_bool": (VEC + "{ z = Cast<to=9>(x)\n y = Cast<to=1>(z) }", {}, 13),
    "cast_of_int8_weights": (
        VEC + "{ f = Cast<to=1>(w)\n y = MatMul(x, f) }",
        {"w": W.astype(np.int8)},
        13,
    ),
    "add_const_left": (VEC + "{ y = Add(c, x) }", {"c": whole(6)}, 13),
    "sub_const_left": (VEC + "{ y = Sub(c, x) }", {"c": whole(6)}, 13),
    "mul": (MAP + "{ y = Mul(x, c) }", {"c": whole(4, 1, 1)}, 13),
    "div": (VEC + "{ y = Div(x, c) }", {"c": np.array([1, 2, -4, 8, 3, 5], np.float32)}, 13),
    "sum": (VEC + "{ y = Sum(x, c, x) }", {"c": whole(6)}, 13),
    "residual_add": (VEC + "{ a = Relu(x)\n y = Add(a, x) }", {}, 13),
    "add_of_lower_rank": (
        "(float[1,4,11] x, float[1,11] z) => (float y) { y = Add(z, x) }",
        {},
        13,
    ),
    "neg": (VEC + "{ y = Neg(x) }", {}, 13),
    "pow_one": (VEC + "{ z = Pow(x, c)\n y = Relu(z) }", {"c": np.float32(1)}, 13),
    "identity_dropout": (VEC + "{ a = Identity(x)\n b = Dropout(a)\n y = Relu(b) }", {}, 13),
    "dropout_ratio": (VEC + "{ b = Dropout<ratio=0.25>(x)\n y = Relu(b) }", {}, 10),
    "reshape": (MAP + "{ y = Reshape(x, s) }", {"s": ints(-1, 252)}, 13),
    "reshape_zero": (MAP + "{ y = Reshape(x, s) }", {"s": ints(0, 4, -1)}, 13),
    "flatten": (MAP + "{ y = Flatten(x) }", {}, 13),
    "flatten_axis": (MAP + "{ y = Flatten<axis=-3>(x) }", {}, 13),
    "squeeze_attribute": (
        "(float[N,4,1] x) => (float y) { y = Squeeze<axes=[2]>(x) }",
        {},
        11,
    ),
    "squeeze_input": ("(float[N,4,1] x) => (float y) { y = Squeeze(x, a) }", {"a": ints(-1)}, 13),
    "squeeze_all": ("(float[N,4,1] x) => (float y) { y = Squeeze(x) }", {}, 13),
    "unsqueeze_attribute": (VEC + "{ y = Unsqueeze<axes=[1,3]>(x) }", {}, 11),
    "unsqueeze_input": (VEC + "{ y = Unsqueeze(x, a) }", {"a": ints(-1)}, 13),
    "transpose": (MAP + "{ y = Transpose<perm=[0,2,3,1]>(x) }", {}, 13),
    "concat": (VEC + "{ a = Relu(x)\n y = Concat<axis=-1>(x, a) }", {}, 13),
    "pad_attribute": (MAP + "{ y = Pad<pads=[0,0,1,2,0,0,0,1], value=1.5>(x) }", {}, 10),
    "pad_input": (
        MAP + "{ y = Pad(x, p, c) }",
        {"p": ints(0, 0, 1, 2, 0, 0, 0, 1), "c": np.float32(-1)},
        13,
    ),
    "pad_axes": (
        MAP + "{ y = Pad(x, p, , a) }",
        {"p": ints(1, 2, 0, 1), "a": ints(-1, 2)},
        18,
    ),
    "softmax_old": (SIG + "{ y = Softmax(x) }", {}, 9),
    "softmax": (VEC + "{ y = Softmax<axis=1>(x) }", {}, 13),
    "softmax_of_a_map": ("(float[N,6,1,1] x) => (float y) { y = Softmax<axis=1>(x) }", {}, 13),
    "log_softmax": (VEC + "{ y = LogSoftmax(x) }", {}, 13),
    "log_softmax_old": (VEC + "{ y = LogSoftmax(x) }", {}, 11),
    "argmax": ("(float[N,6] x) => (int64 y) { y = ArgMax<axis=1, keepdims=0>(x) }", {}, 13),
    "argmax_keepdims": ("(float[N,6] x) => (int64 y) { y = ArgMax<axis=-1>(x) }", {}, 13),
    "larq_sign_add_sign": (
        VEC + "{ a = Sign(x)\n b = Add(a, c)\n y = Sign(b) }",
        {"c": np.float32(0.1)},
        15,
    ),
    "xnor_net_scales": (
        VEC + "{ s = Sign(w)\n a = Abs(w)\n m = ReduceMean<axes=[0]>(a)\n b = Mul(s, m)\n"
        " y = MatMul(x, b) }",
        {"w": whole(6, 5) + 0.5},
        13,
    ),
    "shape_arithmetic": (
        MAP + "{ s = Shape(x)\n d = Gather<axis=0>(s, zero)\n e = Unsqueeze(d, z1)\n"
        " t = Concat<axis=0>(e, m1)\n y = Reshape(x, t) }",
        {"zero": np.int64(0), "z1": ints(0), "m1": ints(-1)},
        13,
    ),
    "uint8_input": (
        "(uint8[N,6] x) => (float y) { f = Cast<to=1>(x)\n y = MatMul(f, w) }",
        {"w": W},
        13,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_spelling_equals_onnxruntime(case: str, tools: Any) -> None:
    text, consts, opset = CASES[case]
    model = tools.build(text, consts, opset)
    feeds: dict[str, np.ndarray] = {}
    for value in model.graph.input:
        dims = value.type.tensor_type.shape.dim
        shape = [d.dim_value if d.HasField("dim_value") else 3 for d in dims]
        rng = np.random.default_rng(1)
        if value.type.tensor_type.elem_type == 2:
            feeds[value.name] = rng.integers(0, 256, shape).astype(np.uint8)
        else:
            feeds[value.name] = rng.integers(-9, 10, shape).astype(np.float32) / 2
    tools.assert_same(model, feeds)


VALUES = {
    "value": "value = float[3] {1.0, 2.0, 3.0}",
    "value_floats": "value_floats = [1.0, 2.0, 3.0]",
    "value_float": "value_float = 2.0",
}


@pytest.mark.parametrize("form", VALUES)
def test_constant_nodes_in_every_form(form: str, tools: Any) -> None:
    text = f"(float[N,3] x) => (float y) {{ c = Constant<{VALUES[form]}>()\n y = Mul(x, c) }}"
    tools.assert_same(tools.build(text), {"x": np.ones((2, 3), np.float32)})


@pytest.mark.parametrize("form", ["value_ints = [0, -1]", "value = int64[2] {0, -1}"])
def test_integer_constant_nodes_become_shapes(form: str, tools: Any) -> None:
    text = f"(float[N,2,3] x) => (float y) {{ c = Constant<{form}>()\n y = Reshape(x, c) }}"
    tools.assert_same(tools.build(text), {"x": np.ones((2, 2, 3), np.float32)})


@pytest.mark.parametrize(
    "text, consts",
    [
        ("{ s = Tile(w, r)\n y = MatMul(x, s) }", {"w": whole(6, 1), "r": ints(1, 4)}),
        ("{ s = Expand(w, r)\n y = Add(x, s) }", {"w": whole(1), "r": ints(6)}),
        ("{ s = ConstantOfShape<value=float[1]{2.0}>(r)\n y = Add(x, s) }", {"r": ints(6)}),
        (
            "{ r = Range(a, b, c)\n s = Cast<to=1>(r)\n y = Add(x, s) }",
            {"a": np.int64(0), "b": np.int64(12), "c": np.int64(2)},
        ),
        (
            "{ s = Slice(w, a, b)\n t = Transpose(s)\n y = MatMul(x, t) }",
            {"w": whole(9, 6), "a": ints(1), "b": ints(5)},
        ),
        ("{ a, b = Split<axis=0>(w)\n s = Add(a, b)\n y = MatMul(x, s) }", {"w": whole(12, 4)}),
        (
            "{ s = DequantizeLinear(w, c, z)\n y = MatMul(x, s) }",
            {"w": W.astype(np.int8), "c": np.float32(0.5), "z": np.int8(0)},
        ),
        ("{ a = Identity(w)\n t = Tanh(a)\n s = Sign(t)\n y = MatMul(x, s) }", {"w": whole(6, 3)}),
    ],
)
def test_constant_expressions_fold_to_onnxruntimes_values(
    text: str, consts: dict[str, Any], tools: Any
) -> None:
    model = tools.build(VEC + text, consts)
    done = tools.assert_same(model, {"x": whole(3, 6)})
    assert len(done.graph.nodes) == 1


def test_folding_keeps_the_models_own_type(tools: Any) -> None:
    weights = np.array([0.1, 0.2, 0.3], np.float16)
    consts = {"w": weights, "s": np.float16(3)}
    text = "(float[N,3] x) => (float y) { t = Mul(w, s)\n f = Cast<to=1>(t)\n y = Add(x, f) }"
    graph = tools.imported(tools.build(text, consts)).graph
    want = (weights * np.float16(3)).astype(np.float32)
    np.testing.assert_array_equal(graph.consts["c0"], want)


@pytest.mark.parametrize(
    "domain", ["onnx.brevitas", "qonnx.custom_op.general", "finn.custom_op.general", ""]
)
def test_bipolar_quant_in_every_domain(domain: str, tools: Any) -> None:
    name = f"{domain}.BipolarQuant" if domain else "BipolarQuant"
    text = f"(float[N,3] x) => (float y) {{ q = {name}(w, s)\n b = {name}(x, t)\n"
    text += " y = MatMul(b, q) }"
    consts = {
        "w": np.array([[0.0, -0.2], [-3, 0.1], [1, -1]], np.float32),
        "s": np.array([0.5, 0.25], np.float32),
        "t": np.float32(1),
    }
    graph = tools.imported(tools.build(text, consts, 9, domain)).graph
    assert tools.ops(graph) == ["bipolar", "matmul"]
    np.testing.assert_array_equal(graph.consts["c0"], [[0.5, -0.25], [-0.5, 0.25], [0.5, -0.25]])
    out = tools.evaluate(graph, {"x": np.array([[0.0, -1, 2]], np.float32)})
    np.testing.assert_array_equal(out, [[1.5, -0.75]])
