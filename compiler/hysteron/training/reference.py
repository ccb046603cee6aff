"""Recipes that models/ shares: the same networks, plain and trained against weight errors."""

# Some methods of torch have no types.
# mypy: allow-untyped-calls

from __future__ import annotations

from dataclasses import replace

from torch import nn

from hysteron.training.bit_errors import FixedRate, LogUniformRates
from hysteron.training.loop import Schedule
from hysteron.training.recipe import DIGITS, FASHION, MNIST, Recipe
from hysteron.training.straight_through import BinaryConv2d, BinaryLinear, Sign, TensorNorm

#: The rate that Hirtzlin et al. (AICAS 2019, abstract) report as tolerated after
#: training adapted to errors.
FIXED = FixedRate(0.04)
#: From harmless to five times FIXED; its mean, (high - low) / ln(high / low) = 0.0376,
#: is about FIXED, so the two trainings see about the same number of errors.
RANGE = LogUniformRates(1e-3, 0.2)


def binary_mlp(width: int) -> nn.Sequential:
    """Return the untrained 784-width-width-10 for images [n, 1, 28, 28]."""
    return nn.Sequential(
        nn.Flatten(),
        BinaryLinear(784, width),
        nn.BatchNorm1d(width),
        Sign(),
        BinaryLinear(width, width),
        nn.BatchNorm1d(width),
        Sign(),
        BinaryLinear(width, 10),
        TensorNorm(),
    )


def digits_network() -> nn.Sequential:
    """Return the untrained convolutional network for images [n, 1, 8, 8]."""
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


def fashion_mlp(width: int, epochs: int = 30) -> Recipe:
    """Return the plain recipe of 784-width-width-10 on Fashion-MNIST."""
    return Recipe(
        name=_name("fashion_mlp", width),
        source=FASHION,
        build=lambda: binary_mlp(width),
        schedule=Schedule(
            seed=1, epochs=epochs, batch=100, learning_rate=0.003, validation=5000, max_shift=1
        ),
        flat=True,
        head="sums",
    )


def mnist_mlp(width: int, epochs: int = 30) -> Recipe:
    """Return the plain recipe of 784-width-width-10 on MNIST."""
    recipe = fashion_mlp(width, epochs)
    return replace(recipe, name=_name("mnist_mlp", width), source=MNIST, head="norm")


def digits_cnn() -> Recipe:
    """Return the plain recipe of the convolutional network on scikit-learn's digits."""
    return Recipe(
        name="digits_cnn",
        source=DIGITS,
        build=digits_network,
        schedule=Schedule(seed=1, epochs=120, batch=32, learning_rate=0.005, validation=120),
        flat=False,
        head="scale",
    )


def fixed(recipe: Recipe) -> Recipe:
    """Return ``recipe`` trained against errors at the rate FIXED."""
    return replace(recipe, name=f"{recipe.name}_fixed", errors=FIXED)


def ranged(recipe: Recipe) -> Recipe:
    """Return ``recipe`` trained against errors at the rates RANGE."""
    return replace(recipe, name=f"{recipe.name}_range", errors=RANGE)


def _name(stem: str, width: int) -> str:
    return stem if width == 1024 else f"{stem}_{width}"
