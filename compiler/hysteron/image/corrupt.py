"""Uniform, independent bit errors in an image: the simplest fault model.

Every cell of the chosen sections flips with the same probability, whatever it
stores. Draws belong to logical cells, so the same seed gives the same wrong
weights in every layout. Physical memory technologies build on the same cells.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import numpy as np

from hysteron.errors import InputError
from hysteron.image.layout import ImageLayout, check_images


def flip_cells(
    layout: ImageLayout, images: Mapping[str, bytes], ber: float, seed: int, role: str = ""
) -> dict[str, bytes]:
    """Return corrupted images; ``role`` limits the errors to e.g. "weights".

    A cell that owns two bits (a ternary weight) has each of them flipped with
    probability ``ber``. Padding bits are never touched. Raises InputError for a
    rate outside [0, 1] and for images of another size.
    """
    if not 0.0 <= ber <= 1.0:
        raise InputError("bit error rate out of range", got=str(ber), wanted="0 to 1")
    check_images(layout, images)
    bytes_of = {region: np.frombuffer(data, np.uint8).copy() for region, data in images.items()}
    for section in layout.sections:
        if role and section.role != role:
            continue
        cells = section.cells
        # Keyed by the section's name, not its place: regions may move.
        key = [seed, zlib.crc32(section.name.encode())]
        rng = np.random.Generator(np.random.Philox(np.random.SeedSequence(key)))
        hit = rng.random((cells.count, cells.planes)) < ber
        byte, bit = cells.locate(np.arange(cells.count, dtype=np.int64))
        masks = np.left_shift(1, bit[hit]).astype(np.uint8)
        np.bitwise_xor.at(bytes_of[section.region], section.offset + byte[hit], masks)
    return {region: array.tobytes() for region, array in bytes_of.items()}
