"""Real digits for a real network."""

from __future__ import annotations

import numpy as np
import pytest

from hysteron._assets import asset_dir
from hysteron.campaign.trial import Trial
from hysteron.driver.compile import Options, compile_model, kernel_inputs
from hysteron.training.data import digits_split


@pytest.fixture(scope="session")
def digits_trial() -> Trial:
    """Return 60 held-out digits for the digits MLP, seed 7."""
    path = asset_dir("models") / "digits_mlp" / "digits_mlp.onnx"
    compiled = compile_model(path, Options(inputs=("uint8",)))
    split = digits_split()
    x = np.asarray(split[2][:60], dtype=np.uint8)
    inputs = kernel_inputs(compiled.program, {compiled.model.graph.inputs[0]: x})
    return Trial(compiled.program, inputs, np.asarray(split[3][:60], dtype=np.int64), 7)
