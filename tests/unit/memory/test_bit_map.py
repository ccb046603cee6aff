"""Single bits with measured rates: they err at their place, in every array alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hysteron.chips.philox import Stream
from hysteron.chips.purpose import SectionDraws
from hysteron.chips.source import engine_for
from hysteron.errors import InputError
from hysteron.memory.load import load_technology
from hysteron.memory.states.base import Site

_TOML = """schema = 1
name = "mine"
title = "my array"
physics = "measured"
csv = "rates.csv"
bit_map = "bits.csv"
status = "measured"
source = "wafer 3"

[cells_per_bit]
value = 1.0
status = "measured"
source = "wafer 3"

[array]
rows = 8
columns = 32
word_bits = 8
columns_per_amplifier = 4
interleaved = true
status = "measured"
source = "wafer 3"
"""


def _memory(folder: Path, bits: str) -> Any:
    (folder / "rates.csv").write_text("temperature_c,p01,p10\n25,0.01,0.0\n85,0.03,0.0\n")
    (folder / "bits.csv").write_text(bits)
    (folder / "mine.toml").write_text(_TOML)
    return load_technology(str(folder / "mine.toml"))


def test_listed_bits_err_by_their_own_rates_and_all_others_by_the_table(tmp_path: Path) -> None:
    memory = _memory(tmp_path, "row,column,p01,p10\n0,0,1,1\n3,17,0,1\n7,31,0.5,0\n")
    assert engine_for(memory, {}) == "trajectory"
    count = 8 * 32 * 400
    wrong = {}
    for stored in (0, 1):
        site = Site(count, SectionDraws(Stream(1, 0, "x"), count), 0.0, 0.0)
        cells = memory.cells(2, {"temperature_c": 85.0}, site)
        target = np.full(count, stored, dtype=np.int8)
        cells.write(target, np.ones(count, np.bool_), 0)
        place = memory.geometry.locate(np.arange(count))
        flips = cells.read() != target
        wrong[stored] = np.zeros((8, 32))
        np.add.at(wrong[stored], (place.row, place.column), flips)
    up, down = wrong[0] / 400, wrong[1] / 400
    assert up[0, 0] == 1 and down[0, 0] == 1 and up[3, 17] == 0 and down[3, 17] == 1
    assert up[7, 31] == pytest.approx(0.5, abs=0.1)
    others = np.ones((8, 32), np.bool_)
    others[[0, 3, 7], [0, 17, 31]] = False
    assert up[others].mean() == pytest.approx(0.03, rel=0.05) and not down[others].any()
    channel = memory.channel(2, {"temperature_c": 85.0})
    assert channel.p01 == pytest.approx((0.03 * 253 + 1.5) / 256)
    assert channel.p10 == pytest.approx(2 / 256)


@pytest.mark.parametrize(
    ("bits", "match"),
    [
        ("row,column,p01\n0,0,1\n", "not a map of bits"),
        ("row,column,p01,p10\n", "not a map of bits"),
        ("row,column,p01,p10\n8,0,1,1\n", "line 2: no such bit.*row 8"),
        ("row,column,p01,p10\n0,-1,1,1\n", "no such bit"),
        ("row,column,p01,p10\n0,0,1,1\n0,0,1,1\n", "line 3: the same bit twice"),
        ("row,column,p01,p10\n0,0,nan,1\n", "not a probability"),
        ("row,column,p01,p10\n0,0,1.5,1\n", "not a probability"),
        ("row,column,p01,p10\n0,x,1,1\n", "not a bit"),
        ("row,column,p01,p10\n0,1\n", "not a bit"),
    ],
)
def test_a_wrong_map_is_one_clear_error(bits: str, match: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=match):
        _memory(tmp_path, bits)


def test_a_missing_map_is_one_clear_error(tmp_path: Path) -> None:
    _memory(tmp_path, "row,column,p01,p10\n0,0,1,1\n")
    (tmp_path / "bits.csv").unlink()
    with pytest.raises(InputError, match="cannot be read as CSV"):
        load_technology(str(tmp_path / "mine.toml"))
