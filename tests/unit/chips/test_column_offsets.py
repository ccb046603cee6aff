"""Offsets of sense amplifiers: the same mean, a far wider spread over chips."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sections import NAME, layout_of, random_images

from hysteron.chips.trajectory import Trajectory, resolved_part
from hysteron.ir.types import TensorType
from hysteron.memory.load import load_technology
from hysteron.memory.numerics import spread_nodes, tail

_LAYOUT = layout_of(TensorType("b1", (256, 512)))  # 128 amplifiers of 1024 cells
_IMAGES = random_images(_LAYOUT)
_DISTANCE, _SPREAD, _OFFSET = math.log(6.4), math.hypot(0.18, 0.7), 0.33


def _rates(name: str, chips: int) -> np.ndarray:
    memory = load_technology("hfo2-rram-2t2r")
    part = resolved_part(memory, {"hrs_spread": 0.7, name: _OFFSET})
    source = Trajectory({NAME: part})
    counts = []
    for chip in range(chips):
        found = source.faults(_LAYOUT, _IMAGES, 4, chip)
        counts.append(found[NAME].cell.size if found else 0)
    return np.array(counts) / _LAYOUT.sections[0].cells.count


_MEAN = float(tail(_DISTANCE / math.hypot(_SPREAD, _OFFSET)))


def _spread(cells: int, amplifiers: int) -> float:
    """Return the standard deviation of a chip's error rate, offsets per amplifier.

    Given its offset an amplifier's cells err independently; half the bits feel it reversed.
    """
    z, weights = spread_nodes(1.0)
    up, down = (tail((_DISTANCE + sign * _OFFSET * z) / _SPREAD) for sign in (1, -1))
    between = float(weights @ ((up + down) / 2 - _MEAN) ** 2)
    return math.sqrt(between / amplifiers + (_MEAN - between) / cells)


def test_column_offsets_keep_the_mean_and_spread_the_chips() -> None:
    cell, column = (_rates(name, 100) for name in ("sense_offset", "column_offset_sigma"))
    assert cell.mean() == pytest.approx(_MEAN, rel=0.01)
    assert column.mean() == pytest.approx(_MEAN, rel=0.03)
    assert cell.std() == pytest.approx(math.sqrt(_MEAN / (256 * 512)), rel=0.3)
    assert column.std() == pytest.approx(_spread(256 * 512, 128), rel=0.3)
    assert column.std() > 2 * cell.std()


def test_a_full_array_spreads_about_five_times_as_much() -> None:
    # The page with the factor leaves array and offset open; it grows as the square of the offset.
    geometry = load_technology("hfo2-rram-2t2r").geometry
    cells = geometry.rows * geometry.columns
    amplifiers = geometry.columns // geometry.columns_per_amplifier
    assert 4 < _spread(cells, amplifiers) / math.sqrt(_MEAN / cells) < 6
