"""Campaigns through the command line: reproducible, resumable, refused cleanly."""

from __future__ import annotations

import csv
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hysteron._assets import asset_dir
from hysteron.cli import main
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


def _run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any], str]:
    with pytest.raises(SystemExit) as done:
        main(["emulate", _MODEL, "--input", "uint8", "--json", *arguments])
    captured = capsys.readouterr()
    assert isinstance(done.value.code, int)
    return done.value.code, json.loads(captured.out), captured.err


def test_a_campaign_reports_every_chip_and_nests_conditions(
    capsys: pytest.CaptureFixture[str], digits: list[str]
) -> None:
    code, result, _ = _run(capsys, *digits, "--ber", "0.05,0,0.001", "--chips", "12")
    assert code == 0
    rows = result["conditions"]
    assert [row["ber"] for row in rows] == [0.0, 0.001, 0.05]
    assert rows[0]["correct_per_chip"] == [result["reference_correct"]] * 12
    assert all(row["chips"] == len(row["correct_per_chip"]) == 12 for row in rows)
    for row in rows:
        assert row["worst"] <= row["q05"] <= row["mean"]
        assert row["ci_low"] <= row["mean"] <= row["ci_high"]
        assert row["mean"] == pytest.approx(np.mean(row["correct_per_chip"]) / 100)
    assert rows[2]["mean"] < rows[1]["mean"]


def test_one_rate_alone_gives_the_same_chips_as_a_grid(
    capsys: pytest.CaptureFixture[str], digits: list[str]
) -> None:
    # The grid draws once at its largest rate; a single rate draws for itself.
    grid = _run(capsys, *digits, "--ber", "0.01,0.1", "--chips", "6", "--seed", "3")[1]
    alone = _run(capsys, *digits, "--ber", "0.01", "--chips", "6", "--seed", "3")[1]
    assert alone["conditions"][0] == grid["conditions"][0]
    other = _run(capsys, *digits, "--ber", "0.01", "--chips", "6", "--seed", "4")[1]
    assert other["conditions"][0] != alone["conditions"][0]


def test_a_killed_campaign_resumes_to_the_same_integers(
    capsys: pytest.CaptureFixture[str], digits: list[str], tmp_path: Path
) -> None:
    store = tmp_path / "campaign.sqlite"
    arguments = [*digits, "--ber", "0.01,0.03", "--chips", "150"]
    whole = _run(capsys, *arguments)[1]
    program = "from hysteron.cli import main; main()"
    command = [sys.executable, "-c", program, "emulate", _MODEL, "--input", "uint8"]
    running = subprocess.Popen(
        [*command, *arguments, "--resume", str(store)], stdout=subprocess.DEVNULL
    )
    for _ in range(600):
        time.sleep(0.02)
        if running.poll() is not None or _rows(store) >= 20:
            break
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert 20 <= _rows(store)
    assert _run(capsys, *arguments, "--resume", str(store))[1] == whole
    assert _rows(store) == 300


def _rows(store: Path) -> int:
    try:
        with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as db:
            return int(db.execute("SELECT COUNT(*) FROM result").fetchone()[0])
    except sqlite3.Error:
        return 0


def test_a_condition_stops_when_its_mean_is_known(
    capsys: pytest.CaptureFixture[str], digits: list[str], tmp_path: Path
) -> None:
    arguments = [*digits, "--ber", "0.001,0.05", "--half-width", "2"]
    result = _run(capsys, *arguments, "--chips", "70")[1]
    quiet, noisy = result["conditions"]
    assert (quiet["chips"], quiet["look"], quiet["narrow_enough"]) == (16, 1, True)
    assert noisy["chips"] > 16 and len(noisy["correct_per_chip"]) == noisy["chips"]
    half = (noisy["ci_high"] - noisy["ci_low"]) / 2
    assert (half <= 0.02) is noisy["narrow_enough"]
    # Resumed from a longer campaign without the rule: the same look, the same numbers.
    store = str(tmp_path / "db")
    _run(capsys, *digits, "--ber", "0.001,0.05", "--chips", "70", "--resume", store)
    assert _run(capsys, *arguments, "--chips", "70", "--resume", store)[1] == result
    shorter = _run(capsys, *arguments, "--chips", "20")[1]["conditions"][1]
    assert (shorter["chips"], shorter["look"], shorter["narrow_enough"]) == (20, 2, False)


def test_errors_can_be_limited_to_a_role(
    capsys: pytest.CaptureFixture[str], digits: list[str]
) -> None:
    everything = _run(capsys, *digits, "--ber", "0.05", "--chips", "8")[1]
    weights = _run(capsys, *digits, "--ber", "0.05", "--chips", "8", "--only", "weights")[1]
    assert weights["conditions"][0]["mean"] > everything["conditions"][0]["mean"]


def test_results_come_as_table_picture_and_page(
    capsys: pytest.CaptureFixture[str], digits: list[str], tmp_path: Path
) -> None:
    _run(capsys, *digits, "--ber", "0.01,0.1", "--chips", "4", "-o", str(tmp_path / "out"))
    made = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert made["accuracy.png"].startswith(b"\x89PNG") and b"<svg" in made["accuracy.svg"]
    assert b"data:image/svg+xml;base64," in made["report.html"]
    assert made["results.csv"].decode().splitlines()[0].startswith("ber,chips,mean")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_an_export_has_a_row_per_condition_and_chip(
    kind: str, capsys: pytest.CaptureFixture[str], digits: list[str], tmp_path: Path
) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    path = tmp_path / f"chips.{kind}"
    memories = ["-m", "ideal", "-m", "hfo2-rram-1t1r", "--set", "resistance_ratio=3,6"]
    arguments = [*digits, *memories, "--chips", "3", "--export", str(path)]
    conditions = _run(capsys, *arguments)[1]["conditions"]
    assert [row["memory"] for row in conditions] == ["ideal"] + ["hfo2-rram-1t1r"] * 2
    if kind == "csv":
        with path.open(newline="") as file:
            rows: list[dict[str, Any]] = list(csv.DictReader(file))
        assert rows[0]["resistance_ratio"] == "" and rows[8]["chip"] == "2"
    else:
        from pyarrow import parquet

        rows = parquet.read_table(path).to_pylist()
        assert [row["resistance_ratio"] for row in rows] == [None] * 3 + [3.0] * 3 + [6.0] * 3
    counts: list[list[int]] = [[], [], []]
    for row in rows:
        counts[int(row["condition"])].append(int(row["correct"]))
    assert counts == [row["correct_per_chip"] for row in conditions]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("chips.xlsx", "unknown kind of export"),
        ("nowhere/chips.csv", "cannot write the export"),
        ("folder.csv", "is a folder"),
    ],
)
def test_an_export_that_cannot_be_written_is_refused_before_any_chip(
    name: str,
    message: str,
    capsys: pytest.CaptureFixture[str],
    digits: list[str],
    tmp_path: Path,
) -> None:
    (tmp_path / "folder.csv").mkdir()
    arguments = ["--ber", "0.1", "--chips", "1000000", "--export", str(tmp_path / name)]
    code, result, _ = _run(capsys, *digits, *arguments)
    assert code == 2 and message in result["error"]["message"]


def test_parquet_without_pyarrow_is_refused_by_name(
    capsys: pytest.CaptureFixture[str],
    digits: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)  # as if it were not installed
    arguments = ["--ber", "0.1", "--chips", "1000000", "--export", str(tmp_path / "c.parquet")]
    code, result, _ = _run(capsys, *digits, *arguments)
    assert code == 2 and "hysteron[export]" in result["error"]["message"]


def test_a_folder_of_something_else_is_refused_before_any_chip(
    capsys: pytest.CaptureFixture[str], digits: list[str], tmp_path: Path
) -> None:
    (tmp_path / "mine.txt").write_text("keep me")
    arguments = ["--ber", "0.1", "--chips", "1000000", "-o", str(tmp_path)]
    code, result, _ = _run(capsys, *digits, *arguments)
    assert code == 2 and "did not write" in result["error"]["message"]
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--ber", "1.5"], "out of range"),
        (["--ber", "nan"], "out of range"),
        (["--ber", "0.1,"], "not a bit error rate"),
        (["--ber", "0.1", "--chips", "0"], "no chips"),
        (["--ber", "0.1", "--seed", "-1"], "seed out of range"),
        (["--ber", "0.1", "--only", "nowhere"], "no such role or section"),
        (["--ber", "0.1", "--half-width", "0"], "half width out of range"),
        (["--ber", "0.1", "--half-width", "nan"], "half width out of range"),
        (["--ber", "0.1", "--half-width", "101"], "half width out of range"),
        (["--ber", "0.1", "--scheduler", "127.0.0.1:9"], "no Dask scheduler answers"),
        (["--ber", "0.1", "-m", "ideal"], "either bit error rates"),
        (["-m", "ideal", "-m", "ideal"], "the same memory twice"),
        (["-m", "ideal", "-m", "st-mram", "--set", "speed=1"], "unknown condition 'speed'"),
        (["-m", "st-mram", "--set", "delta=nan"], "out of range"),
        (["-m", "st-mram", "--set", "delta=10"], "out of range"),
    ],
)
def test_bad_input_is_one_clear_error(
    capsys: pytest.CaptureFixture[str], digits: list[str], arguments: list[str], message: str
) -> None:
    code, result, errors = _run(capsys, *digits, *arguments)
    assert code == 2 and message in result["error"]["message"]
    assert len(errors.strip().splitlines()) == 1


def test_labels_of_another_length_are_refused(
    capsys: pytest.CaptureFixture[str], digits: list[str], tmp_path: Path
) -> None:
    np.save(tmp_path / "y.npy", np.zeros(3, dtype=np.int64))
    code, _, errors = _run(capsys, *digits[:2], "--labels", str(tmp_path / "y.npy"), "--ber", "0.1")
    assert code == 2 and "labels and samples differ" in errors


@pytest.mark.parametrize("label", [-1, 10])
def test_labels_that_are_no_class_are_refused(
    label: int, capsys: pytest.CaptureFixture[str], digits: list[str], tmp_path: Path
) -> None:
    labels = np.load(digits[3]).astype(np.int64)
    labels[7] = label
    np.save(tmp_path / "y.npy", labels)
    code, _, errors = _run(capsys, *digits[:2], "--labels", str(tmp_path / "y.npy"), "--ber", "0.1")
    assert code == 2 and "sample 7: label out of range" in errors and "0 to 9" in errors


@pytest.mark.parametrize("kind", ["another campaign", "something else", "not a campaign store"])
def test_a_store_of_something_else_is_refused_and_kept(
    kind: str, capsys: pytest.CaptureFixture[str], digits: list[str], tmp_path: Path
) -> None:
    store = tmp_path / "db.sqlite"
    base = [*digits, "--ber", "0.01", "--chips", "2", "--resume", str(store)]
    if kind == "another campaign":
        _run(capsys, *base)
    elif kind == "something else":
        with sqlite3.connect(store) as db:
            db.execute("CREATE TABLE mine (a INTEGER)")
    else:
        store.write_bytes(os.urandom(5000))
    before = store.read_bytes()
    code, _, errors = _run(capsys, *base, "--seed", "9")
    assert code == 2 and kind in errors
    assert store.read_bytes() == before
