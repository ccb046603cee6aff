"""Train fashion_mlp_256: 784-256-256-10, all weights binary, on Fashion-MNIST."""

from __future__ import annotations

from pathlib import Path

from hysteron.training.recipe import make
from hysteron.training.reference import fashion_mlp

RECIPE = fashion_mlp(256)

if __name__ == "__main__":
    make(RECIPE, Path(__file__).parent)
