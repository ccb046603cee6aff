"""Train digits_cnn_fixed: digits_cnn against weight errors at one fixed rate."""

from __future__ import annotations

from pathlib import Path

from hysteron.training.recipe import make
from hysteron.training.reference import digits_cnn, fixed

RECIPE = fixed(digits_cnn())

if __name__ == "__main__":
    make(RECIPE, Path(__file__).parent)
