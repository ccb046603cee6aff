"""Train digits_cnn: two zero-padded binary convolutions, on scikit-learn's digits."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from hysteron.training.loop import Schedule
from hysteron.training.recipe import DIGITS, Recipe, make
from hysteron.training.straight_through import BinaryConv2d, BinaryLinear, Sign, TensorNorm


def build() -> nn.Sequential:
    """Return the untrained network for images [n, 1, 8, 8]."""
    return nn.Sequential(
        BinaryConv2d(1, 16, kernel=3, pad=1),
        nn.BatchNorm2d(16),
        Sign(),
        BinaryConv2d(16, 32, kernel=3, pad=1),
        nn.MaxPool2d(2),
        nn.BatchNorm2d(32),
        Sign(),
        nn.Flatten(),
        BinaryLinear(512, 10),
        TensorNorm(),
    )


RECIPE = Recipe(
    name="digits_cnn",
    source=DIGITS,
    build=build,
    schedule=Schedule(seed=1, epochs=120, batch=32, learning_rate=0.005, validation=120),
    flat=False,
    head="scale",
)

if __name__ == "__main__":
    make(RECIPE, Path(__file__).parent)
