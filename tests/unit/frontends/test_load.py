"""Loading through the worker process: real models, options, and what comes back."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from hysteron.errors import HysteronError, InputError, ModelError, ShapeError, UnsupportedError
from hysteron.frontends import wire
from hysteron.frontends.load import load_model
from hysteron.ir.types import TensorType

#: File -> op counts of its source graph.
THIRD_PARTY: dict[str, dict[str, int]] = {
    "ecg_5class_bnn": {
        **dict.fromkeys(("sign", "pad", "conv", "max_pool", "prelu", "batch_norm"), 6),
        "reduce_mean": 1,
    },
    "gtsrb_30px_larq": {
        **{"transpose": 4, "conv": 2, "sign": 4, "add": 2},
        **dict.fromkeys(("reshape", "matmul", "softmax"), 1),
    },
    "lfc_w1a1_mnist": {"reshape": 1, "sub": 5, "sign": 4, "matmul": 4},
    "mlperf_tiny_kws_float": {
        **{"reshape": 2, "conv": 9, "add": 10, "clip": 9},
        **{"avg_pool": 1, "matmul": 1},
    },
    "qonnx_tfc_1w1a": {
        **{"reshape": 1, "mul": 2, "sub": 2, "bipolar": 4, "matmul": 4, "batch_norm": 3},
        **{"div": 1, "add": 1},
    },
    "tfc_1w1a_plain": {
        **{"reshape": 1, "mul": 2, "sub": 2, "compare": 4, "where": 4, "matmul": 4},
        **{"batch_norm": 3, "div": 1, "add": 1},
    },
}


@pytest.mark.parametrize("name", THIRD_PARTY)
def test_third_party_model_has_its_ops(name: str, third_party: Path) -> None:
    graph = load_model(third_party / f"{name}.onnx").graph
    assert Counter(node.op.name for node in graph.nodes) == THIRD_PARTY[name]
    assert all(node.outputs[0] in graph.labels for node in graph.nodes[-1:])
    assert {spec.dtype for spec in graph.specs.values()} == {"f32"}


@pytest.mark.parametrize("name", ["ecg_5class_bnn", "gtsrb_30px_larq", "tfc_1w1a_plain"])
def test_third_party_model_computes_what_onnxruntime_does(
    name: str, third_party: Path, tools: Any
) -> None:
    loaded = load_model(third_party / f"{name}.onnx")
    (source,) = loaded.graph.inputs
    shape = loaded.graph.types[source].shape
    rng = np.random.default_rng(3)
    feeds = {loaded.graph.labels[source]: rng.integers(0, 256, shape).astype(np.float32)}
    model = onnx.load_from_string(loaded.model_bytes)
    ours, theirs = tools.evaluate(loaded.graph, feeds), tools.onnxruntime_run(model, feeds)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


def test_two_bit_quantisation_is_refused_by_name(third_party: Path) -> None:
    with pytest.raises(UnsupportedError, match=r"onnx\.brevitas\.Quant: .*4 nodes"):
        load_model(third_party / "qonnx_tfc_1w2a.onnx")


def test_everything_unsupported_is_refused(third_party: Path) -> None:
    files = sorted((third_party / "unsupported").glob("*.onnx"))
    assert files
    for file in files:
        with pytest.raises((ModelError, UnsupportedError), match=r"external data|control flow"):
            load_model(file)


TINY = "(float[N,3] x) => (float y) { h = MatMul(x, w)\n a = Identity(h)\n y = Sign(a) }"
WEIGHTS = {"w": np.array([[1.0, -1], [1, 1], [-1, 1]], np.float32)}


@pytest.fixture()
def tiny(tools: Any) -> onnx.ModelProto:
    model: onnx.ModelProto = tools.build(TINY, WEIGHTS)
    return model


def test_labels_origins_and_ids(tiny: onnx.ModelProto) -> None:
    graph = load_model(tiny, inputs=("uint8,scale=1/255",)).graph
    assert (graph.inputs, graph.outputs) == (("v0",), ("v2",))
    assert dict(graph.labels) == {"v0": "x", "v1": "h", "v2": "y", "c0": "w"}
    assert [str(node.origin) for node in graph.nodes] == ["h (MatMul)", "y (Sign)"]
    assert graph.types["v1"] == TensorType("f32", (1, 2))
    assert graph.specs["v0"].dtype == "u8"
    np.testing.assert_array_equal(graph.consts["c0"], WEIGHTS["w"])


def test_a_path_and_its_proto_give_the_same_graph(tiny: onnx.ModelProto, tmp_path: Path) -> None:
    path = tmp_path / "tiny.onnx"
    onnx.save(tiny, path)
    first, second = load_model(path), load_model(tiny)
    assert first.model_bytes == second.model_bytes
    assert [n.op for n in first.graph.nodes] == [n.op for n in second.graph.nodes]
    assert first.graph.nodes[0].origin.file == "tiny.onnx"
    assert list(tmp_path.iterdir()) == [path]


def test_initializers_listed_as_inputs_are_not_inputs(tiny: onnx.ModelProto) -> None:
    tiny.graph.input.append(onnx.helper.make_tensor_value_info("w", 1, [3, 2]))
    loaded = load_model(tiny)
    assert loaded.graph.inputs == ("v0",)
    assert [v.name for v in onnx.load_from_string(loaded.model_bytes).graph.input] == ["x"]


@pytest.mark.parametrize("sign_zero, at_zero", [("+1", 1.0), ("-1", -1.0), (None, 0.0)])
def test_sign_zero_overrides_and_is_recorded(
    sign_zero: str | None, at_zero: float, tiny: onnx.ModelProto, tools: Any
) -> None:
    done = tools.imported(tiny, sign_zero=sign_zero)
    zeros = {"x": np.zeros((1, 3), np.float32)}
    assert tools.evaluate(done.graph, zeros)[0, 0] == at_zero
    want = [] if sign_zero is None else [f"sign(0) taken as {sign_zero} at 1 Sign nodes"]
    assert done.notes == want


def test_weight_tolerance_snaps_channels_and_counts(tools: Any) -> None:
    weights = np.array([[1.0, 2.0], [-1.001, -1.0], [0.0, 2.0]], np.float32)
    model = tools.build("(float[N,3] x) => (float y) { y = MatMul(x, w) }", {"w": weights})
    exact = tools.imported(model).graph
    np.testing.assert_array_equal(exact.consts["c0"], weights)
    done = tools.imported(model, weight_tolerance=0.01)
    snapped = done.graph.consts["c0"]
    level = np.float32(np.mean(np.abs(weights[:2, 0].astype(np.float64))))
    np.testing.assert_array_equal(snapped[:, 0], [level, -level, 0])
    np.testing.assert_array_equal(snapped[:, 1], weights[:, 1])
    assert done.notes == ["2 weights snapped to one magnitude a channel (tolerance 0.01)"]


def test_weight_tolerance_follows_the_channel_axis_of_convolutions(tools: Any) -> None:
    weights = np.array([[[1.0, 1.001]], [[3.0, 3.0]]], np.float32)
    model = tools.build("(float[N,1,5] x) => (float y) { y = Conv(x, w) }", {"w": weights})
    snapped = tools.imported(model, weight_tolerance=0.01).graph.consts["c0"]
    assert np.unique(snapped[0]).size == 1 and snapped[1, 0, 0] == 3.0


@pytest.mark.parametrize("sign_zero", ["+1", "-1"])
def test_the_witness_model_gets_the_same_sign_of_zero(
    sign_zero: str, tiny: onnx.ModelProto, tools: Any
) -> None:
    done = tools.imported(tiny, sign_zero=sign_zero)
    x = {"x": np.array([[0, 0, 0], [1, 0, -2], [-1, -1, 0]], np.float32)}
    np.testing.assert_array_equal(
        tools.onnxruntime_run(done.model, x), tools.evaluate(done.graph, x)
    )


def test_sign_zero_reaches_signs_of_constants(tools: Any) -> None:
    text = "(float[N,3] x) => (float y) { s = Sign(w)\n y = MatMul(x, s) }"
    model = tools.build(text, {"w": np.array([[0.0], [2], [-3]], np.float32)})
    assert tools.imported(model).graph.consts["c0"].ravel().tolist() == [0, 1, -1]
    done = tools.imported(model, sign_zero="-1")
    assert done.graph.consts["c0"].ravel().tolist() == [-1, 1, -1]


@pytest.mark.parametrize("op", ["MatMul(x, w)", "Gemm(x, w)", "Gemm<transB=1>(x, t)"])
@pytest.mark.parametrize("made_by", ["initializer", "node"])
def test_the_witness_model_gets_the_same_snapped_weights(op: str, made_by: str, tools: Any) -> None:
    weights = np.array([[1.0, 2], [-1.001, -1], [1.002, 2]], np.float32)
    head = "" if made_by == "initializer" else "w = Neg(u)\n t = Neg(v)\n"
    names = ("w", "t") if made_by == "initializer" else ("u", "v")
    consts = {names[0]: weights, names[1]: weights.T.copy()}
    model = tools.build(f"(float[N,3] x) => (float y) {{ {head} y = {op} }}", consts)
    done = tools.imported(model, weight_tolerance=0.01)
    x = {"x": np.eye(3, dtype=np.float32)}
    assert done.notes
    np.testing.assert_array_equal(
        tools.onnxruntime_run(done.model, x), tools.evaluate(done.graph, x)
    )


def test_a_static_batch_becomes_one_where_reshapes_allow(tools: Any) -> None:
    text = "(float[8,2,3] x) => (float y) { f = Reshape(x, s)\n y = Sign(f) }"
    done = tools.imported(tools.build(text, {"s": np.array([8, 6])}))
    assert done.graph.types["v1"].shape == (1, 6)
    assert done.notes == ["batch size 8 of the file replaced by 1"]
    with pytest.raises((ModelError, UnsupportedError), match=r"Reshape"):
        tools.imported(tools.build(text, {"s": np.array([4, 12])}))


@pytest.mark.parametrize(
    "options, match",
    [
        ({"sign_zero": "0"}, r"wanted \+1 or -1"),
        ({"weight_tolerance": -1.0}, "out of range"),
        ({"weight_tolerance": float("nan")}, "out of range"),
        ({"inputs": ("z:uint8",)}, "unknown input 'z'; known inputs: 'x'"),
    ],
)
def test_wrong_options_are_input_errors(
    options: dict[str, Any], match: str, tiny: onnx.ModelProto
) -> None:
    with pytest.raises(InputError, match=match):
        load_model(tiny, **options)


IDIOMS = {
    "where_ge": "z = GreaterOrEqual(x, o)\n y = Where(z, p, m)",
    "where_less": "z = Less(x, o)\n y = Where(z, m, p)",
    "where_not_less_left": "z = Greater(o, x)\n n = Not(z)\n y = Where(n, p, m)",
    "cast_times_two": "z = Greater(x, u)\n f = Cast<to=1>(z)\n g = Add(f, f)\n y = Add(g, m)",
    "larq": "z = Sign(x)\n f = Add(z, t)\n y = Sign(f)",
    "qonnx": "y = BipolarQuant(x, p)",
}


@pytest.mark.parametrize("idiom", IDIOMS)
@pytest.mark.parametrize("prefix", ["", "renamed_"])
def test_binarisation_idioms_mean_the_same_under_any_name(
    idiom: str, prefix: str, tools: Any
) -> None:
    body = IDIOMS[idiom].replace("z", f"{prefix}z").replace("f =", f"{prefix}f =")
    body = body.replace("(f,", f"({prefix}f,").replace(", f)", f", {prefix}f)")
    body = body.replace("Sign(f)", f"Sign({prefix}f)")
    consts = {"o": np.float32(0), "p": np.float32(1), "m": np.float32(-1), "t": np.float32(0.1)}
    consts["u"] = np.nextafter(np.float32(0), np.float32(-1))
    model = tools.build(f"(float[N,5] x) => (float y) {{ {body} }}", consts)
    graph = tools.imported(model).graph
    x = np.array([[-2, -0.25, 0, 0.25, 3]], np.float32)
    np.testing.assert_array_equal(tools.evaluate(graph, {"x": x}), [[-1, -1, 1, 1, 1]])


def _answer(tools: Any, tiny: onnx.ModelProto) -> tuple[dict[str, Any], memoryview]:
    done = tools.imported(tiny)
    chunks = wire.encode_graph(done.graph, b"model", done.notes)
    return wire.decode(bytearray(b"".join(bytes(chunk) for chunk in chunks)))


def test_the_answer_of_the_worker_round_trips(tools: Any, tiny: onnx.ModelProto) -> None:
    header, blob = _answer(tools, tiny)
    graph = wire.decode_graph(header, blob)
    assert [node.op.name for node in graph.nodes] == ["matmul", "sign"]
    np.testing.assert_array_equal(graph.consts["c0"], WEIGHTS["w"])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda h: h["types"].update(v1=[1, 3]),
        lambda h: h["nodes"].reverse(),
        lambda h: h["nodes"][0].__setitem__(0, "system"),
        lambda h: h["nodes"][0].__setitem__(1, {"axis": 1}),
        lambda h: h["consts"]["c0"].__setitem__(2, 10**9),
        lambda h: h["consts"]["c0"].__setitem__(2, -1),
        lambda h: h["consts"]["c0"].__setitem__(0, "|O"),
        lambda h: h["consts"]["c0"].__setitem__(1, [-3, -2]),
        lambda h: h.update(outputs=["v9"]),
        lambda h: h.pop("labels"),
    ],
)
def test_a_forged_answer_is_refused(spoil: Any, tools: Any, tiny: onnx.ModelProto) -> None:
    header, blob = _answer(tools, tiny)
    spoil(header)
    with pytest.raises((ValueError, TypeError, KeyError, ShapeError)):
        wire.decode_graph(header, blob)


def test_a_cut_off_answer_is_a_model_error() -> None:
    for data in (b"", b"HYSTIMP1", b"HYSTIMP1" + (99).to_bytes(8, "little") + b"{}"):
        with pytest.raises(HysteronError, match="the model could not be read"):
            wire.decode(bytearray(data))
