"""Sensitivity, critical bits and the cheapest memory, through the command line."""

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
from hysteron.driver.compile import Options, compile_model, kernel_inputs
from hysteron.host.bridge import Net
from hysteron.training.data import digits_split

_MODEL = str(asset_dir("models") / "digits_mlp" / "digits_mlp.onnx")


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return --inputs and --labels of 100 held-out digits."""
    folder = tmp_path_factory.mktemp("digits")
    split = digits_split()
    np.save(folder / "x.npy", np.asarray(split[2][:100], dtype=np.uint8))
    np.save(folder / "y.npy", np.asarray(split[3][:100]))
    return ["--inputs", str(folder / "x.npy"), "--labels", str(folder / "y.npy")]


def _run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    with pytest.raises(SystemExit) as done:
        main(["emulate", _MODEL, "--input", "uint8", "--json", *arguments])
    assert isinstance(done.value.code, int)
    return done.value.code, json.loads(capsys.readouterr().out)


def test_sensitivity_ranks_parts_and_its_proposal_was_measured(
    capsys: pytest.CaptureFixture[str], digits: list[str], tmp_path: Path
) -> None:
    base = [*digits, "--ber", "0.02", "--chips", "8", "--resume", str(tmp_path / "db")]
    arguments = [*base, "--sensitivity", "--by", "role", "--max-drop", "3"]
    code, result = _run(capsys, *arguments, "-o", str(tmp_path / "out"))
    found = result["sensitivity"]
    assert code == 0 and len(found["parts"]) == 3
    drops = [part["drop"] for part in found["parts"]]
    assert drops == sorted(drops, reverse=True)
    assert all(part["low"] <= part["drop"] <= part["high"] for part in found["parts"])
    assert found["drop"] <= 0.03 < result["conditions"][0]["drop"]
    assert 0 < len(found["protect"]) < 3
    for part in found["parts"]:  # each role alone is what --only gives
        alone = _run(capsys, *base[:-2], "--only", part["part"])[1]
        assert alone["conditions"][0]["drop"] == pytest.approx(part["drop"])
    protected = {item for item in found["placement"].split(",") if item.endswith("=ideal")}
    assert {f"{name}=ideal" for name in found["protect"]} == protected
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"sensitivity.png", "sensitivity.svg"} <= files
    assert "Sensitivity" in (tmp_path / "out" / "report.html").read_text()
    assert _run(capsys, *arguments)[1] == result  # resumed: the same


def test_the_proposed_placement_is_one_that_emulate_takes(
    capsys: pytest.CaptureFixture[str], digits: list[str]
) -> None:
    memory = ["-m", "hfo2-rram-1t1r", "--set", "resistance_ratio=3.2", "--chips", "6"]
    found = _run(capsys, *digits, *memory, "--sensitivity", "--max-drop", "4")[1]["sensitivity"]
    memory[1] = found["placement"]
    again = _run(capsys, *digits, *memory)[1]["conditions"][0]
    assert again["drop"] == pytest.approx(found["drop"])
    assert found["protect"] and 0 < found["protected_share_of_cells"] < 1


@pytest.mark.slow
def test_critical_bits_replay_from_the_fault_list(
    capsys: pytest.CaptureFixture[str], digits: list[str], tmp_path: Path
) -> None:
    arguments = [*digits, "--critical", "4", "--only", "inverts", "-o", str(tmp_path / "out")]
    code, result = _run(capsys, *arguments)
    found = result["critical"]
    assert code == 0 and result["conditions"] == [] and found["exhaustive"]
    assert (found["tried"], found["possible"]) == (512, 512)
    assert found["flips"][0]["net"] >= found["flips"][3]["net"] and found["flips"][0]["lost"] > 0
    compiled = compile_model(_MODEL, Options(inputs=("uint8",)))
    program = compiled.program
    faults = load_faults(tmp_path / "out" / "critical-faults.json", program.layout)
    assert sum(part.cell.size for part in faults.values()) == 4
    net = Net(program, apply(program.layout, program.images, faults))
    x = np.load(digits[1])
    inputs = kernel_inputs(program, {compiled.model.graph.inputs[0]: x})
    right = int((net.predict(inputs) == np.load(digits[3])).sum())
    assert right <= result["reference_correct"] - found["flips"][0]["net"] + 3


_PULSES = ["-m", "st-mram", "--set", "write_pulse_ns=4,5,6,8,12", "--chips", "60"]


def test_the_cheapest_pulse_that_keeps_the_accuracy_is_found(
    capsys: pytest.CaptureFixture[str], digits: list[str], tmp_path: Path
) -> None:
    arguments = [*digits, *_PULSES, "--optimize", "energy", "--max-drop", "2"]
    code, result = _run(capsys, *arguments, "-o", str(tmp_path / "out"))
    rows, best = result["conditions"], result["optimum"]
    wanted = result["reference_correct"] / 100 - 0.02
    good = [row for row in rows if row["q05_low"] >= wanted - 1e-9]
    assert code == 0 and 0 < len(good) < len(rows)
    cheapest = min(good, key=lambda row: row["program_energy"])
    assert best["write_pulse_ns"] == cheapest["write_pulse_ns"]
    assert best["cost"] == cheapest["program_energy"] and best["accuracy"] == cheapest["q05_low"]
    assert "relative" in result["optimize"]["cost"] and "bound" in result["optimize"]["accuracy"]
    costs = [one["cost"] for one in result["pareto"]]
    kept = [one["accuracy"] for one in result["pareto"]]
    assert costs == sorted(costs) and kept == sorted(kept) and best in result["pareto"]
    assert (tmp_path / "out" / "pareto.png").read_bytes().startswith(b"\x89PNG")


def test_nothing_good_enough_exits_with_1_and_the_best_found(
    capsys: pytest.CaptureFixture[str], digits: list[str]
) -> None:
    arguments = ["-m", "st-mram", "--set", "write_pulse_ns=3,4", "--chips", "4"]
    arguments += ["--optimize", "area", "--max-drop", "1"]
    code, result = _run(capsys, *digits, *arguments)
    assert code == 1 and result["optimum"] is None
    assert result["optimize"]["best_found"]["write_pulse_ns"] == 4.0
    assert "too few" in result["optimize"]["accuracy"]  # four chips bound nothing


def test_codes_and_pairs_compete_for_area(
    capsys: pytest.CaptureFixture[str], digits: list[str]
) -> None:
    memories = ["hfo2-rram-1t1r", "hfo2-rram-2t2r", "hfo2-rram-1t1r+secded-39-32"]
    arguments = [item for memory in memories for item in ("-m", memory)]
    arguments += ["--set", "resistance_ratio=4", "--chips", "6", "--optimize", "area"]
    result = _run(capsys, *digits, *arguments)[1]
    rows = {row["memory"]: row for row in result["conditions"]}
    assert [rows[memory]["devices_per_value"] for memory in memories] == [1, 2, 39 / 32]
    assert rows[memories[2]]["ber"] < rows[memories[0]]["ber"]
    assert rows[memories[2]]["mean"] > rows[memories[0]]["mean"]


def test_endurance_is_the_most_cycles_that_keep_the_accuracy(
    capsys: pytest.CaptureFixture[str], digits: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "worn.csv"
    path.write_text("cycles,p01,p10\n1,1e-6,1e-6\n1e4,1e-3,1e-3\n1e6,0.2,0.2\n")
    arguments = ["-m", str(path), "--set", "cycles=1,1e3,1e4,1e6", "--chips", "5"]
    code, result = _run(capsys, *digits, *arguments, "--optimize", "endurance", "--max-drop", "4")
    assert code == 0 and result["optimum"]["cost"] == result["optimum"]["cycles"] == 1e4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--ber", "0.1,0.2", "--sensitivity"], "sensitivity needs one condition"),
        (["--ber", "0.1", "--sensitivity", "--by", "pixel"], "unknown cut"),
        (["--ber", "0.1", "--critical", "0"], "no critical bits asked for"),
        (["--ber", "0.1", "--optimize", "energy"], "bit error rates have no cost"),
        (["-m", "st-mram", "--optimize", "speed"], "unknown goal"),
        (["-m", "st-mram", "--optimize", "energy", "--max-drop", "nan"], "drop out of range"),
        (["-m", "st-mram", "--optimize", "energy", "--max-drop", "0"], "drop out of range"),
        (["-m", "st-mram", "--optimize", "endurance"], "write cycles"),
        (["-m", "st-mram", "-m", "hfo2-rram-1t1r", "--optimize", "energy"], "cannot be compared"),
        (
            ["-m", "st-mram", "-m", "weights=st-mram,thresholds=ideal", "--optimize", "energy"],
            "leave out the energy of different sections",
        ),
    ],
)
def test_studies_that_cannot_be_answered_are_refused_before_any_chip(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str], digits: list[str]
) -> None:
    code, result = _run(capsys, *digits, "--chips", "1000000", *arguments)
    assert code == 2 and message in result["error"]["message"]
