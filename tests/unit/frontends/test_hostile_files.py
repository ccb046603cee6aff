"""Damaged and hostile files: one clear refusal, soon, in bounded memory."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from hysteron.errors import HysteronError, InputError, ModelError, UnsupportedError
from hysteron.frontends.emitter import ImportOptions
from hysteron.frontends.load import load_model
from hysteron.frontends.onnx_import import import_bytes
from hysteron.frontends.process import memory_bytes

SECONDS = 5
TEXT = "(float[N,4] x) => (float y) { h = MatMul(x, w)\n y = Sign(h) }"


def _base(tools: Any) -> onnx.ModelProto:
    model: onnx.ModelProto = tools.build(TEXT, {"w": np.ones((4, 3), np.float32)})
    return model


def _changed(change: Callable[[onnx.ModelProto], object]) -> Callable[[Any], bytes]:
    def make(tools: Any) -> bytes:
        model = _base(tools)
        change(model)
        return bytes(model.SerializeToString())

    return make


def _external(location: str) -> Callable[[Any], bytes]:
    def change(model: onnx.ModelProto) -> None:
        weight = model.graph.initializer[0]
        weight.ClearField("raw_data")
        weight.data_location = TensorProto.EXTERNAL
        weight.external_data.add(key="location", value=location)

    return _changed(change)


def _subgraph(op_type: str) -> Callable[[Any], bytes]:
    def change(model: onnx.ModelProto) -> None:
        branch = helper.make_graph([], "b", [], [])
        model.graph.node.append(helper.make_node(op_type, ["x"], ["z"], body=branch))

    return _changed(change)


def _dims(*dims: int) -> Callable[[Any], bytes]:
    def change(model: onnx.ModelProto) -> None:
        del model.graph.initializer[0].dims[:]
        model.graph.initializer[0].dims.extend(dims)

    return _changed(change)


def _input_dims(*dims: int) -> Callable[[Any], bytes]:
    def change(model: onnx.ModelProto) -> None:
        model.graph.input[0].CopyFrom(helper.make_tensor_value_info("x", 1, list(dims)))

    return _changed(change)


def _weights(value: float) -> Callable[[Any], bytes]:
    def change(model: onnx.ModelProto) -> None:
        raw = np.full((4, 3), value, np.float32)
        model.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(raw, "w"))

    return _changed(change)


def _node(*args: Any, **attributes: Any) -> Callable[[Any], bytes]:
    return _changed(lambda model: model.graph.node.append(helper.make_node(*args, **attributes)))


def _cycle(model: onnx.ModelProto) -> None:
    model.graph.node[0].input[0] = "z"
    model.graph.node.append(helper.make_node("Add", ["x", "y"], ["z"]))


def _nested(depth: int) -> bytes:
    """Return a NodeProto-in-GraphProto nesting far beyond protobuf's recursion limit."""
    inner = b""
    for _ in range(depth):  # attribute 5 of node, its graph field 6, that graph's node 1
        for tag in (b"\x32", b"\x2a", b"\x0a"):
            inner = tag + _varint(len(inner)) + inner
    return b"\x08\x08\x3a" + _varint(len(inner)) + inner


def _varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def _million_nodes(tools: Any) -> bytes:
    nodes = b"\x0a\x00" * 3_000_000  # empty NodeProtos: 2 bytes in the file, many more in memory
    return b"\x08\x08\x3a" + _varint(len(nodes)) + nodes


def _memory_bomb(tools: Any) -> bytes:
    """Return a model whose constants unfold to 64 MiB forty times over."""
    body = "".join(f"t{i} = Tile(w, r)\n" for i in range(40))
    total = ", ".join(f"t{i}" for i in range(40))
    text = f"(float[N,1024] x) => (float y) {{ {body} s = Concat<axis=1>({total})\n"
    model = tools.build(
        f"{text} y = MatMul(x, s) }}",
        {"w": np.ones((1024, 1), np.float32), "r": np.array([1, 16384])},
    )
    return bytes(model.SerializeToString())


def _fold_bomb(tools: Any) -> bytes:
    model = tools.build(
        "(float[N,4] x) => (float y) { t = Tile(w, r)\n y = MatMul(x, t) }",
        {"w": np.ones((4, 4), np.float32), "r": np.array([1, 2**40])},
    )
    return bytes(model.SerializeToString())


#: case -> (file content, text of the refusal)
HOSTILE: dict[str, tuple[Callable[[Any], bytes], str]] = {
    "empty_file": (lambda tools: b"", "not an ONNX model"),
    "truncated": (lambda tools: _base(tools).SerializeToString()[:-7], "truncated"),
    "truncated_early": (lambda tools: _base(tools).SerializeToString()[:9], "not an ONNX|truncat"),
    "random_bytes": (lambda tools: np.random.default_rng(0).bytes(5000), "truncated|not an ONNX"),
    "text": (lambda tools: b"<html>not a model</html>", "truncated|not an ONNX"),
    "external_data": (_external("weights.bin"), "external data"),
    "path_traversal": (_external("../../../etc/passwd"), "external data"),
    "if": (_subgraph("If"), "control flow"),
    "loop": (_subgraph("Loop"), "control flow"),
    "scan": (_subgraph("Scan"), "control flow"),
    "subgraph_elsewhere": (_subgraph("Anything"), "control flow"),
    "local_function": (
        _changed(lambda m: m.functions.add(name="Sign", domain="own")),
        "model-local functions",
    ),
    "sparse": (_changed(lambda m: m.graph.sparse_initializer.add()), "sparse"),
    "cycle": (_changed(_cycle), "cycle"),
    "dangling": (_changed(lambda m: m.graph.node[0].input.__setitem__(0, "no")), "not produced"),
    "written_twice": (_node("Relu", ["x"], ["y"]), "written twice"),
    "output_repeated": (_changed(lambda m: m.graph.output.append(m.graph.output[0])), "repeated"),
    "output_unmade": (_changed(lambda m: m.graph.output[0].__setattr__("name", "q")), "not produc"),
    "no_outputs": (_changed(lambda m: m.graph.ClearField("output")), "outputs are missing"),
    "no_opset": (_changed(lambda m: m.ClearField("opset_import")), "no version"),
    "old_opset": (_changed(lambda m: m.opset_import[0].__setattr__("version", 6)), "7 to 25"),
    "huge_opset": (_changed(lambda m: m.opset_import[0].__setattr__("version", 2**62)), "7 to 25"),
    "huge_weight": (_dims(2**40, 2**40), "too large"),
    "negative_weight": (_dims(-4, -3), "negative dimension"),
    "data_too_short": (_dims(4, 4), "does not match its dimensions"),
    "huge_input": (_input_dims(1, 2**33), "too large"),
    "negative_input": (_input_dims(1, -4), "negative dimension"),
    "no_batch": (_input_dims(4), "batch axis"),
    "nan_weights": (_weights(np.nan), "NaN"),
    "infinite_weights": (_weights(np.inf), "infinity"),
    "unknown_element_type": (
        _changed(lambda m: m.graph.initializer[0].__setattr__("data_type", 99)),
        "element type",
    ),
    "double_input": (
        _changed(lambda m: m.graph.input[0].type.tensor_type.__setattr__("elem_type", 11)),
        "float64; wanted float32",
    ),
    "not_utf8": (
        lambda tools: _base(tools).SerializeToString().replace(b"MatMul", b"Mat\xff\xfel"),
        "UTF-8|not supported|damaged",
    ),
    "deep_nesting": (lambda tools: _nested(2000), "truncated or damaged|limits"),
    "million_nodes": (_million_nodes, "graph is too large|limits|memory"),
    "memory_bomb": (_memory_bomb, "too much memory|too large|limits"),
    "fold_bomb": (_fold_bomb, "constant expression too large"),
}


#: Cases that go through the worker process: the rest differ only in what the importer says.
IN_WORKER = (
    *("empty_file", "truncated", "random_bytes", "path_traversal", "if", "cycle", "huge_weight"),
    *("nan_weights", "deep_nesting", "million_nodes", "memory_bomb", "fold_bomb"),
)


def _refusal(error: pytest.ExceptionInfo[HysteronError]) -> None:
    text = str(error.value)
    assert len(text) < 2000 and text.isprintable()


def _cpu_seconds() -> float:
    """Work done by this process and its workers: what an unloaded machine would take."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


@pytest.mark.parametrize("case", IN_WORKER)
def test_worker_refuses_hostile_files_soon_in_bounded_memory(
    case: str, tools: Any, tmp_path: Path
) -> None:
    make, match = HOSTILE[case]
    path = tmp_path / "model.onnx"
    path.write_bytes(make(tools))
    start = _cpu_seconds()
    with pytest.raises((ModelError, UnsupportedError), match=match) as caught:
        load_model(path)
    assert _cpu_seconds() - start < SECONDS
    _refusal(caught)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    assert peak < memory_bytes(path.stat().st_size)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("case", [case for case in HOSTILE if case not in IN_WORKER])
def test_importer_refuses_hostile_models(case: str, tools: Any) -> None:
    make, match = HOSTILE[case]
    with pytest.raises((ModelError, UnsupportedError), match=match) as caught:
        import_bytes(make(tools), ImportOptions())
    _refusal(caught)


NAMES = ["*/ int main(){}", "a\nb", "q\"'", "??/", "nul\0here", "while", "M" * 2**20, "émoji 🎲"]


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[:12])
def test_hostile_names_are_labels_and_nothing_else(name: str, tools: Any) -> None:
    model = _base(tools)
    model.graph.node[0].name = name
    model.graph.node[0].output[0] = name
    model.graph.node[1].input[0] = name
    graph = tools.imported(model).graph
    assert graph.labels["v1"] == name
    assert all(tensor[0] in "vc" and tensor[1:].isdigit() for tensor in graph.types)
    shown = str(graph.nodes[0].origin)
    assert len(shown) < 80 and shown.isascii() and shown.isprintable()


def test_a_megabyte_name_is_shortened_in_messages(tools: Any) -> None:
    model = _base(tools)
    model.graph.node[0].op_type = "M" * 2**20
    with pytest.raises(UnsupportedError, match="MMM") as caught:
        load_model(model)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe", "device"])
def test_what_is_no_regular_file_is_an_input_error(kind: str, tmp_path: Path) -> None:
    path = {"folder": tmp_path, "device": Path("/dev/zero")}.get(kind, tmp_path / kind)
    if kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(InputError, match=r"cannot open|regular file"):
        load_model(path)


def test_a_stray_module_in_the_working_folder_is_not_imported(
    tools: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "onnx.py").write_text("raise SystemExit(7)\n")
    monkeypatch.chdir(tmp_path)
    assert load_model(_base(tools)).graph.nodes


@pytest.mark.parametrize("cut", range(0, 200, 23))
def test_any_truncation_is_refused(cut: int, tools: Any) -> None:
    data = _base(tools).SerializeToString()
    with pytest.raises(HysteronError):
        import_bytes(data[: min(cut, len(data) - 1)], ImportOptions())


@pytest.mark.slow
def test_an_endless_computation_meets_the_cpu_limit(tools: Any) -> None:
    body = "".join(f"t{i + 1} = MatMul(t{i}, w)\n" for i in range(400))
    text = f"(float[N,4000] x) => (float y) {{ t0 = Tile(u, r)\n w = Tile(u, r)\n {body}"
    model = tools.build(
        f"{text} y = MatMul(x, t400) }}",
        {"u": np.zeros((4000, 1), np.float32), "r": np.array([1, 4000])},
    )
    start = time.monotonic()
    with pytest.raises(ModelError, match="within its limits"):
        load_model(model)
    assert time.monotonic() - start < 4 * SECONDS
