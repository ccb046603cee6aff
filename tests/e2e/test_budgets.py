"""Budgets and parts that are too small: refused early, with who used the memory up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hysteron._assets import asset_dir
from hysteron.cli import main
from hysteron.driver.budgets import parse_bytes
from hysteron.errors import InputError
from hysteron.runners.net_stack import NetStack
from hysteron.runners.stack import StackBound

MLP = asset_dir("models") / "digits_mlp" / "digits_mlp.onnx"
IMAGE_BYTES = 11_648

pytestmark = pytest.mark.isa("cortex-m0")


def _run(capsys: pytest.CaptureFixture[str], *argv: object) -> tuple[int, dict[str, Any], str]:
    with pytest.raises(SystemExit) as done:
        main([*(str(word) for word in argv), "--json"])
    seen = capsys.readouterr()
    return int(done.value.code or 0), json.loads(seen.out), seen.err


def _compile(
    capsys: pytest.CaptureFixture[str], out: Path, *options: str
) -> tuple[int, dict[str, Any], str]:
    where = ("-t", "cortex-m0", "--input", "uint8", "-o", out)
    return _run(capsys, "compile", MLP, *where, *options)


def test_images_above_the_flash_budget_fail_before_any_compiler_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hysteron.runners.mcu_net.build_elf", None)
    code, record, err = _compile(capsys, tmp_path / "net", "--max-flash", "8K")
    (over,) = record["over_budget"]
    assert code == 1 and not (tmp_path / "net").exists()
    assert (over["memory"], over["bytes"], over["budget"]) == ("flash", IMAGE_BYTES, 8192)
    assert over["before_link"] and over["largest"][0]["name"].startswith("section layer_1_weights")
    assert "flash over budget: 11,648 bytes before its code is linked, budget 8,192" in err


def test_linked_code_above_the_flash_budget_names_functions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    budget = IMAGE_BYTES + 100
    code, record, _ = _compile(capsys, tmp_path / "net", "--max-flash", str(budget))
    (over,) = record["over_budget"]
    names = [part["name"] for part in over["largest"]]
    assert code == 1 and not over["before_link"] and over["bytes"] > budget
    assert "digits_mlp_image_main" in names
    assert any(name.startswith("hyst_") for name in names)
    assert not (tmp_path / "net").exists()


def test_stack_and_ram_budgets_are_told_together_and_kept_budgets_pass(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "x.npy", np.zeros((1, 64), np.uint8))
    where = ("-t", "cortex-m0", "--input", "uint8", "--inputs", tmp_path / "x.npy")
    code, record, _ = _run(capsys, "run", MLP, *where)
    stack, ram = record["stack_bound_bytes"], record["ram_bytes"]
    assert 0 < record["stack_bytes"] <= record["stack"]["functions"]["run"] <= stack
    assert code == 0 and "over_budget" not in record
    exact = ("--max-stack", stack, "--max-ram", ram, "--max-flash", record["flash_bytes"])
    assert _run(capsys, "run", MLP, *where, *exact)[0] == 0
    tight = ("--max-stack", stack - 1, "--max-ram", ram - 1)
    code, record, err = _run(capsys, "run", MLP, *where, *tight)
    assert code == 1 and err.count("over budget") == 2
    by_memory = {one["memory"]: one for one in record["over_budget"]}
    assert by_memory["ram"]["largest"][0] == {"name": "hyst_mcu_ctx", "bytes": ram}
    assert by_memory["stack"]["bytes"] == stack
    assert record["samples"] == 1


def test_the_deepest_chain_of_calls_makes_up_the_stack(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, record, _ = _compile(capsys, tmp_path / "net", "--max-stack", "100")
    (over,) = record["over_budget"]
    assert code == 1
    frames = over["largest"]
    assert frames[0]["name"] == "frame of digits_mlp_predict"
    assert any(one["name"] == "frame of hyst_xnor_dense" for one in frames)
    assert sum(one["bytes"] for one in frames) == over["bytes"] > 500


def test_the_header_and_the_report_hold_the_bound_of_every_function(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, _ = _compile(capsys, tmp_path / "net")
    report = json.loads((tmp_path / "net" / "report.json").read_text())
    bound, stack = report["sizes"]["STACK_BYTES"], report["stack"]
    wanted = {"run", "init", "predict", "begin", "step", "result", "check_image", "open"}
    assert code == 0 and set(stack["functions"]) == wanted
    assert bound == stack["bytes"] == max(stack["functions"].values())
    assert bound == sum(one["bytes"] for one in stack["chain"])
    header = (tmp_path / "net" / "digits_mlp.h").read_text()
    (line,) = [one for one in header.splitlines() if "STACK_BYTES" in one]
    assert line.startswith(f"#define DIGITS_MLP_STACK_BYTES {bound}u /* proven for the deepest")
    assert line.endswith("without interrupts */")


def test_a_stack_without_a_bound_passes_no_budget_and_gets_no_macro(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = NetStack({"run": StackBound(None, reason="recursion: f calls f")})
    monkeypatch.setattr("hysteron.runners.mcu_net.net_stack", lambda elf, view: unknown)
    code, record, err = _compile(capsys, tmp_path / "net", "--max-stack", "1M")
    assert code == 2 and record["error"]["kind"] == "toolchain"
    assert "no bound of the stack can be proven; got recursion: f calls f" in err
    assert not (tmp_path / "net").exists()
    code, _, _ = _compile(capsys, tmp_path / "net", "--max-flash", "1M")
    report = json.loads((tmp_path / "net" / "report.json").read_text())
    assert code == 0 and "STACK_BYTES" not in (tmp_path / "net" / "digits_mlp.h").read_text()
    assert report["stack"]["bytes"] is None and "FLASH_BYTES" in report["sizes"]
    assert report["stack"]["reason"] == "recursion: f calls f"


def test_a_scrubbed_network_says_that_the_write_function_comes_on_top(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, _ = _compile(capsys, tmp_path / "net", "--ecc", "secded-39-32")
    stack = json.loads((tmp_path / "net" / "report.json").read_text())["stack"]
    assert code == 0 and {"scrub", "ecc"} <= set(stack["functions"])
    assert stack["callback"]["function"] == "scrub"
    assert 0 < stack["callback"]["called_at_bytes"] <= stack["functions"]["scrub"]
    header = (tmp_path / "net" / "digits_mlp.h").read_text()
    (line,) = [one for one in header.splitlines() if "STACK_BYTES" in one]
    assert line.endswith("without interrupts and what your write function needs */")


def test_a_part_too_small_is_refused_before_the_link_with_its_largest_users(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hysteron.runners.mcu_net.build_elf", None)
    np.save(tmp_path / "x.npy", np.zeros((1, 784), np.uint8))
    where = ("-t", "atmega328p", "--input", "uint8", "--inputs", tmp_path / "x.npy")
    large = asset_dir("models") / "mnist_mlp" / "mnist_mlp.onnx"
    code, record, err = _run(capsys, "run", large, *where)
    assert code == 2 and record["error"]["kind"] == "capacity"
    assert "does not fit into the flash" in err and "at most 32,768" in err
    assert "largest: section layer_1_weights" in err


@pytest.mark.parametrize(
    ("text", "wanted"), [("0", 0), ("700", 700), ("32K", 32768), (" 2m ", 2 << 20)]
)
def test_bytes_are_plain_or_in_units_of_1024(text: str, wanted: int) -> None:
    assert parse_bytes(text) == wanted


@pytest.mark.parametrize("text", ["", "-1", "1.5K", "12 KB", "K"])
def test_anything_else_is_no_number_of_bytes(text: str) -> None:
    with pytest.raises(InputError, match=r"not a number of bytes.*32768 or 32K"):
        parse_bytes(text)
