"""Train mnist_mlp_128_range: mnist_mlp_128 against weight errors over a range of rates."""

from __future__ import annotations

from pathlib import Path

from hysteron.training.recipe import make
from hysteron.training.reference import mnist_mlp, ranged

RECIPE = ranged(mnist_mlp(128, epochs=15))

if __name__ == "__main__":
    make(RECIPE, Path(__file__).parent)
