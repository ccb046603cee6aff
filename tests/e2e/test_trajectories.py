"""The trajectory engine through the command line: times, retries, sense errors, defects."""

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
from hysteron.driver.compile import Options, compile_model
from hysteron.driver.placement import choose_points
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
    """Return the start of a campaign on 40 held-out digits and 4 chips."""
    folder = tmp_path_factory.mktemp("digits")
    split = digits_split()
    np.save(folder / "x.npy", np.asarray(split[2][:40], dtype=np.uint8))
    np.save(folder / "y.npy", np.asarray(split[3][:40]))
    files = ["--inputs", str(folder / "x.npy"), "--labels", str(folder / "y.npy")]
    return ["emulate", _MODEL, "--input", "uint8", *files, "--chips", "4"]


def _chip(
    capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str
) -> tuple[dict[str, Any], bytes]:
    base = ["chip", _MODEL, "--input", "uint8", "--seed", "1", "-o", str(folder)]
    code, found, errors = _run(capsys, *base, *arguments)
    assert code == 0, errors
    return found, (folder / "region0.bin").read_bytes()


def test_several_times_are_the_same_chips_ageing(
    capsys: pytest.CaptureFixture[str], emulate: list[str]
) -> None:
    sets = ["-m", "st-mram", "--set", "delta=42"]
    code, result, _ = _run(capsys, *emulate, *sets, "--set", "retention_years=0.001,0.1,20")
    assert code == 0
    rates = [row["ber"] for row in result["conditions"]]
    assert rates == sorted(rates) and rates[0] < 0.01 < rates[2]
    assert any("engine: trajectory" in note for note in result["notes"])
    single = _run(capsys, *emulate, *sets, "--set", "retention_years=20")[1]
    assert single["conditions"][0]["ber"] == pytest.approx(rates[2])
    assert not any("engine: trajectory" in note for note in single["notes"])
    forced = ["--set", "engine=trajectory"]
    again = _run(capsys, *emulate, *sets, "--set", "retention_years=20", *forced)[1]
    kept = "correct_per_chip"
    assert again["conditions"][0][kept] == result["conditions"][2][kept]


def test_old_data_are_an_option_and_the_bound_is_told(
    capsys: pytest.CaptureFixture[str], emulate: list[str]
) -> None:
    weak = ["-m", "st-mram", "--set", "write_pulse_ns=3.5"]
    bers, bounds = {}, set()
    for previous in ("random", "zeros", "complement"):
        result = _run(capsys, *emulate, *weak, "--set", f"previous={previous}")[1]
        bers[previous] = result["conditions"][0]["ber"]
        bounds |= {n for n in result["notes"] if "if all old bits differed" in n}
    assert bers["random"] == pytest.approx(bers["complement"] / 2)
    assert bers["zeros"] == pytest.approx(bers["random"])
    assert len(bounds) == 1 and f"{bers['complement']:.3g}" in bounds.pop()


def test_the_old_image_may_be_a_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    _, other = _chip(capsys, tmp_path / "a", "--ber", "0.3")
    weak = ["-m", "st-mram", "--set", "write_pulse_ns=3"]
    old = ["--set", f"previous={tmp_path / 'a' / 'region0.bin'}"]
    found, written = _chip(capsys, tmp_path / "b", *weak, *old)
    program = compile_model(Path(_MODEL), Options(inputs=("uint8",))).program
    golden = program.images["main"]
    touched = np.frombuffer(golden, np.uint8) ^ np.frombuffer(written, np.uint8)
    differs = np.frombuffer(golden, np.uint8) ^ np.frombuffer(other, np.uint8)
    assert touched.any() and not (touched & ~differs).any()  # only old bits can be left behind
    wrong = sum(one["wrong"] for one in found["sections"].values())
    assert wrong == int(np.unpackbits(touched).sum())
    report = json.loads((tmp_path / "b" / "report.json").read_text())["chip"]
    assert report["options"] == {"engine": "trajectory", "previous": "a file"}
    assert report["settings"] == {"write_pulse_ns": 3.0}


def test_verify_makes_retries_pay(capsys: pytest.CaptureFixture[str], emulate: list[str]) -> None:
    weak = ["-m", "hfo2-rram-1t1r", "--set", "hrs_spread=1.5"]
    plain = _run(capsys, *emulate, *weak)[1]["conditions"][0]
    retry = ["--set", "write_attempts=4", "--set", "verify=1"]
    kept = _run(capsys, *emulate, *weak, *retry)[1]["conditions"][0]
    assert kept["ber"] < plain["ber"] / 50 and kept["mean"] > plain["mean"]


@pytest.mark.parametrize("sense", ["inference", "xnor", "per-fetch"])
def test_sense_errors_run_sample_by_sample(
    sense: str, capsys: pytest.CaptureFixture[str], emulate: list[str]
) -> None:
    noisy = ["-m", "weights=hfo2-rram-2t2r", "--set", "sense_noise=1", "--set", "hrs_spread=1"]
    code, result, _ = _run(capsys, *emulate, *noisy, "--set", f"sense={sense}", "--chips", "1")
    assert code == 0 and any("exact and slow" in note for note in result["notes"])
    if sense == "per-fetch":
        assert any("depend on the kernel" in note for note in result["notes"])
    assert result["conditions"][0]["correct_per_chip"][0] < result["reference_correct"]


def test_defects_hit_places_and_their_chip_replays(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    bursts = ["-m", "weights=hfo2-rram-2t2r", "--set", "line_burst_rate=0.02"]
    found, written = _chip(capsys, tmp_path / "c", *bursts, "--set", "resistance_ratio=1000")
    program = compile_model(Path(_MODEL), Options(inputs=("uint8",))).program
    wrong = load_faults(tmp_path / "c" / "faults.json", program.layout)
    assert apply(program.layout, program.images, wrong)["main"] == written
    lines = {(name, int(line)) for name, section in wrong.items() for line in section.cell // 128}
    cells = sum(section.cell.size for section in wrong.values())
    assert lines and 30 * len(lines) < cells < 100 * len(lines)  # about half of 128 were zeros
    assert found["ber"] == pytest.approx(0.01, rel=0.01)


def test_the_engine_and_all_that_decides_a_chip_name_the_condition() -> None:
    layout = compile_model(Path(_MODEL), Options(inputs=("uint8",))).program.layout

    def key(*settings: str) -> str:
        (point,), _ = choose_points(layout, None, "st-mram", settings, None)
        return point.condition.key

    keys = [
        key(), key("engine=trajectory"), key("write_attempts=2"), key("write_attempts=3"),
        key("write_attempts=2", "previous=zeros"), key("sense_noise=0.1"),
        key("sense_noise=0.1", "sense=xnor"),
    ]  # fmt: skip
    assert len(set(keys)) == len(keys)
    assert '"engine":"marginal"' in keys[0] and '"engine":"trajectory"' in keys[1]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["previous=bogus"], "unknown value of option 'previous'"),
        (["previous=zeros,ones"], "takes one value"),
        (["engine=both"], "unknown engine"),
        (["sense=never"], "unknown sense"),
        (["verify=1"], "verify needs a second attempt"),
        (["write_attempts=1.5"], "not a whole number"),
        (["stuck_at_rate=nan"], "stuck_at_rate is out of range"),
        (["resistance_ratio=5"], "unknown condition 'resistance_ratio'"),
        (["previous={model}"], "old image of another size"),
        (["previous={model}", "engine=marginal"], "old image of another size"),
    ],
)
def test_bad_settings_are_one_clear_error(
    settings: list[str], message: str, capsys: pytest.CaptureFixture[str], emulate: list[str]
) -> None:
    given = [text for s in settings for text in ("--set", s.format(model=_MODEL))]
    code, result, errors = _run(capsys, *emulate, "-m", "st-mram", *given)
    assert code == 2 and message in result["error"]["message"]
    assert len(errors.strip().splitlines()) == 1


def test_options_reach_the_explanation(capsys: pytest.CaptureFixture[str]) -> None:
    plain = _run(capsys, "memories", "st-mram")[1]
    worst = _run(capsys, "memories", "st-mram", "--set", "previous=complement")[1]
    assert worst["options"]["previous"] == "complement"
    assert worst["channels"]["2"][0][1] == pytest.approx(2 * plain["channels"]["2"][0][1])
    assert {"write_attempts", "scrub_interval_hours", "stuck_at_rate"} <= {
        one["name"] for one in plain["mechanisms"]
    }


def test_sense_is_an_option_of_its_own(
    capsys: pytest.CaptureFixture[str], emulate: list[str]
) -> None:
    noisy = ["-m", "hfo2-rram-2t2r", "--set", "sense_noise=0.3", "--chips", "1"]
    short = _run(capsys, *emulate, *noisy, "--sense", "xnor")
    assert short == _run(capsys, *emulate, *noisy, "--set", "sense=xnor") and short[0] == 0
    code, result, _ = _run(capsys, *emulate, *noisy, "--sense", "often")
    assert code == 2 and "unknown sense" in result["error"]["message"]
