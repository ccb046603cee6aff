"""Grids of memories: settings reach who has them, codes reach their sections."""

from __future__ import annotations

from pathlib import Path

import pytest

from hysteron._assets import asset_dir
from hysteron.chips.draw import stored_bits
from hysteron.chips.source import Marginal
from hysteron.driver.candidates import CODE_NOTE, choose_grid
from hysteron.driver.compile import Options, compile_model
from hysteron.errors import InputError
from hysteron.image.program import Program
from hysteron.memory.channel import Channel
from hysteron.memory.ecc import load_code, residual
from hysteron.memory.load import load_technology


@pytest.fixture(scope="module")
def program() -> Program:
    """Return the digits MLP."""
    path = asset_dir("models") / "digits_mlp" / "digits_mlp.onnx"
    return compile_model(path, Options(inputs=("uint8",))).program


def _channels(program: Program, memory: str) -> dict[str, Channel]:
    (candidate,) = choose_grid(program, None, [memory], ["resistance_ratio=4"], None).candidates
    assert isinstance(candidate.point.condition.source, Marginal)
    return dict(candidate.point.condition.source.channels)


def test_a_setting_goes_to_every_memory_that_has_it(program: Program) -> None:
    memories = ["hfo2-rram-1t1r", "ideal", "st-mram"]
    settings = ["resistance_ratio=3,5", "write_pulse_ns=8,9,10"]
    grid = choose_grid(program, None, memories, settings, None)
    found = [(c.memory, dict(c.point.settings)) for c in grid.candidates]
    assert found[:3] == [
        ("hfo2-rram-1t1r", {"resistance_ratio": 3.0}),
        ("hfo2-rram-1t1r", {"resistance_ratio": 5.0}),
        ("ideal", {}),
    ]
    assert [settings["write_pulse_ns"] for _, settings in found[3:]] == [8.0, 9.0, 10.0]


def test_a_code_leaves_its_residual_rate(program: Program) -> None:
    raw = load_technology("hfo2-rram-1t1r").channel(2, {"resistance_ratio": 4})
    found = _channels(program, "hfo2-rram-1t1r+secded-39-32")
    code = load_code("secded-39-32")
    for section in program.layout.sections:
        ones = float(stored_bits(section, program.images).mean())
        left = residual(code, raw, ones=ones).data_ber
        assert found[section.name] == Channel.symmetric(left)
        assert 0 < left < raw.error_rate()


def test_a_code_protects_only_its_part(program: Program) -> None:
    raw = load_technology("hfo2-rram-1t1r").channel(2, {"resistance_ratio": 4})
    memory = "weights=hfo2-rram-1t1r+triplicate,thresholds=hfo2-rram-1t1r"
    memory += ",layer_2_weights=hfo2-rram-1t1r"
    found = _channels(program, memory)
    assert found["layer_0_thresholds"] == found["layer_2_weights"] == raw
    assert found["layer_0_weights"].error_rate() < raw.error_rate() / 5
    assert "layer_0_inverts" not in found
    grid = choose_grid(program, None, [memory], (), None)
    assert CODE_NOTE in grid.notes
    assert CODE_NOTE not in choose_grid(program, None, ["ideal"], (), None).notes


def test_a_plus_in_a_file_name_is_no_code(program: Program, tmp_path: Path) -> None:
    path = tmp_path / "a+b.csv"
    path.write_text("p01,p10\n0.01,0.02\n")
    (candidate,) = choose_grid(program, None, [str(path)], (), None).candidates
    assert not candidate.codes and candidate.point.ber == pytest.approx(0.015)


@pytest.mark.parametrize(
    ("memories", "settings", "message"),
    [
        ([], [], "either bit error rates"),
        (["ideal", "ideal"], [], "the same memory twice"),
        (["hfo2-rram-1t1r+secded"], [], "unknown memory"),
        (["ideal"], ["delta=60"], "unknown condition 'delta'"),
    ],
)
def test_impossible_grids_are_refused(
    memories: list[str], settings: list[str], message: str, program: Program
) -> None:
    with pytest.raises(InputError, match=message):
        choose_grid(program, None, memories, settings, None)
