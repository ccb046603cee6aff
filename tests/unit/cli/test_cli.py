"""The command line in-process: exit codes, one JSON object, one error line, nothing half done."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hysteron.cli import main, verify_cmd
from hysteron.driver.compile import CompiledModel, Options, compile_model

ROOT = Path(__file__).parents[3]
MLP = ROOT / "models/digits_mlp/digits_mlp.onnx"
UNSUPPORTED = ("external_data_missing.onnx", "silero_vad_control_flow.onnx")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in an empty folder, so that a stray file shows."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of eight uint8 digits."""
    path = tmp_path_factory.mktemp("samples") / "x.npy"
    np.save(path, np.random.default_rng(1).integers(0, 17, (8, 64)).astype(np.uint8))
    return path


def _code(*argv: object) -> int:
    with pytest.raises(SystemExit) as done:
        main([str(a) for a in argv])
    return int(done.value.code or 0)


def _json(capsys: pytest.CaptureFixture[str], *argv: object) -> dict[str, Any]:
    assert _code(*argv, "--json") == 0
    out = capsys.readouterr().out
    record = json.loads(out)
    assert record["schema"] == 1
    assert record["command"] == argv[0]
    assert isinstance(record["version"], str) and record["version"]
    return dict(record)


def _refused(capsys: pytest.CaptureFixture[str], *argv: object) -> str:
    """Check exit 2, one line on stderr, no traceback, nothing on stdout; return the line."""
    before = sorted(Path.cwd().rglob("*"))
    assert _code(*argv) == 2
    seen = capsys.readouterr()
    assert seen.err.startswith("hysteron: ") and "Traceback" not in seen.err
    assert seen.err.count("hysteron: ") == 1 and seen.err.endswith("\n")
    assert sorted(Path.cwd().rglob("*")) == before
    return seen.err


def _tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_targets_prints_one_object_per_question(capsys: pytest.CaptureFixture[str]) -> None:
    record = _json(capsys, "targets")
    names = [row["name"] for row in record["targets"]]
    assert record["boards"] == ["serial:PORT[:BAUD]"]
    assert "host" in names and "cortex-m0" in names and len(names) == len(set(names))
    assert _json(capsys, "targets", "cortex-m0")["name"] == "cortex-m0"


def test_inspect_prints_layers(capsys: pytest.CaptureFixture[str]) -> None:
    record = _json(capsys, "inspect", MLP)
    assert record["layers"] and record["classes"] == 10


def test_compile_then_verify_and_run_take_the_folder(
    capsys: pytest.CaptureFixture[str], samples: Path
) -> None:
    record = _json(capsys, "compile", MLP, "-o", "net", "--input", "uint8")
    assert record["files"] == sorted(_tree(Path("net")))
    checked = _json(capsys, "verify", "net", "--inputs", samples)
    assert checked["bit_exact"] and checked["passes_exact"] and checked["unexplained"] == 0
    assert checked["samples"] == 8 and checked["correct"] is None
    ran = _json(capsys, "run", "net", "--inputs", samples, "-o", "scores.npy")
    assert ran["samples"] == 8 and ran["instructions_per_inference"] is None
    assert np.load("scores.npy").shape == (8, 10)


def test_run_takes_the_kind_of_outputs_a_folder_was_compiled_with(
    capsys: pytest.CaptureFixture[str], samples: Path
) -> None:
    options = ("--input", "uint8", "--outputs", "probabilities")
    _json(capsys, "compile", MLP, "-o", "net", *options)
    _json(capsys, "run", "net", "--inputs", samples, "-o", "scores.npy")
    assert np.allclose(np.load("scores.npy").sum(axis=1), 1.0)


def test_run_counts_labels_and_limits(capsys: pytest.CaptureFixture[str], samples: Path) -> None:
    np.save("labels.npy", np.zeros(8, np.int64))
    command = ("run", MLP, "--input", "uint8", "--inputs", samples, "--labels", "labels.npy")
    assert 0 <= _json(capsys, *command)["correct"] <= 8
    record = _json(capsys, *command, "--limit", 3)
    assert record["samples"] == 3 and 0 <= record["correct"] <= 3


@pytest.mark.slow
def test_demo_prints_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    record = _json(capsys, "demo", "-o", "story")
    assert record["verify"]["bit_exact"] and record["verify"]["unexplained"] == 0
    assert Path(record["picture"]).is_file()


def test_rerun_is_byte_identical(capsys: pytest.CaptureFixture[str]) -> None:
    for folder in ("a", "b", "a"):
        assert _code("compile", MLP, "-o", folder, "--input", "uint8") == 0
    assert _tree(Path("a")) == _tree(Path("b"))
    capsys.readouterr()


def test_no_model_leaves_the_copy_out_and_verify_says_so(
    capsys: pytest.CaptureFixture[str], samples: Path
) -> None:
    record = _json(capsys, "compile", MLP, "-o", "net", "--no-model")
    assert "model.onnx" not in record["files"]
    assert "model.onnx" in _refused(capsys, "verify", "net", "--inputs", samples)


def test_foreign_folder_is_refused_and_kept(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine").mkdir()
    Path("mine/thesis.txt").write_text("years of work")
    _refused(capsys, "compile", MLP, "-o", "mine")
    assert _tree(Path("mine")) == {"thesis.txt": b"years of work"}


def test_verify_exits_1_on_a_planted_difference(
    capsys: pytest.CaptureFixture[str], samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The head states twice the scale it has, so its logits are not the model's."""

    def planted(model: Any, options: Options) -> CompiledModel:
        compiled = compile_model(model, options)
        other = replace(compiled.head, lsb=compiled.head.lsb * 2)
        return replace(compiled, head=other)

    monkeypatch.setattr(verify_cmd, "compile_model", planted)
    command = ("verify", MLP, "--input", "uint8", "--inputs", samples, "--witness", "none")
    assert _code(*command, "--json") == 1
    record = json.loads(capsys.readouterr().out)
    assert record["passes_exact"] is False and record["problems"]


USAGE = (
    ("frobnicate",),
    ("compile",),
    ("compile", MLP),
    ("compile", MLP, "-o", "net", "--no-such-option"),
    ("compile", MLP, "-o", "net", "-t", "pdp-11"),
    ("compile", MLP, "-o", "net", "--input", "uint7"),
    ("compile", MLP, "-o", "net", "--outputs", "poetry"),
    ("compile", MLP, "-o", "net", "--sign-zero", "2"),
    ("compile", MLP, "-o", "net", "--dump-after", "no_such_pass"),
    ("compile", "missing.onnx", "-o", "net"),
    ("inspect", "missing.onnx"),
    ("targets", "pdp-11"),
    ("demo", "--model", "gpt"),
    ("compile", MLP, "-o", "net", "-t", "cortex-m0", "--max-ram", "lots"),
    ("compile", MLP, "-o", "net", "--max-flash", "1M"),
    ("compare", MLP, "--inputs", "missing.npy"),
    ("compare", MLP, "--inputs", "missing.npy", "-o", "picture.txt"),
    ("compare", MLP, "--inputs", "missing.npy", "-t", "host"),
    ("compare", MLP, "--inputs", "missing.npy", "-t", "cortex-m0,pdp-11"),
    ("verify", MLP, "--inputs", "missing.npy"),
    ("run", MLP, "--inputs", "missing.npy"),
    ("run", ".", "--inputs", "missing.npy"),
)


@pytest.mark.parametrize("argv", USAGE, ids=lambda a: " ".join(map(str, a))[-60:])
def test_wrong_use_is_one_line_and_exit_2(
    argv: tuple[object, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    _refused(capsys, *argv)


def test_help_and_no_arguments_do_not_trace_back(capsys: pytest.CaptureFixture[str]) -> None:
    assert _code("--help") == 0
    assert "compile" in capsys.readouterr().out
    assert _code() in (0, 2)
    assert "Traceback" not in capsys.readouterr().err


BAD_ARRAYS = {
    "text": b"not an array",
    "empty": b"",
    "truncated": b"\x93NUMPY\x01\x00v\x00{'descr'",
}


@pytest.mark.parametrize("kind", BAD_ARRAYS)
def test_broken_npy_is_refused(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("x.npy").write_bytes(BAD_ARRAYS[kind])
    _refused(capsys, "verify", MLP, "--inputs", "x.npy")


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 7), np.uint8),
        np.zeros((0, 64), np.uint8),
        np.array([object()]),
        np.zeros((2, 64), np.complex64),
        np.array(3),
    ],
    ids=["wrong size", "no samples", "pickled", "complex", "scalar"],
)
def test_unsuitable_samples_are_refused(
    array: np.ndarray[Any, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    np.save("x.npy", array, allow_pickle=True)
    _refused(capsys, "run", MLP, "--input", "uint8", "--inputs", "x.npy")


@pytest.mark.parametrize("labels", [np.zeros(3, np.int64), np.zeros(8), np.zeros((8, 1), int)])
def test_unsuitable_labels_are_refused(
    labels: np.ndarray[Any, Any], samples: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save("y.npy", labels)
    _refused(capsys, "run", MLP, "--inputs", samples, "--labels", "y.npy")


def test_error_object_follows_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert _code("inspect", "missing.onnx", "--json") == 2
    seen = capsys.readouterr()
    record = json.loads(seen.out)
    assert record["schema"] == 1 and record["error"]
    assert seen.err.count("hysteron: ") == 1


@pytest.mark.parametrize("damage", ["text", "truncated", "empty", "folder"])
def test_file_that_is_no_model_is_refused(damage: str, capsys: pytest.CaptureFixture[str]) -> None:
    data = MLP.read_bytes()
    broken = {"text": b"hello", "truncated": data[: len(data) // 2], "empty": b"", "folder": b""}
    if damage == "folder":
        Path("m.onnx").mkdir()
    else:
        Path("m.onnx").write_bytes(broken[damage])
    _refused(capsys, "compile", "m.onnx", "-o", "net")


@pytest.mark.parametrize("command", ["inspect", "compile"])
@pytest.mark.parametrize("name", UNSUPPORTED)
def test_unsupported_models_are_refused(
    name: str, command: str, models_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = models_dir / "unsupported" / name
    assert {p.name for p in path.parent.glob("*.onnx")} <= set(UNSUPPORTED)
    if not path.is_file():
        pytest.skip(f"HYSTERON_MODELS: no unsupported/{name}")
    line = _refused(capsys, command, path, *(("-o", "net") if command == "compile" else ()))
    assert "\n" not in line[:-1]
