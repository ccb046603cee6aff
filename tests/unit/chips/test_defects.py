"""Defects have a place: words, rows, columns, cells; rates and neighbours are right."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats
from sections import NAME, layout_of, random_images

from hysteron.chips.defects import failed_places, torn_words
from hysteron.chips.draw import apply, stored_bits
from hysteron.chips.export import load_faults, write_chip
from hysteron.chips.philox import Stream
from hysteron.chips.trajectory import Trajectory, resolved_part
from hysteron.errors import InputError
from hysteron.ir.types import TensorType
from hysteron.memory.geometry import ArrayGeometry
from hysteron.memory.load import load_technology

_GEOMETRY = ArrayGeometry(64, 256, 32, 8)
_OFF = {
    "stuck_at_rate": 0.0, "row_failure_rate": 0.0, "column_failure_rate": 0.0,
    "line_burst_rate": 0.0,
}  # fmt: skip
_LEVELS = np.resize(np.array([0, 1], dtype=np.int8), 64 * 256 * 5)


def _failed(chip: int = 0, levels: int = 2, **rates: float) -> np.ndarray[Any, Any]:
    """Return the levels read where all cells hold 0, with 7 for cells that did not fail."""
    sentinel = np.full(_LEVELS.size, 7, dtype=np.int8)
    return failed_places(sentinel, levels, {**_OFF, **rates}, _GEOMETRY, Stream(1, chip, "x"))


def test_a_failed_row_reads_one_level_and_its_neighbours_do_not() -> None:
    read = _failed(row_failure_rate=0.1)
    place = _GEOMETRY.locate(np.arange(read.size))
    rows = place.array * _GEOMETRY.rows + place.row
    seen = {row: set(read[rows == row].tolist()) for row in range(int(rows.max()) + 1)}
    assert all(len(values) == 1 for values in seen.values())
    bad = [values.pop() for values in seen.values() if 7 not in values]
    assert stats.binom(320, 0.1).cdf(len(bad)) == pytest.approx(0.5, abs=0.4999)
    assert {0, 1} == set(bad)


def test_a_failed_column_reads_one_level_in_its_array_only() -> None:
    read = _failed(column_failure_rate=0.05)
    place = _GEOMETRY.locate(np.arange(read.size))
    for array in range(5):
        grid = np.full((64, 256), 9, dtype=np.int8)
        mine = place.array == array
        grid[place.row[mine], place.column[mine]] = read[mine]
        bad = (grid != 7).any(axis=0)
        assert 0 < bad.sum() < 40
        assert all(len(set(column)) == 1 for column in grid[:, bad].T.tolist())


@pytest.mark.parametrize("levels", [2, 3, 4])
def test_stuck_cells_take_every_level_equally_and_stay_stuck(levels: int) -> None:
    read = _failed(stuck_at_rate=0.2, levels=levels)
    stuck = read[read != 7]
    assert stats.binom(read.size, 0.2).cdf(stuck.size) == pytest.approx(0.5, abs=0.4999)
    assert stats.chisquare(np.bincount(stuck, minlength=levels)).pvalue > 1e-4
    more = _failed(stuck_at_rate=0.5, levels=levels)
    assert ((read == 7) | (more == read)).all()  # what is stuck at 20 % is stuck the same at 50 %


def test_power_lost_while_writing_leaves_whole_words_of_ones() -> None:
    read = torn_words(
        np.zeros(128 * 3000 + 5, dtype=np.int8), 1, {**_OFF, "line_burst_rate": 0.01},
        ArrayGeometry(512, 1024, 128, 8), Stream(1, 0, "x"),
    )  # fmt: skip
    words = [set(read[start : start + 128].tolist()) for start in range(0, read.size, 128)]
    assert all(len(word) == 1 for word in words)
    torn = sum(1 in word for word in words)
    assert stats.binom(3001, 0.01).cdf(torn) == pytest.approx(0.5, abs=0.4999)


@pytest.mark.parametrize("name", list(_OFF))
def test_rates_0_and_1_are_exact(name: str) -> None:
    level = _LEVELS.copy()
    values = {**_OFF, name: 1.0}
    stream = Stream(1, 0, "x")
    if name == "line_burst_rate":
        assert (torn_words(level, 1, values, _GEOMETRY, stream) == 1).all()
    else:
        assert (_failed(0, 2, **{name: 1.0}) != 7).all()
    assert np.array_equal(failed_places(level, 2, _OFF, _GEOMETRY, stream), level)


def test_a_burst_of_a_line_is_128_weights_and_exports(tmp_path: Any) -> None:
    """nRF54L15: the write line is 128 bits, and one torn by a loss of power reads all ones."""
    layout = layout_of(TensorType("b1", (64, 1024)))
    images = random_images(layout)
    memory = load_technology("hfo2-rram-2t2r")
    assert memory.geometry.word_bits == 128
    part = resolved_part(memory, {"resistance_ratio": 1000.0, "line_burst_rate": 0.01})
    wrong = Trajectory({NAME: part}).faults(layout, images, 2, 0)
    read = stored_bits(layout.sections[0], apply(layout, images, wrong))[0]
    stored = stored_bits(layout.sections[0], images)[0]
    lines = read.reshape(-1, 128)
    torn = (lines != stored.reshape(-1, 128)).any(axis=1)
    assert torn.any() and lines[torn].all()
    write_chip(tmp_path / "c", layout, apply(layout, images, wrong), wrong, {"seed": 2, "chip": 0})
    replayed = load_faults(tmp_path / "c" / "faults.json", layout)
    assert apply(layout, images, replayed) == apply(layout, images, wrong)


def test_an_ideal_memory_can_have_defects_too() -> None:
    layout = layout_of(TensorType("t2", (64, 1024)))
    images = random_images(layout)
    part = resolved_part(load_technology("ideal"), {"row_failure_rate": 0.3})
    wrong = Trajectory({NAME: part}).faults(layout, images, 2, 0)[NAME]
    assert wrong.cell.size
    with pytest.raises(InputError, match="stuck_at_rate is out of range"):
        resolved_part(load_technology("ideal"), {"stuck_at_rate": 1.5})
