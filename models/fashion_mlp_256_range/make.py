"""Train fashion_mlp_256_range: fashion_mlp_256 against weight errors over a range of rates."""

from __future__ import annotations

from pathlib import Path

from hysteron.training.recipe import make
from hysteron.training.reference import fashion_mlp, ranged

RECIPE = ranged(fashion_mlp(256))

if __name__ == "__main__":
    make(RECIPE, Path(__file__).parent)
