"""Train digits_mlp: 64-256-256-10, all weights binary, on scikit-learn's digits."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from hysteron.training.loop import Schedule
from hysteron.training.recipe import DIGITS, Recipe, make
from hysteron.training.straight_through import BinaryLinear, Sign, TensorNorm


def build() -> nn.Sequential:
    """Return the untrained network for images [n, 1, 8, 8]."""
    return nn.Sequential(
        nn.Flatten(),
        BinaryLinear(64, 256),
        nn.BatchNorm1d(256),
        Sign(),
        BinaryLinear(256, 256),
        nn.BatchNorm1d(256),
        Sign(),
        BinaryLinear(256, 10),
        TensorNorm(),
    )


RECIPE = Recipe(
    name="digits_mlp",
    source=DIGITS,
    build=build,
    schedule=Schedule(seed=1, epochs=200, batch=32, learning_rate=0.005, validation=120),
    flat=True,
    head="sums",
)

if __name__ == "__main__":
    make(RECIPE, Path(__file__).parent)
