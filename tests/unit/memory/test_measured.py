"""User tables: interpolated inside, refused outside and where damaged."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from hysteron.errors import InputError
from hysteron.memory.load import load_technology

_GRID = """temperature_c,write_pulse_ns,p01,p10
25,5,1e-2,2e-2
25,10,1e-4,3e-5

85,5,4e-2,6e-2
85,10,5e-4,9e-5
"""


def _csv(folder: Path, text: str) -> str:
    path = folder / "mine.csv"
    path.write_text(text)
    return str(path)


def test_grid_points_are_returned_exactly_and_ln_p_is_linear_between(tmp_path: Path) -> None:
    memory = load_technology(_csv(tmp_path, _GRID))
    exact = memory.channel(2, {"temperature_c": 85, "write_pulse_ns": 10})
    assert exact.p01 == pytest.approx(5e-4, rel=1e-14)
    assert exact.p10 == pytest.approx(9e-5)
    middle = memory.channel(2, {"temperature_c": 25, "write_pulse_ns": 7.5})
    assert middle.p01 == pytest.approx(1e-3)
    both = memory.channel(2, {"temperature_c": 55, "write_pulse_ns": 7.5})
    assert both.p01 == pytest.approx((1e-2 * 1e-4 * 4e-2 * 5e-4) ** 0.25)


@pytest.mark.parametrize("at", [{"temperature_c": 86.0}, {"write_pulse_ns": 4.99}])
def test_outside_the_table_nothing_is_known(tmp_path: Path, at: dict[str, float]) -> None:
    with pytest.raises(InputError, match=r"out of range.*not extrapolated"):
        load_technology(_csv(tmp_path, _GRID)).channel(2, at)


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("85,5,4e-2,6e-2\n", "", "hole.*temperature_c = 85, write_pulse_ns = 5"),
        ("85,5,4e-2", "25,10,4e-2", "line 5: the same conditions twice.*line 3"),
        ("4e-2", "nan", "line 5: p01 is not finite"),
        ("4e-2", "1.5", "line 5: p01 is not a probability"),
        ("4e-2", "-1e-9", "line 5: p01 is not a probability"),
        ("4e-2", "", "line 5: p01 is not a number"),
        ("4e-2,6e-2", "4e-2", "line 5: wrong number of cells"),
        ("p01,p10", "p10,p01", "line 1: wrong header"),
        ("temperature_c,write_pulse_ns", "write_pulse_ns,write_pulse_ns", "wrong header"),
        ("25,5", "inf,5", "line 2: temperature_c is not finite"),
    ],
)
def test_damaged_tables_are_refused_with_the_line(
    tmp_path: Path, old: str, new: str, match: str
) -> None:
    with pytest.raises(InputError, match=match):
        load_technology(_csv(tmp_path, _GRID.replace(old, new, 1)))


def test_a_measured_zero_is_used_but_not_interpolated(tmp_path: Path) -> None:
    memory = load_technology(_csv(tmp_path, _GRID.replace("1e-4", "0")))
    assert memory.channel(2, {"temperature_c": 25, "write_pulse_ns": 10}).p01 == 0.0
    with pytest.raises(InputError, match="detection limit"):
        memory.channel(2, {"temperature_c": 25, "write_pulse_ns": 9})


def test_a_table_without_conditions_is_one_channel(tmp_path: Path) -> None:
    channel = load_technology(_csv(tmp_path, "p01,p10\n1e-3,2e-3\n")).channel(2)
    assert (channel.p01, channel.p10) == (1e-3, 2e-3)


def test_a_toml_beside_the_csv_gives_it_title_and_source(tmp_path: Path) -> None:
    _csv(tmp_path, _GRID)
    path = tmp_path / "flash.toml"
    path.write_text(
        'schema = 1\nname = "flash"\ntitle = "t"\nphysics = "measured"\ncsv = "mine.csv"\n'
        'status = "measured"\nsource = "wafer 3"\n'
        '[cells_per_bit]\nvalue = 2\nstatus = "assumption"\nsource = "two cells"\n'
    )
    memory = load_technology(str(path))
    assert memory.cells_per_bit == 2.0
    assert {c.source for c in memory.stated} == {"wafer 3"}
    assert math.isclose(memory.channel(2).p01, 1e-2)


def test_a_missing_table_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone.csv: cannot be read as CSV"):
        load_technology(str(tmp_path / "gone.csv"))
