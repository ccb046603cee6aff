"""Train mnist_mlp_128_fixed: mnist_mlp_128 against weight errors at one fixed rate."""

from __future__ import annotations

from pathlib import Path

from hysteron.training.recipe import make
from hysteron.training.reference import fixed, mnist_mlp

RECIPE = fixed(mnist_mlp(128, epochs=15))

if __name__ == "__main__":
    make(RECIPE, Path(__file__).parent)
