"""Technologies through the command line, and campaigns on them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from hysteron._assets import asset_dir
from hysteron.cli import main
from hysteron.memory.load import technology_names
from hysteron.training.data import digits_split

_MODEL = str(asset_dir("models") / "digits_mlp" / "digits_mlp.onnx")


def _run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any], str]:
    with pytest.raises(SystemExit) as done:
        main([*arguments, "--json"])
    captured = capsys.readouterr()
    assert isinstance(done.value.code, int)
    return done.value.code, json.loads(captured.out), captured.err


@pytest.fixture(scope="module")
def emulate(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return the start of a campaign on 60 held-out digits and 6 chips."""
    folder = tmp_path_factory.mktemp("digits")
    split = digits_split()
    np.save(folder / "x.npy", np.asarray(split[2][:60], dtype=np.uint8))
    np.save(folder / "y.npy", np.asarray(split[3][:60]))
    files = ["--inputs", str(folder / "x.npy"), "--labels", str(folder / "y.npy")]
    return ["emulate", _MODEL, "--input", "uint8", *files, "--chips", "6"]


@pytest.mark.parametrize("name", technology_names())
def test_a_technology_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, found, _ = _run(capsys, "memories", name)
    assert code == 0 and found["name"] == name
    assert all(n["status"] and n["source"] for n in found["quantities"])
    with pytest.raises(SystemExit) as done:
        main(["memories", name])
    assert done.value.code == 0
    assert found["formula"].split()[0] in capsys.readouterr().out


def test_the_list_names_every_technology(capsys: pytest.CaptureFixture[str]) -> None:
    listed = _run(capsys, "memories")[1]["memories"]
    assert [one["name"] for one in listed] == technology_names()


def test_a_condition_sweeps_the_error_rate(
    capsys: pytest.CaptureFixture[str], emulate: list[str]
) -> None:
    sweep = ["-m", "hfo2-rram-2t2r", "--set", "resistance_ratio=30,2"]
    code, result, _ = _run(capsys, *emulate, *sweep)
    strong, weak = result["conditions"]
    assert code == 0 and strong["resistance_ratio"] == 30.0
    assert strong["ber"] < weak["ber"] and weak["mean"] < strong["mean"]
    assert any("assumptions" in note for note in result["notes"])


def test_a_placement_leaves_the_rest_perfect(
    capsys: pytest.CaptureFixture[str], emulate: list[str]
) -> None:
    weak = ["--set", "resistance_ratio=2.5"]
    weights = _run(capsys, *emulate, "-m", "weights=hfo2-rram-1t1r", *weak)[1]
    everything = _run(capsys, *emulate, "-m", "hfo2-rram-1t1r", *weak)[1]
    assert weights["conditions"][0]["mean"] > everything["conditions"][0]["mean"]
    ideal = _run(capsys, *emulate, "-m", "ideal")[1]
    assert ideal["conditions"][0]["correct_per_chip"] == [ideal["reference_correct"]] * 6


def test_a_chip_can_come_from_a_technology(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    chip = ["chip", _MODEL, "--input", "uint8", "--seed", "1", "-o", str(tmp_path / "c")]
    code, result, _ = _run(capsys, *chip, "-m", "st-mram", "--set", "write_pulse_ns=3")
    assert code == 0 and 0 < result["ber"] < 0.5
    wrong = sum(one["wrong"] for one in result["sections"].values())
    cells = sum(one["cells"] for one in result["sections"].values())
    assert abs(wrong - cells * result["ber"]) < 6 * (cells * result["ber"]) ** 0.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give either"),
        (["--ber", "0.1", "-m", "ideal"], "give either"),
        (["--ber", "0.1", "--set", "a=1"], "conditions need a technology"),
        (["-m", "flash"], "unknown memory"),
        (["-m", "weights=ideal,weights=ideal"], "not a placement"),
        (["-m", "nowhere=ideal"], "no such role or section"),
        (["-m", "ideal", "--set", "pulse_ns=1"], "unknown condition"),
        (["-m", "st-mram", "--set", "pulse_ns"], "not a setting"),
        (["-m", "st-mram", "--set", "write_pulse_ns=1e9"], "out of range"),
        (["-m", "st-mram", "--set", "write_pulse_ns=x"], "not a write_pulse_ns"),
    ],
)
def test_bad_input_is_one_clear_error(
    capsys: pytest.CaptureFixture[str], emulate: list[str], arguments: list[str], message: str
) -> None:
    code, result, errors = _run(capsys, *emulate, *arguments)
    assert code == 2 and message in result["error"]["message"]
    assert len(errors.strip().splitlines()) == 1


def test_equal_area_study_is_a_command_with_a_picture(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    picture = tmp_path / "area.svg"
    code, result, _ = _run(capsys, "memories", "--equal-area", "-o", str(picture))
    assert code == 0 and picture.read_text().startswith("<?xml")
    rows = result["rows"]
    assert {round(row["cells_per_bit"], 2) for row in rows} >= {1, 1.12, 1.22, 2, 3}
    equal = [row for row in rows if row["spread_ratio"] == 1 and row["offset_ratio"] == 0]
    pair = {row["raw_ber"]: row["data_ber"] for row in equal if row["scheme"] == "2T2R"}
    # d / sqrt(s_L^2 + s_H^2) = d / (sqrt(2) s); 1T1R errs at Q(d / 2s), the raw rate
    for raw, found in pair.items():
        assert found == pytest.approx(norm.sf(2**0.5 * norm.isf(raw)), rel=1e-6)


def test_equal_area_study_takes_no_memory(capsys: pytest.CaptureFixture[str]) -> None:
    code, result, _ = _run(capsys, "memories", "st-mram", "--equal-area")
    assert code == 2 and "not one memory" in result["error"]["message"]
