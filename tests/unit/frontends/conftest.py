"""Models written as ONNX text plus constants, and two ways to run them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import ModelProto, helper, numpy_helper, parser

from hysteron.frontends.emitter import ImportOptions
from hysteron.frontends.onnx_import import Imported, import_bytes
from hysteron.ir.graph import Graph
from hysteron.ops.source._base import SourceOp


def build(
    text: str, consts: dict[str, Any] | None = None, opset: int = 13, qonnx: str = ""
) -> ModelProto:
    """Return the model of ``(inputs) => (outputs) { nodes }`` with its constants."""
    graph = parser.parse_graph(f"g {text}")
    for name, value in (consts or {}).items():
        array = np.asarray(value)
        array = array.astype(np.float32) if array.dtype == np.float64 else array
        graph.initializer.append(numpy_helper.from_array(array, name))
    opsets = [helper.make_opsetid("", opset)]
    opsets += [helper.make_opsetid(qonnx, 1)] if qonnx else []
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def imported(model: ModelProto, **options: Any) -> Imported:
    """Import in this process: the same code as the worker's, without its start-up."""
    return import_bytes(model.SerializeToString(), ImportOptions(**options))


def evaluate(graph: Graph, feeds: dict[str, np.ndarray]) -> np.ndarray:
    """Run a source graph in binary32 on a batch, keyed by the model's input names."""
    values = {name: array.astype(np.float32) for name, array in graph.consts.items()}
    values.update({tensor: feeds[graph.labels[tensor]] for tensor in graph.inputs})
    for node in graph.nodes:
        assert isinstance(node.op, SourceOp)
        values[node.outputs[0]] = node.op.binary32(*(values[name] for name in node.inputs))
    return values[graph.outputs[0]]


def onnxruntime_run(model: ModelProto, feeds: dict[str, np.ndarray]) -> np.ndarray:
    """Run the model in onnxruntime without optimisations."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return np.asarray(session.run(None, feeds)[0])


def assert_same(model: ModelProto, feeds: dict[str, np.ndarray]) -> Imported:
    """Require the imported graph and onnxruntime to agree; return the import."""
    done = imported(model)
    ours, theirs = evaluate(done.graph, feeds), onnxruntime_run(model, feeds)
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs.astype(np.float32), rtol=1e-5, atol=1e-5)
    return done


def ops(graph: Graph) -> list[str]:
    """Return the op names in execution order."""
    return [node.op.name for node in graph.nodes]


class Tools:
    """The functions above, for tests in any import mode."""

    build: Callable[..., ModelProto] = staticmethod(build)
    imported: Callable[..., Imported] = staticmethod(imported)
    evaluate: Callable[..., np.ndarray] = staticmethod(evaluate)
    onnxruntime_run: Callable[..., np.ndarray] = staticmethod(onnxruntime_run)
    assert_same: Callable[..., Imported] = staticmethod(assert_same)
    ops: Callable[..., list[str]] = staticmethod(ops)


@pytest.fixture(scope="session")
def tools() -> Tools:
    return Tools()


@pytest.fixture(scope="session")
def third_party() -> Path:
    folder = os.environ.get("HYSTERON_MODELS", "")
    if not folder or not Path(folder).is_dir():
        pytest.skip("HYSTERON_MODELS does not name a folder of third-party models")
    return Path(folder)
