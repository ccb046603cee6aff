"""Exported chips: what is in the files is what the campaign ran, on every target."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hysteron._assets import asset_dir
from hysteron.chips.draw import apply
from hysteron.chips.export import load_faults
from hysteron.cli import main
from hysteron.driver.candidates import choose_grid
from hysteron.driver.compile import CompiledModel, Options, compile_model, kernel_inputs
from hysteron.driver.emulate import emulate
from hysteron.driver.session import Request, open_session
from hysteron.frontends.inputs import quantize_input
from hysteron.host.bridge import Net
from hysteron.image.layout import relayout
from hysteron.training.data import digits_split

_MODEL = asset_dir("models") / "digits_cnn" / "digits_cnn.onnx"


def _compiled(target: str = "host") -> CompiledModel:
    return compile_model(_MODEL, Options(target=target, inputs=("uint8",)))


def _export(folder: Path, capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, Any]:
    command = ["chip", str(_MODEL), "--input", "uint8", "--seed", "5", "-o", str(folder), "--json"]
    with pytest.raises(SystemExit) as done:
        main([*command, *more])
    assert done.value.code == 0
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


def test_an_exported_chip_is_the_one_the_campaign_ran(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    compiled, split = _compiled(), digits_split()
    graph = compiled.model.graph
    name = graph.inputs[0]
    x = quantize_input(
        np.asarray(split[2], dtype=np.uint8), graph.specs[name], graph.types[name].shape
    )
    y = np.asarray(split[3], dtype=np.int64)
    grid = choose_grid(compiled.program, "0.02", (), (), None)
    with open_session(compiled, {name: x}, y, Request(chips=3, seed=5)) as session:
        campaign = emulate(session, grid)
    _export(tmp_path / "chip", capsys, "--ber", "0.02", "--chip", "2")
    images = {"main": (tmp_path / "chip" / "region0.bin").read_bytes()}
    predicted = Net(compiled.program, images).predict(kernel_inputs(compiled.program, {name: x}))
    assert int((predicted == y).sum()) == campaign.rows[0]["correct_per_chip"][2]


def test_a_chip_of_a_microcontroller_image_has_the_hosts_wrong_weights(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    host, part = _compiled().program, _compiled("cortex-m4").program
    _export(tmp_path / "host", capsys, "--ber", "0.02")
    _export(tmp_path / "part", capsys, "--ber", "0.02", "-t", "cortex-m4")
    there = {"main": (tmp_path / "part" / "region0.bin").read_bytes()}
    here = {"main": (tmp_path / "host" / "region0.bin").read_bytes()}
    assert relayout(there, part.layout, host.layout) == here
    replayed = load_faults(tmp_path / "part" / "faults.json", part.layout)
    assert apply(part.layout, part.images, replayed) == there


def test_the_report_counts_wrong_cells(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = _export(tmp_path / "chip", capsys, "--ber", "1", "--only", "thresholds")
    assert result["sections"]
    assert all(one["wrong"] == one["cells"] > 0 for one in result["sections"].values())
    assert "faults.json" in result["files"]


@pytest.mark.parametrize("ber", ["0.1,0.2", "2", "x"])
def test_a_chip_needs_one_probability(
    ber: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["chip", str(_MODEL), "--input", "uint8", "--seed", "5", "-o", str(tmp_path / "c")]
    with pytest.raises(SystemExit) as done:
        main([*command, "--ber", ber])
    assert done.value.code == 2 and "hysteron: " in capsys.readouterr().err
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize(
    "target",
    [
        pytest.param("cortex-m4", marks=pytest.mark.isa("cortex-m4")),
        pytest.param("cortex-m55", marks=[pytest.mark.isa("cortex-m55"), pytest.mark.slow]),
        pytest.param("avr6", marks=[pytest.mark.isa("avr6"), pytest.mark.slow]),
    ],
)
def test_a_corrupted_chip_gives_the_hosts_integers_on_emulated_parts(
    target: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "x.npy", np.asarray(digits_split()[2], dtype=np.uint8)[:3])
    scores = {}
    for name in ("host", target):
        _export(tmp_path / name, capsys, "--ber", "0.05", "-t", name)
        for chip in (("--chip", tmp_path / name), ()):
            out = tmp_path / f"{name}{bool(chip)}.npy"
            argv = ["run", _MODEL, "-t", name, "--input", "uint8", "--inputs", tmp_path / "x.npy"]
            with pytest.raises(SystemExit) as done:
                main([str(word) for word in (*argv, *chip, "-o", out)])
            assert done.value.code == 0
            capsys.readouterr()
            scores[name, bool(chip)] = np.load(out)
    assert np.array_equal(scores["host", True], scores[target, True])
    assert np.array_equal(scores["host", False], scores[target, False])
    assert not np.array_equal(scores["host", True], scores["host", False])
