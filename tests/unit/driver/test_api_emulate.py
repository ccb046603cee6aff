"""``hy.emulate`` is the command without the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import hysteron as hy
from hysteron._assets import asset_dir
from hysteron.driver.api import CompiledProgram, compile, emulate
from hysteron.errors import InputError
from hysteron.training.data import digits_split


@pytest.fixture(scope="module")
def program() -> CompiledProgram:
    """Return the digits MLP."""
    return compile(asset_dir("models") / "digits_mlp" / "digits_mlp.onnx", inputs="uint8")


_X, _Y = (np.asarray(part[:50]) for part in digits_split()[2:4])


def test_rates_and_memories_give_rows(program: CompiledProgram, tmp_path: Path) -> None:
    x = _X.astype(np.uint8)
    assert hy.emulate is emulate
    rates = emulate(program, x, _Y, ber=[0.1, 0.001], chips=3, seed=2, resume=tmp_path / "db")
    assert [row["ber"] for row in rates.rows] == [0.001, 0.1]
    assert emulate(program, x, _Y, ber=0.1, chips=3, seed=2).rows[0] == rates.rows[1]
    grid = emulate(
        program, x, _Y, memory=["ideal", "hfo2-rram-1t1r"], chips=2,
        conditions={"resistance_ratio": (3, 6)},
    )  # fmt: skip
    assert [row["memory"] for row in grid.rows] == ["ideal"] + ["hfo2-rram-1t1r"] * 2
    assert grid.rows[0]["drop"] == 0 and grid.rows[1]["resistance_ratio"] == 3


def test_wrong_arguments_are_told(program: CompiledProgram) -> None:
    x = _X.astype(np.uint8)
    with pytest.raises(InputError, match="unknown option; got chip"):
        emulate(program, x, _Y, ber=0.1, chip=3)
    with pytest.raises(InputError, match="labels and samples differ"):
        emulate(program, x, _Y[:9], ber=0.1)
    with pytest.raises(InputError, match="no chips"):
        emulate(program, x, _Y, ber=0.1, chips=0)
    with pytest.raises(InputError, match="out of range"):
        emulate(program, x, _Y, ber=float("nan"))
