"""Train mnist_mlp: 784-1024-1024-10, all weights binary, on MNIST."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from hysteron.training.loop import Schedule
from hysteron.training.recipe import MNIST, Recipe, make
from hysteron.training.straight_through import BinaryLinear, Sign, TensorNorm


def build() -> nn.Sequential:
    """Return the untrained network for images [n, 1, 28, 28]."""
    return nn.Sequential(
        nn.Flatten(),
        BinaryLinear(784, 1024),
        nn.BatchNorm1d(1024),
        Sign(),
        BinaryLinear(1024, 1024),
        nn.BatchNorm1d(1024),
        Sign(),
        BinaryLinear(1024, 10),
        TensorNorm(),
    )


RECIPE = Recipe(
    name="mnist_mlp",
    source=MNIST,
    build=build,
    schedule=Schedule(
        seed=1, epochs=30, batch=100, learning_rate=0.003, validation=5000, max_shift=1
    ),
    flat=True,
    head="norm",
)

if __name__ == "__main__":
    make(RECIPE, Path(__file__).parent)
