"""Train mnist_cnn: three binary convolutions and a binary head, on MNIST."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from hysteron.training.loop import Schedule
from hysteron.training.recipe import MNIST, Recipe, make
from hysteron.training.straight_through import BinaryConv2d, BinaryLinear, Sign, TensorNorm


def build() -> nn.Sequential:
    """Return the untrained network for images [n, 1, 28, 28]."""
    net = nn.Sequential(
        BinaryConv2d(1, 32, kernel=5, pad=2),
        nn.MaxPool2d(2),
        nn.BatchNorm2d(32),
        Sign(),
        BinaryConv2d(32, 64, kernel=3, pad=1),
        nn.MaxPool2d(2),
        nn.BatchNorm2d(64),
        Sign(),
        BinaryConv2d(64, 128, kernel=3),
        nn.BatchNorm2d(128),
        Sign(),
        nn.Flatten(),
        BinaryLinear(3200, 10),
        TensorNorm(),
    )
    # Trains a third faster in this memory order; the function is the same.
    return net.to(memory_format=torch.channels_last)


RECIPE = Recipe(
    name="mnist_cnn",
    source=MNIST,
    build=build,
    schedule=Schedule(
        seed=1, epochs=24, batch=100, learning_rate=0.01, validation=5000, max_shift=1
    ),
    flat=False,
    head="norm",
)

if __name__ == "__main__":
    make(RECIPE, Path(__file__).parent)
