"""--ecc and --ecc-policy: every command takes them, a compiled folder keeps them."""

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
from hysteron.driver.compile import CompiledModel, Options, compile_model, kernel_inputs
from hysteron.driver.ecc import parse_ecc
from hysteron.driver.placement import parse_placement, select_sections
from hysteron.errors import InputError
from hysteron.frontends.inputs import quantize_input
from hysteron.host.bridge import Net
from hysteron.image.layout import read_image, recode
from hysteron.image.protection import decode_images, unprotected
from hysteron.interpreter.final import run_final
from hysteron.training.data import digits_split

_MODEL = asset_dir("models") / "digits_mlp" / "digits_mlp.onnx"
_CNN = asset_dir("models") / "digits_cnn" / "digits_cnn.onnx"
_ECC = ["--ecc", "weights=secded-39-32,layer_0_thresholds=triplicate", "--ecc-policy", "zero"]


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return --inputs and --labels of 100 held-out digits."""
    folder = tmp_path_factory.mktemp("digits")
    split = digits_split()
    np.save(folder / "x.npy", np.asarray(split[2][:100], dtype=np.uint8))
    np.save(folder / "y.npy", np.asarray(split[3][:100]))
    return ["--inputs", str(folder / "x.npy"), "--labels", str(folder / "y.npy")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what compile wrote with codes."""
    out = tmp_path_factory.mktemp("compiled") / "net"
    assert _exit("compile", _MODEL, "--input", "uint8", *_ECC, "-o", out) == 0
    return out


def _exit(*arguments: object) -> int:
    with pytest.raises(SystemExit) as done:
        main([str(argument) for argument in arguments])
    return int(done.value.code or 0)


def _json(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    capsys.readouterr()
    assert _exit(*arguments, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


def _compiled(ecc: str | None, policy: str = "as-read", path: Path = _MODEL, target: str = "host"
              ) -> CompiledModel:  # fmt: skip
    options = Options(target=target, inputs=("uint8",), ecc=ecc, ecc_policy=policy)
    return compile_model(path, options)


def test_the_report_keeps_the_options_and_says_what_they_cost(folder: Path) -> None:
    report = json.loads((folder / "report.json").read_text())
    assert report["options"]["ecc"] == _ECC[1] and report["options"]["ecc_policy"] == "zero"
    assert report["ecc"]["sections"]["layer_0_thresholds"]["code"] == "triplicate"
    assert "layer_1_thresholds" not in report["ecc"]["sections"]
    assert report["ecc"]["tile_bytes"] > 0
    assert f"tile[{report['ecc']['tile_bytes'] // 8}]" in (folder / "digits_mlp.h").read_text()


def test_without_codes_neither_options_nor_report_speak_of_them(tmp_path: Path) -> None:
    for more in ([], ["--ecc", "none"]):
        out = tmp_path / f"net{len(more)}"
        assert _exit("compile", _MODEL, "--input", "uint8", *more, "-o", out) == 0
    plain, none = (sorted((tmp_path / name).rglob("*.*")) for name in ("net0", "net2"))
    assert [path.read_bytes() for path in plain] == [path.read_bytes() for path in none]
    assert "ecc" not in (tmp_path / "net0/report.json").read_text()


def test_a_compiled_folder_replays_its_codes(
    folder: Path, digits: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verified = _json(capsys, "verify", folder, *digits, "--witness", "none")
    assert verified["bit_exact"] and verified["passes_exact"]
    ran = _json(capsys, "run", folder, *digits)
    assert ran["correct"] == verified["correct"]
    chip = _json(capsys, "chip", folder, "--seed", "3", "--ber", "0.01", "-o", tmp_path / "chip")
    assert "layer_0_weights_checks" in chip["sections"]
    assert "layer_0_thresholds_copy_2" in chip["sections"]
    bare = _json(capsys, "chip", folder, "--ecc", "none", "--seed", "3", "--ber", "0.01",
                 "-o", tmp_path / "bare")  # fmt: skip
    assert not [name for name in bare["sections"] if "checks" in name or "copy" in name]


@pytest.mark.isa("cortex-m4")
def test_a_folder_with_codes_is_exact_on_an_emulated_part(
    folder: Path, digits: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    x = tmp_path / "x.npy"
    np.save(x, np.load(digits[1])[:2])
    verified = _json(
        capsys, "verify", folder, "--inputs", x, "--witness", "none", "-t", "cortex-m4"
    )
    assert verified["bit_exact"]
    ran, plain = (
        _json(capsys, "run", folder, "--inputs", x, "-t", "cortex-m4", "--ecc", ecc)
        for ecc in ("weights=secded-39-32", "none")
    )
    assert ran["ram_bytes"] - plain["ram_bytes"] >= 1024
    assert ran["instructions_per_inference"] > plain["instructions_per_inference"]


def test_a_campaign_with_codes_loses_less(
    digits: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    command = ("emulate", _MODEL, "--input", "uint8", *digits, "--ber", "0,0.01", "--chips", "12")
    bare = _json(capsys, *command)
    coded = _json(capsys, *command, "--ecc", "secded-8-4")
    assert bare["conditions"][0]["mean"] == coded["conditions"][0]["mean"]
    assert coded["conditions"][1]["mean"] > bare["conditions"][1]["mean"]
    assert any("errors hit checks" in note for note in coded["notes"])
    trapped = _json(capsys, *command, "--ecc", "duplicate", "--ecc-policy", "trap")
    assert trapped["conditions"][0]["mean"] == bare["conditions"][0]["mean"]
    assert trapped["conditions"][1]["correct_per_chip"] == [0] * 12


def test_the_files_of_a_chip_mean_what_the_interpreter_decodes(
    digits: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ecc = "secded-39-32"
    _json(capsys, "chip", _CNN, "--input", "uint8", "--ecc", ecc, "-t", "cortex-m4",
          "--seed", "3", "--ber", "0.01", "-o", tmp_path / "chip")  # fmt: skip
    part = _compiled(ecc, path=_CNN, target="cortex-m4")
    there = {"main": (tmp_path / "chip/region0.bin").read_bytes()}
    layout = part.program.layout
    assert apply(layout, part.program.images, load_faults(tmp_path / "chip/faults.json", layout)
                 ) == there  # fmt: skip
    assert decode_images(layout, there).total.detected > 0
    # Recoded for the host, the chip has the part's meaning: same tensors, and the C agrees.
    host = _compiled(ecc, path=_CNN)
    here = recode(there, layout, host.program.layout)
    graph = host.model.graph
    name = graph.inputs[0]
    x = quantize_input(np.load(digits[1])[:20], graph.specs[name], graph.types[name].shape)
    samples = kernel_inputs(host.program, {name: x})
    consts = read_image(host.program.layout, here)
    final = run_final(host.program.final, samples, consts)
    wanted = run_final(part.program.final, samples, read_image(layout, there))
    winner, other = host.program.output.winner, part.program.output.winner
    assert winner is not None and other is not None
    np.testing.assert_array_equal(final[winner], wanted[other])
    for tensor, array in Net(host.program, here).trace(samples).items():
        np.testing.assert_array_equal(array, final[tensor])


def test_data_cells_keep_their_errors_whatever_the_code() -> None:
    """A chip is a function of section and cell: adding a code changes no weight's draw."""
    from hysteron.chips.draw import faults
    from hysteron.memory.channel import Channel

    bare, coded = (_compiled(ecc).program for ecc in (None, "secded-72-64"))
    assert unprotected(coded.layout) == bare.layout
    names = [section.name for section in bare.layout.sections]
    channels = {name: Channel.symmetric(0.01) for name in names}
    one, two = (faults(p.layout, p.images, channels, 1, 1) for p in (bare, coded))
    for name in names:
        assert one[name].cell.tolist() == two[name].cell.tolist()


def test_a_memory_holds_the_check_bits_of_what_it_holds() -> None:
    layout = _compiled("secded-39-32").program.layout
    data = {s.name for s in layout.data_sections if s.role == "weights"}
    checks = {f"{name}_checks" for name in data}
    assert set(select_sections(layout, "weights")) == data | checks
    assert set(select_sections(layout, "checks")) >= checks and not data & set(
        select_sections(layout, "checks")
    )
    assert set(select_sections(layout, "layer_1_weights")) == {
        "layer_1_weights", "layer_1_weights_checks"
    }  # fmt: skip
    placed = parse_placement("weights=st-mram", layout)
    assert set(placed) == data | checks
    placed = parse_placement("weights=st-mram,checks=ideal", layout)
    assert placed["layer_0_weights"].name == "st-mram"
    assert placed["layer_0_weights_checks"].name == "ideal"
    assert placed["layer_0_thresholds_checks"].name == "ideal"
    placed = parse_placement("checks=st-mram,layer_0_weights_checks=ideal", layout)
    assert placed["layer_0_weights_checks"].name == "ideal"
    assert placed["layer_1_weights_checks"].name == "st-mram" and "layer_0_weights" not in placed


def test_parts_are_roles_or_sections_and_the_section_wins() -> None:
    layout = _compiled(None).program.layout
    chosen = parse_ecc("weights=secded-39-32,layer_1_weights=none,inverts=duplicate", layout)
    roles = {s.name: s.role for s in layout.sections}
    assert {name: code for name, code in chosen.items() if roles[name] == "weights"} == {
        name: "secded-39-32"
        for name, role in roles.items()
        if role == "weights" and name != "layer_1_weights"
    }
    assert parse_ecc("triplicate", layout) == dict.fromkeys(roles, "triplicate")
    assert parse_ecc("none", layout) == {}


@pytest.mark.parametrize(
    ("ecc", "message"),
    [
        ("hamming", "unknown error-correcting code; got hamming; wanted secded-8-4, "),
        ("weights=", "not a choice of codes; got weights="),
        ("weights=secded-8-4,weights=none", "once each"),
        ("secded-8-4,weights=none", "not a choice of codes; got secded-8-4"),
        ("wings=secded-8-4", "no such role or section; got wings; wanted weights, "),
        ("checks=secded-8-4", "check bits have no code of their own"),
    ],
)
def test_bad_choices_are_refused(
    ecc: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "net"
    assert _exit("compile", _MODEL, "--input", "uint8", "--ecc", ecc, "-o", out) == 2
    assert message in capsys.readouterr().err and not out.exists()


def test_bad_policies_are_refused() -> None:
    with pytest.raises(InputError, match="unknown policy; got hope; wanted as-read, zero, trap"):
        _compiled("secded-8-4", "hope")
    with pytest.raises(InputError, match="a policy needs an error-correcting code; got zero"):
        _compiled(None, "zero")
