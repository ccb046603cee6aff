"""Candidates of onnx2c: convolutional and dense networks in binary32 and int8, a forest."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from peers_common import Candidate, MissingError, digits
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.neural_network import MLPClassifier

HOW = "build github.com/kraiskil/onnx2c and put it on PATH, or set ONNX2C=/path/to/onnx2c"
EPOCHS = 60


def _command() -> str:
    found = shutil.which(os.environ.get("ONNX2C", "onnx2c"))
    if found is None:
        raise MissingError(HOW)
    return found


def tool() -> str:
    """Return name and commit. Raises MissingError."""
    done = subprocess.run([_command(), "-v"], capture_output=True, text=True, check=True)
    commit = re.search(r"Commit: (\w+)", done.stdout)
    return f"onnx2c {commit[1] if commit else '(commit unknown)'}"


def _model(
    nodes: list[Any],
    constants: dict[str, NDArray[Any]],
    shape: tuple[int, ...],
    output: tuple[str, int, tuple[int, ...]],
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "peer",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(output[0], output[1], output[2])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid("ai.onnx.ml", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def _c_of(model: onnx.ModelProto) -> str:
    with tempfile.TemporaryDirectory(prefix="hysteron-onnx2c-") as scratch:
        path = Path(scratch) / "peer.onnx"
        onnx.save(model, str(path))
        done = subprocess.run([_command(), str(path)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"onnx2c failed: {done.stderr.strip()[-200:]}")
    return done.stdout


def _candidate(name: str, model: onnx.ModelProto, inputs: NDArray[np.float32]) -> Candidate:
    """Return the network's C with a largest-score loop, as ours has one."""
    import onnxruntime as ort

    code = _c_of(model)
    shape = "".join(f"[{n.dim_value}]" for n in model.graph.input[0].type.tensor_type.shape.dim)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    answers = [session.run(None, {"x": row.reshape(session.get_inputs()[0].shape)})[0]
               for row in inputs]  # fmt: skip
    if answers[0].size == 1:
        wanted = np.array([int(one.item()) for one in answers])
        body = f"""static float scores[1][10];
    int64_t winner[1];
    entry((const float (*){shape[3:]})x, winner, scores);
    return (int32_t)winner[0];"""
    else:
        wanted = np.array([int(one.argmax()) for one in answers])
        body = f"""float y[1][10];
    int32_t i, best = 0;
    entry((const float (*){shape[3:]})x, y);
    for (i = 1; i < 10; i++) {{
        best = y[0][i] > y[0][best] ? i : best;
    }}
    return best;"""
    wrapper = f"\nint32_t bench_class(const float *x)\n{{\n    {body}\n}}\n"
    return Candidate(tool(), name, code + wrapper, inputs, wanted)


def _trained_cnn(channels: tuple[int, int]) -> dict[str, NDArray[np.float32]]:
    """Train conv, ReLU, conv, ReLU, pool, dense in binary32. Raises MissingError."""
    try:
        import torch
        from torch import nn
    except ImportError as error:
        raise MissingError("pip install torch") from error
    first, second = channels
    torch.manual_seed(0)
    torch.set_num_threads(1)
    net = nn.Sequential(
        nn.Conv2d(1, first, 3, padding=1), nn.ReLU(), nn.Conv2d(first, second, 3, padding=1),
        nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16 * second, 10),
    )  # fmt: skip
    data = digits()
    x = torch.tensor(data.train.reshape(-1, 1, 8, 8) / 16, dtype=torch.float32)
    y = torch.tensor(data.train_labels)
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(x)).split(32):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x[batch]), y[batch]).backward()
            optimizer.step()
        schedule.step()
    names = ("w0", "b0", "w1", "b1", "w2", "b2")
    return {
        name: np.ascontiguousarray(value.detach().numpy())
        for name, value in zip(names, net.parameters(), strict=True)
    }


def _cnn_model(weights: dict[str, NDArray[np.float32]]) -> onnx.ModelProto:
    constants = {**weights, "w2": np.ascontiguousarray(weights["w2"].T)}
    pads: dict[str, Any] = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    nodes = [
        helper.make_node("Conv", ["x", "w0", "b0"], ["a"], **pads),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "w1", "b1"], ["c"], **pads),
        helper.make_node("Relu", ["c"], ["d"]),
        helper.make_node("MaxPool", ["d"], ["e"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["e"], ["f"]),
        helper.make_node("MatMul", ["f", "w2"], ["g"]),
        helper.make_node("Add", ["g", "b2"], ["y"]),
    ]
    return _model(nodes, constants, (1, 1, 8, 8), ("y", TensorProto.FLOAT, (1, 10)))


def _int8(model: onnx.ModelProto, samples: NDArray[np.float32]) -> onnx.ModelProto:
    """Return onnxruntime's static quantization in the QLinear form, the one that stays in flash.

    Symmetric activations: onnx2c's QLinearConv does not saturate, so that a ReLU folded into it
    (the default) gives wrong classes for nine of ten images.
    """
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self._rows = iter(samples)

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            row = next(self._rows, None)
            return None if row is None else {"x": row.reshape(1, 1, 8, 8)}

    with tempfile.TemporaryDirectory(prefix="hysteron-onnx2c-") as scratch:
        before, after = Path(scratch) / "float.onnx", Path(scratch) / "int8.onnx"
        onnx.save(model, str(before))
        quantize_static(
            str(before), str(after), Reader(), quant_format=QuantFormat.QOperator,
            activation_type=QuantType.QInt8, weight_type=QuantType.QInt8,
            extra_options={"ActivationSymmetric": True},
        )  # fmt: skip
        return onnx.load(str(after))


def _forest_model(forest: ExtraTreesClassifier) -> onnx.ModelProto:
    """Return the forest as one TreeEnsembleClassifier node; leaves vote for one class."""
    columns: dict[str, list[Any]] = {name: [] for name in (
        "nodes_treeids", "nodes_nodeids", "nodes_featureids", "nodes_modes", "nodes_values",
        "nodes_truenodeids", "nodes_falsenodeids", "class_treeids", "class_nodeids", "class_ids",
        "class_weights",
    )}  # fmt: skip
    for number, one in enumerate(forest.estimators_):
        tree = one.tree_
        for node in range(tree.node_count):
            leaf = tree.children_left[node] < 0
            row = (number, node, 0 if leaf else int(tree.feature[node]),
                   "LEAF" if leaf else "BRANCH_LEQ", 0.0 if leaf else float(tree.threshold[node]),
                   0 if leaf else int(tree.children_left[node]),
                   0 if leaf else int(tree.children_right[node]))  # fmt: skip
            for name, value in zip(list(columns)[:7], row, strict=True):
                columns[name].append(value)
            if leaf:
                vote = (number, node, int(tree.value[node][0].argmax()), 1.0)
                for name, value in zip(list(columns)[7:], vote, strict=True):
                    columns[name].append(value)
    node = helper.make_node(
        "TreeEnsembleClassifier", ["x"], ["label", "scores"], domain="ai.onnx.ml",
        classlabels_int64s=list(range(10)), post_transform="NONE", **columns,
    )  # fmt: skip
    model = _model([node], {}, (1, 64), ("label", TensorProto.INT64, (1,)))
    model.graph.output.append(
        helper.make_tensor_value_info("scores", TensorProto.FLOAT, (1, 10))
    )  # fmt: skip
    return model


def _mlp_model(hidden: int) -> onnx.ModelProto:
    import warnings

    data = digits()
    net = MLPClassifier((hidden,), max_iter=400, random_state=0, alpha=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net.fit(data.train / 16, data.train_labels)
    values = [*net.coefs_, *net.intercepts_]
    constants = {
        name: np.ascontiguousarray(value.astype(np.float32))
        for name, value in zip(("w0", "w1", "b0", "b1"), values, strict=True)
    }
    nodes = [
        helper.make_node("Gemm", ["x", "w0", "b0"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Gemm", ["b", "w1", "b1"], ["y"]),
    ]
    return _model(nodes, constants, (1, 64), ("y", TensorProto.FLOAT, (1, 10)))


def candidates() -> Iterator[Candidate]:
    """Yield everything that onnx2c is measured with. Raises MissingError."""
    _command()
    data = digits()
    scaled = (data.test / 16).astype(np.float32)
    for channels in ((16, 32), (8, 16)):
        model = _cnn_model(_trained_cnn(channels))
        name = f"CNN {channels[0]}-{channels[1]}"
        yield _candidate(f"{name}, float", model, scaled)
        samples = (data.train[:200] / 16).astype(np.float32)
        yield _candidate(f"{name}, int8 (QLinear)", _int8(model, samples), scaled)
    for hidden in (32, 128):
        yield _candidate(f"MLP 64-{hidden}-10, float", _mlp_model(hidden), scaled)
    forest = ExtraTreesClassifier(20, random_state=0).fit(data.train, data.train_labels)
    yield _candidate("ExtraTrees 20", _forest_model(forest), data.test.astype(np.float32))
