"""Train digits_cnn_range: digits_cnn against weight errors over a range of rates."""

from __future__ import annotations

from pathlib import Path

from hysteron.training.recipe import make
from hysteron.training.reference import digits_cnn, ranged

RECIPE = ranged(digits_cnn())

if __name__ == "__main__":
    make(RECIPE, Path(__file__).parent)
