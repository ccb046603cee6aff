"""Layouts of hand-made sections for the tests of chips."""

from __future__ import annotations

import numpy as np

from hysteron.image.encodings import encoding
from hysteron.image.layout import ImageLayout, Section
from hysteron.ir.types import TensorType

NAME = "layer_0_weights"


def layout_of(*types: TensorType) -> ImageLayout:
    """Return one region with a section of each type, named NAME, layer_1_weights, ..."""
    sections, offset = [], 0
    for number, type_ in enumerate(types):
        code = encoding("rows" if type_.dtype in ("b1", "t2") else "plain")
        name = f"layer_{number}_weights"
        made = Section(name, "weights", number, f"c{number}", code, type_, "main", offset)
        sections.append(made)
        offset += made.nbytes
    return ImageLayout(("main",), tuple(sections))


def random_images(layout: ImageLayout, seed: int = 0) -> dict[str, bytes]:
    """Return images of random values; a ternary weight is never 11."""
    rng = np.random.default_rng(seed)
    parts = []
    for section in layout.sections:
        type_ = section.type
        if type_.dtype in ("b1", "t2"):
            values = rng.choice([-1, 1] if type_.dtype == "b1" else [-1, 0, 1], type_.shape)
            parts.append(section.encoding.encode(values.astype(np.int8), type_))
        else:
            parts.append(rng.bytes(section.nbytes))
    return {"main": b"".join(parts)}
