"""The incremental engine on trained networks: the classes of the generated C on the same chips."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hysteron._assets import asset_dir
from hysteron.campaign.evaluate import NetEvaluator
from hysteron.campaign.incremental import IncrementalEvaluator, supports
from hysteron.chips.draw import NestedDraw
from hysteron.driver.compile import Options, compile_model, kernel_inputs
from hysteron.driver.samples import random_samples

pytestmark = pytest.mark.kernels


def _same_classes(path: Path, count: int) -> None:
    compiled = compile_model(str(path), Options(inputs=("uint8",), target="host"))
    program = compiled.program
    assert supports(program, count)
    samples = random_samples(compiled.model.graph, count, 0)
    inputs = kernel_inputs(program, samples)
    engine, net = IncrementalEvaluator(program, inputs), NetEvaluator(program, inputs)
    names = tuple(section.name for section in program.layout.sections)
    thresholds = tuple(s.name for s in program.layout.sections if s.role == "thresholds")
    for sections in (names, thresholds):
        draw = NestedDraw(program.layout, program.images, sections, 0.2, 1, 0)
        for rate in (0.0, 1e-4, 2e-3, 0.02, 0.2):
            wrong = draw.below(rate)
            assert np.array_equal(engine.classes(wrong), net.classes(wrong))


@pytest.mark.parametrize("name", ["digits_mlp", "mnist_mlp"])
def test_trained_perceptrons_answer_as_the_generated_c(name: str) -> None:
    _same_classes(asset_dir("models") / name / f"{name}.onnx", 300)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lfc_w1a1_mnist", "tfc_1w1a_plain", "qonnx_tfc_1w1a"])
def test_third_party_perceptrons_answer_as_the_generated_c(name: str, models_dir: Path) -> None:
    _same_classes(models_dir / f"{name}.onnx", 700)


@pytest.mark.parametrize("name", ["digits_cnn", "mnist_cnn"])
def test_convolutional_networks_are_left_to_the_generated_c(name: str) -> None:
    path = asset_dir("models") / name / f"{name}.onnx"
    assert not supports(compile_model(str(path), Options(inputs=("uint8",), target="host")).program)
