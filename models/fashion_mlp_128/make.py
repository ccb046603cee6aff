"""Train fashion_mlp_128: 784-128-128-10, all weights binary, on Fashion-MNIST."""

from __future__ import annotations

from pathlib import Path

from hysteron.training.recipe import make
from hysteron.training.reference import fashion_mlp

RECIPE = fashion_mlp(128)

if __name__ == "__main__":
    make(RECIPE, Path(__file__).parent)
