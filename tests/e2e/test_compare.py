"""compare: all targets in one table, honest about those that did not run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hysteron._assets import asset_dir
from hysteron.cli import main
from hysteron.driver.compare import default_targets
from hysteron.image.buffers import unpack_buffer
from hysteron.targets import known, load_target

MLP = asset_dir("models") / "digits_mlp" / "digits_mlp.onnx"


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    path = tmp_path / "x.npy"
    np.save(path, np.random.default_rng(0).integers(0, 17, (3, 64)).astype(np.uint8))
    return path


def _compare(*argv: object, model: Path = MLP) -> int:
    with pytest.raises(SystemExit) as done:
        main(["compare", str(model), "--input", "uint8", *(str(word) for word in argv)])
    return int(done.value.code or 0)


def _rows(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    record = json.loads(capsys.readouterr().out)
    assert record["command"] == "compare"
    return {row["target"]: row for row in record["targets"]}


@pytest.mark.isa("cortex-m0")
@pytest.mark.isa("rv32imc")
def test_rows_hold_counts_and_say_what_did_not_fit(
    samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(samples, np.load(samples).reshape(-1, 1, 8, 8))
    picture = tmp_path / "targets.png"
    names = "cortex-m0,rv32imc,atmega328p"
    cnn = asset_dir("models") / "digits_cnn" / "digits_cnn.onnx"
    argv = ("--inputs", samples, "-t", names, "--limit", 2, "-o", picture, "--json")
    assert _compare(*argv, model=cnn) == 0
    rows = _rows(capsys)
    assert list(rows) == names.split(",")
    for name in ("cortex-m0", "rv32imc"):
        assert rows[name]["status"] == "exact" and rows[name]["samples"] == 2
        assert rows[name]["instructions_per_inference"] > 10_000 < rows[name]["flash_bytes"]
        assert rows[name]["emulator"].startswith("unicorn") and rows[name]["compiler"]
    small = rows["atmega328p"]
    assert small["status"] in ("does not fit", "skipped") and small["reason"]
    assert small["instructions_per_inference"] is None
    assert picture.read_bytes()[1:4] == b"PNG"


@pytest.mark.isa("cortex-m0")
def test_a_missing_toolchain_is_a_row_that_says_what_to_install(
    samples: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import hysteron.runners.emulators as emulators

    there = emulators._is_installed
    monkeypatch.setattr(emulators, "_is_installed", lambda e: e.kind != "qemu" and there(e))
    assert _compare("--inputs", samples, "-t", "cortex-m0,cortex-m55", "--limit", 1) == 0
    text = capsys.readouterr().out
    assert "skipped" in text and "apt install --no-install-recommends qemu-system-arm" in text
    # Nothing at all ran: that is no success.
    assert _compare("--inputs", samples, "-t", "cortex-m55", "--limit", 1) == 2


@pytest.mark.isa("cortex-m0")
def test_a_target_with_other_bits_fails_the_comparison(
    samples: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    flipped = "hysteron.runners.mcu_net.unpack_buffer"
    monkeypatch.setattr(flipped, lambda data, kind: unpack_buffer(data ^ 1, kind))
    assert _compare("--inputs", samples, "-t", "cortex-m0", "--limit", 1, "--json") == 1
    row = _rows(capsys)["cortex-m0"]
    assert row["status"] == "not exact" and "C differs from the interpreter" in row["reason"]


def test_by_default_every_emulated_target_is_compared_once() -> None:
    names = default_targets()
    emulated = [name for name in known("target") if not load_target(name).is_host]
    assert sorted(names) == sorted(emulated) and len(set(names)) == len(names)
