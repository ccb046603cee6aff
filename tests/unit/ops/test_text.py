"""The text form of graphs prints and parses."""

from __future__ import annotations

import numpy as np
import pytest

from hysteron._assets import asset_dir
from hysteron.driver.compile import Options, compile_model
from hysteron.errors import ModelError
from hysteron.ops.text import parse_graph, print_graph


@pytest.mark.parametrize("stage", ["imported", "final"])
@pytest.mark.parametrize("name", ["digits_mlp", "digits_cnn"])
def test_text_form_prints_and_parses_back_to_the_same_graph(name, stage):
    path = asset_dir("models") / name / f"{name}.onnx"
    graph = getattr(compile_model(path, Options(inputs=("uint8",))).program, stage)
    text = print_graph(graph, weights=True)
    again = parse_graph(text)
    assert print_graph(again, weights=True) == text
    assert again.nodes == graph.nodes
    for key, array in graph.consts.items():
        assert np.array_equal(again.consts[key], array)
        assert again.consts[key].dtype == array.dtype


def test_damaged_text_names_the_line():
    with pytest.raises(ModelError, match="line 1"):
        parse_graph("v1: f32[1] = source.nothing(v0) {} @ []\n")
