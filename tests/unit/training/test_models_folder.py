"""Every model folder holds what its ``model.toml`` says, accuracy included."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from hysteron._assets import asset_dir
from hysteron.training.data import Split, data_folder, digits_split, idx_split
from hysteron.training.measure import count_correct, scores

FOLDERS = sorted(path.parent for path in asset_dir("models").glob("*/model.toml"))
IDX_SET_OF_PREFIX = {"mnist": "mnist", "fashion": "fashion-mnist"}

every_model = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


def _card(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "model.toml").read_text(encoding="utf-8"))


def _split(name: str) -> Split:
    prefix = name.split("_")[0]
    if prefix == "digits":
        return digits_split()
    if data_folder() is None:
        pytest.skip(f"HYSTERON_DATA is not set: the test images of {name} are not available")
    return idx_split(IDX_SET_OF_PREFIX[prefix])


def test_reference_models_are_present() -> None:
    present = {folder.name for folder in FOLDERS}
    assert {"digits_mlp", "digits_cnn", "mnist_mlp", "fashion_mlp", "mnist_cnn"} <= present


@every_model
def test_onnx_file_is_the_one_described(folder: Path) -> None:
    card = _card(folder)
    content = (folder / card["onnx"]).read_bytes()
    assert card["name"] == folder.name
    assert len(content) == card["onnx_bytes"]
    assert hashlib.sha256(content).hexdigest() == card["sha256"]


@every_model
def test_onnx_file_is_small_plain_and_fully_binary(folder: Path) -> None:
    card = _card(folder)
    model = onnx.load(folder / card["onnx"])
    assert model.opset_import[0].version == 17
    assert model.graph.input[0].name == card["input_name"]
    sizes = [dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim[1:]]
    assert sizes == card["input_shape"]
    weights = {i.name: i for i in model.graph.initializer if i.name.endswith("_weight")}
    used = {
        node.input[1].removesuffix("_float")
        for node in model.graph.node
        if node.op_type in ("MatMul", "Conv")
    }
    assert used == set(weights)
    for name, initializer in weights.items():
        array = numpy_helper.to_array(initializer)
        assert array.dtype == np.int8, name
        assert set(np.unique(array)) == {-1, 1}, name


@every_model
def test_recorded_accuracy_is_what_onnxruntime_gives(folder: Path) -> None:
    card = _card(folder)
    split = _split(card["name"])
    recorded = card["accuracy"]
    assert len(split.y_test) == recorded["total"]
    correct = count_correct(folder / card["onnx"], split.x_test, split.y_test)
    assert correct == recorded["correct"]
    assert recorded["percent"] == round(100 * correct / recorded["total"], 2)


@every_model
def test_float_rounding_of_the_runtime_cannot_change_the_classes(folder: Path) -> None:
    card = _card(folder)
    images = _split(card["name"]).x_test[:1000]
    plain = scores(folder / card["onnx"], images)
    optimized = scores(folder / card["onnx"], images, optimize=True)
    np.testing.assert_allclose(plain, optimized, rtol=1e-5, atol=1e-5)


@every_model
def test_readme_states_the_recorded_accuracy(folder: Path) -> None:
    accuracy = _card(folder)["accuracy"]
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert f"{accuracy['correct']} of {accuracy['total']}" in text
