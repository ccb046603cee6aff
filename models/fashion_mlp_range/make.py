"""Train fashion_mlp_range: fashion_mlp against weight errors over a range of rates."""

from __future__ import annotations

from pathlib import Path

from hysteron.training.recipe import make
from hysteron.training.reference import fashion_mlp, ranged

# Twelve epochs, not the thirty of fashion_mlp: it was trained on a busy machine.
RECIPE = ranged(fashion_mlp(1024, epochs=12))

if __name__ == "__main__":
    make(RECIPE, Path(__file__).parent)
