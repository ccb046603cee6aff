from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hysteron.errors import InputError, InternalError
from hysteron.interpreter.final import run_final
from hysteron.ir.graph import Graph, Node
from hysteron.ir.types import TensorType
from hysteron.ops import registry


def graph(weights: Any) -> Graph:
    dense = registry("kernel")["xnor_dense"](out="i32", flips=1, layout="rows")  # type: ignore[call-arg]
    top = registry("kernel")["argmax"]()
    types = {
        "x": TensorType("b1", (5,)),
        "w": TensorType("b1", (3, 5)),
        "a": TensorType("i32", (3,)),
        "y": TensorType("i32", (1,)),
    }
    nodes = (Node(dense, ("x", "w"), ("a",)), Node(top, ("a",), ("y",)))
    return Graph(("x",), ("y",), nodes, types, {"w": weights})


WEIGHTS = np.random.default_rng(0).choice([-1, 1], size=(3, 5)).astype(np.int8)
X = np.random.default_rng(1).choice([-1, 1], size=(7, 5)).astype(np.int8)


def test_kernel_graph_runs_by_the_references() -> None:
    values = run_final(graph(WEIGHTS), {"x": X})
    assert np.array_equal(values["a"], X.astype(int) @ WEIGHTS.T.astype(int))
    assert np.array_equal(values["y"].ravel(), (X.astype(int) @ WEIGHTS.T).argmax(axis=1))


def test_replaced_constants_stand_for_a_corrupted_image() -> None:
    values = run_final(graph(WEIGHTS), {"x": X}, consts={"w": -WEIGHTS})
    assert np.array_equal(values["a"], -(X.astype(int) @ WEIGHTS.T.astype(int)))


def test_only_the_kept_tensors_come_back() -> None:
    assert set(run_final(graph(WEIGHTS), {"x": X}, keep=("y",))) == {"y"}


def test_input_of_another_shape_is_refused() -> None:
    with pytest.raises(InputError, match="another shape"):
        run_final(graph(WEIGHTS), {"x": X[:, :4]})


def test_source_op_in_a_kernel_graph_is_our_bug() -> None:
    broken = graph(WEIGHTS)
    node = Node(registry("source")["sign"](), ("a",), ("y",))
    with pytest.raises(InternalError, match="'sign' is not a kernel op"):
        run_final(broken.with_nodes((broken.nodes[0], node)), {"x": X})
