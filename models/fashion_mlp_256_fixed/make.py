"""Train fashion_mlp_256_fixed: fashion_mlp_256 against weight errors at one fixed rate."""

from __future__ import annotations

from pathlib import Path

from hysteron.training.recipe import make
from hysteron.training.reference import fashion_mlp, fixed

RECIPE = fixed(fashion_mlp(256))

if __name__ == "__main__":
    make(RECIPE, Path(__file__).parent)
