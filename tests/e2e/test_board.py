"""A board behind a serial line gives the host's integers; what is not that board is one error.

The boards are emulated, or the firmware as a program of this machine: no real one was at hand.
"""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from board_harness import (
    emulated_board,
    native_firmware,
    simavr_command,
    started,
    terminal_of,
    write_files,
)
from sklearn.datasets import load_digits

from hysteron._assets import asset_dir
from hysteron.cli import main
from hysteron.codegen.emit import emit_project
from hysteron.driver.boards import find_place
from hysteron.driver.compile import CompiledModel, Options, compile_model, kernel_inputs
from hysteron.driver.devices import open_device
from hysteron.driver.verify import verify
from hysteron.errors import BoardError
from hysteron.host.bridge import Net
from hysteron.ir.types import Array
from hysteron.runners import choose_emulator, serial_link
from hysteron.runners.board_net import BoardNet
from hysteron.targets import known, load_isa

pytest.importorskip("serial")

_QUICK = ("cortex-m3", "rv32imc", "avr6")
_BOARDS = [
    pytest.param(
        name,
        one.kind,
        marks=[
            pytest.mark.isa(f"{name}@{one.kind}"),
            *([] if name in _QUICK else [pytest.mark.slow]),
        ],
    )
    for name in known("isa")
    for one in load_isa(name).emulators
    if one.uart
]


def _digits(count: int) -> Array:
    """Return samples of the test part (index % 3 == 2)."""
    return np.asarray(load_digits().images[2 : 3 * count : 3], dtype=np.uint8)


def _compiled(target: str, model: str = "digits_mlp", **options: Any) -> CompiledModel:
    path = asset_dir("models") / model / f"{model}.onnx"
    return compile_model(path, Options(target=target, inputs=("uint8",), **options))


def _samples(compiled: CompiledModel, x: Array) -> dict[str, Array]:
    (name,) = compiled.model.graph.inputs
    return {name: x.reshape(len(x), *compiled.model.graph.types[name].shape[1:])}


@functools.cache
def _hosts_answer(model: str, count: int) -> dict[str, Array]:
    """Return what the library of this machine says of the first samples."""
    here = _compiled("host", model)
    return Net(here.program).run(kernel_inputs(here.program, _samples(here, _digits(count))))


@pytest.mark.parametrize(
    "model", ["digits_mlp", pytest.param("digits_cnn", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize(("isa", "kind"), _BOARDS)
def test_a_firmware_in_an_emulator_gives_the_hosts_integers(
    isa: str, kind: str, model: str, tmp_path: Path
) -> None:
    firmware = _compiled(isa, model, serial=True)
    x = _digits(40)
    with emulated_board(firmware, choose_emulator(firmware.target.isa, kind), tmp_path) as port:
        place = find_place(f"serial:{port}")
        assert place.target == isa and place.board is not None
        with open_device(firmware, board=place.board) as device:
            seen = device.run(kernel_inputs(firmware.program, _samples(firmware, x)))
            result = verify(firmware, _samples(firmware, x[:4]), None, device)
    wanted = _hosts_answer(model, len(x))
    assert np.array_equal(seen["scores"], wanted["scores"])
    assert np.array_equal(seen["class"], wanted["class"]) and len(set(seen["class"])) == 10
    assert result.passed and result.samples == 4, result.problems


@pytest.fixture(scope="module")
def firmware(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a firmware of digits_mlp for this machine."""
    program = _compiled("host-portable", serial=True).program
    return native_firmware(program, tmp_path_factory.mktemp("native"), cycles=True)


@pytest.fixture
def port(firmware: Path) -> Iterator[str]:
    with terminal_of([str(firmware)]) as (name, _):
        yield name


@pytest.fixture
def x_npy(tmp_path: Path) -> Path:
    np.save(tmp_path / "x.npy", _digits(12).reshape(12, 64))
    return tmp_path / "x.npy"


_MLP = asset_dir("models") / "digits_mlp" / "digits_mlp.onnx"


def _cli(capsys: pytest.CaptureFixture[str], *argv: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as done:
        main([str(one) for one in argv])
    seen = capsys.readouterr()
    return int(done.value.code or 0), seen.out, seen.err


def _refused(capsys: pytest.CaptureFixture[str], *argv: object) -> str:
    code, out, err = _cli(capsys, *argv)
    assert code == 2 and out == "" and err.count("\n") == 1 and "Traceback" not in err
    return err


def test_run_and_verify_take_a_board(
    capsys: pytest.CaptureFixture[str], port: str, x_npy: Path, tmp_path: Path
) -> None:
    ask = (_MLP, "--input", "uint8", "--inputs", x_npy, "-t", f"serial:{port}", "--json")
    code, out, _ = _cli(capsys, "run", *ask, "-o", tmp_path / "board.npy")
    record = json.loads(out)
    assert code == 0 and record["samples"] == 12
    assert (record["target"], record["cycles"]) == ("host-portable", 10)
    assert record["instructions_per_inference"] is None and record["stack_bytes"] is None
    assert record["flash_bytes"] is None and port in record["board"]
    assert record["note"] == "cycles measured on the board"
    _cli(capsys, "run", _MLP, "--input", "uint8", "--inputs", x_npy, "-o", tmp_path / "host.npy")
    assert np.array_equal(np.load(tmp_path / "board.npy"), np.load(tmp_path / "host.npy"))
    code, out, _ = _cli(capsys, "verify", *ask)
    record = json.loads(out)
    assert code == 0 and record["bit_exact"] and record["board"] == f"serial:{port}"


def test_a_folder_brings_the_options_its_firmware_was_compiled_with(
    capsys: pytest.CaptureFixture[str], x_npy: Path, tmp_path: Path
) -> None:
    options = ("--input", "uint8", "--outputs", "probabilities", "--serial", "-t", "host")
    assert _cli(capsys, "compile", _MLP, "-o", tmp_path / "net", *options)[0] == 0
    program = _compiled("host", outputs="probabilities", serial=True).program
    (tmp_path / "build").mkdir()
    with terminal_of([str(native_firmware(program, tmp_path / "build"))]) as (port, _):
        ask = ("--inputs", x_npy, "-t", f"serial:{port}:9600")
        code, out, _ = _cli(capsys, "verify", tmp_path / "net", *ask, "--json")
        assert code == 0 and json.loads(out)["bit_exact"]
        why = _refused(capsys, "verify", _MLP, "--input", "uint8", *ask)
        assert "the board runs this model compiled otherwise" in why


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("--input", "uint8", "--weight-tolerance", "0.5"), ""),
        (("--input", "uint8,zero=3"), "the image in the board's memory is another"),
        (("--input", "int16"), "the board runs this model compiled otherwise"),
    ],
)
def test_a_model_compiled_otherwise_is_refused(
    capsys: pytest.CaptureFixture[str], port: str, x_npy: Path, argv: tuple[str, ...], message: str
) -> None:
    np.save(x_npy, np.zeros((2, 64), np.int16) if "int16" in argv else np.zeros((2, 64), np.int8))
    if not message:
        np.save(x_npy, np.zeros((2, 64), np.uint8))
        ask = ("verify", _MLP, *argv, "--inputs", x_npy, "-t", f"serial:{port}")
        assert _cli(capsys, *ask)[0] == 0  # these weights have one magnitude: the same program
        return
    why = _refused(capsys, "verify", _MLP, *argv, "--inputs", x_npy, "-t", f"serial:{port}")
    assert message in why and "got" in why and "wanted" in why
    assert "flash the firmware that 'hysteron compile --serial' wrote" in why


def test_another_model_is_refused(
    capsys: pytest.CaptureFixture[str], port: str, x_npy: Path
) -> None:
    other = asset_dir("models") / "digits_cnn" / "digits_cnn.onnx"
    np.save(x_npy, _digits(2).reshape(2, 1, 8, 8))
    ask = ("run", other, "--input", "uint8", "--inputs", x_npy, "-t", f"serial:{port}")
    why = _refused(capsys, *ask)
    assert "the board runs another model; got digits_mlp" in why


def test_a_chip_must_be_in_the_boards_memory(port: str) -> None:
    compiled = _compiled("host-portable")
    wrong = {name: data[:-1] + b"\xff" for name, data in compiled.program.images.items()}
    assert wrong != compiled.program.images
    board = find_place(f"serial:{port}").board
    assert board is not None
    BoardNet(compiled.program, board, compiled.program.images)
    with pytest.raises(BoardError, match="the image in the board's memory is another"):
        BoardNet(compiled.program, board, wrong)
    board.close()


@pytest.mark.parametrize(
    ("position", "value"), [(1, 63), (2, 1 << 30), (3, 1), (5, 0xFFFFFFFF), (-1, 8), (-2, None)]
)
def test_numbers_that_cannot_be_are_refused_before_they_are_used(
    port: str, position: int, value: int | None
) -> None:
    board = find_place(f"serial:{port}").board
    assert board is not None
    sizes = list(board.facts.sizes)
    if value is None:
        del sizes[position]
    else:
        sizes[position] = value
    board.facts = replace(board.facts, sizes=tuple(sizes))
    with pytest.raises(BoardError, match="the firmware is damaged; got"):
        BoardNet(_compiled("host-portable").program, board)
    board.close()


def test_a_board_with_wrong_bits_gives_the_same_integers_as_they_do_here(
    firmware: Path, tmp_path: Path
) -> None:
    """The file patched where the image lies, as a flash programmer would."""
    compiled = _compiled("host-portable")
    ((region, image),) = compiled.program.images.items()
    flipped = bytearray(image)
    cells = np.random.default_rng(0).choice(len(image), 200, replace=False)
    for at in cells:
        flipped[at] ^= 1 << int(at) % 8
    data = firmware.read_bytes()
    assert data.count(image) == 1
    patched = tmp_path / "patched"
    patched.write_bytes(data.replace(image, bytes(flipped)))
    patched.chmod(0o755)
    x = kernel_inputs(compiled.program, _samples(compiled, _digits(20)))
    with terminal_of([str(patched)]) as (name, _):
        place, images = find_place(f"serial:{name}"), {region: bytes(flipped)}
        with open_device(compiled, images, place.board) as device:
            seen = device.run(x)
    wanted = Net(compiled.program, images).run(x)
    assert np.array_equal(seen["scores"], wanted["scores"])
    assert not np.array_equal(seen["scores"], Net(compiled.program).run(x)["scores"])


def test_budgets_are_not_for_boards(
    capsys: pytest.CaptureFixture[str], port: str, x_npy: Path
) -> None:
    ask = ("run", _MLP, "--input", "uint8", "--inputs", x_npy, "-t", f"serial:{port}")
    why = _refused(capsys, *ask, "--max-ram", "1K")
    assert "a board does not measure its memory" in why and "-t host-portable" in why


def test_a_missing_port_is_one_error(capsys: pytest.CaptureFixture[str], x_npy: Path) -> None:
    ask = ("run", _MLP, "--input", "uint8", "--inputs", x_npy)
    assert "serial:no-port: no such port" in _refused(capsys, *ask, "-t", "serial:no-port")
    assert "--baud is for boards" in _refused(capsys, *ask, "--baud", "9600")


@pytest.mark.parametrize(
    ("answer", "message"),
    [(":", "does not answer"), ("printf 'login: '", "not in hysteron's protocol")],
)
def test_what_is_no_firmware_of_ours_is_one_error(
    capsys: pytest.CaptureFixture[str],
    x_npy: Path,
    answer: str,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(serial_link, "REPLY_S", 0.1)
    talk = f"while :; do {answer}; sleep 0.02; done"
    with terminal_of(["sh", "-c", talk]) as (port, _):
        ask = ("run", _MLP, "--input", "uint8", "--inputs", x_npy, "-t", f"serial:{port}")
        assert message in _refused(capsys, *ask)


def test_a_cable_pulled_in_the_middle_is_one_error(
    capsys: pytest.CaptureFixture[str], firmware: Path, tmp_path: Path
) -> None:
    np.save(tmp_path / "x.npy", np.zeros((50_000, 64), np.uint8))
    with terminal_of([str(firmware)]) as (name, process):
        pull = threading.Timer(1.0, process.kill)
        pull.start()
        ask = ("run", _MLP, "--input", "uint8", "--inputs", tmp_path / "x.npy")
        why = _refused(capsys, *ask, "-t", f"serial:{name}", "-o", tmp_path / "out.npy")
        pull.cancel()
    assert "the connection broke" in why and not (tmp_path / "out.npy").exists()


def test_a_line_that_damages_bytes_still_gives_the_right_integers(
    firmware: Path, tmp_path: Path
) -> None:
    """One byte in 1,000 is another one, both ways: checksums find it, retries mend it."""
    proxy = tmp_path / "proxy.py"
    proxy.write_text(
        "import os, random, select, subprocess, sys\n"
        "random.seed(0)\n"
        "board = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
        "ways = {0: board.stdin.fileno(), board.stdout.fileno(): 1}\n"
        "while True:\n"
        "    for end in select.select(list(ways), [], [])[0]:\n"
        "        data = bytearray(os.read(end, 4096))\n"
        "        if not data:\n"
        "            board.kill(); sys.exit()\n"
        "        for at in range(len(data)):\n"
        "            if random.random() < 0.001:\n"
        "                data[at] = random.randrange(256)\n"
        "        os.write(ways[end], data)\n"
    )
    compiled = _compiled("host-portable")
    x = kernel_inputs(compiled.program, _samples(compiled, _digits(60)))
    with terminal_of([sys.executable, str(proxy), str(firmware)]) as (name, _):
        place = find_place(f"serial:{name}")
        with open_device(compiled, board=place.board) as device:
            seen = device.run(x)
    assert np.array_equal(seen["scores"], Net(compiled.program).run(x)["scores"])


def _avr_project(folder: Path) -> Path:
    """Build the delivered folder as a user does: avr-gcc with its own start-up code."""
    sources = [str(path) for path in folder.rglob("*.c")]
    out = folder.parent / "mega.elf"
    flags = ["-mmcu=atmega2560", "-DF_CPU=16000000UL", "-Os", "-ffunction-sections"]
    command = ["avr-gcc", *flags, "-Wl,--gc-sections", f"-I{folder}", *sources, "-o", str(out)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    return out


@pytest.mark.slow
@pytest.mark.isa("avr6:gcc")
@pytest.mark.isa("avr6@simavr")
def test_a_folder_for_an_arduino_mega_is_a_whole_firmware(
    capsys: pytest.CaptureFixture[str], x_npy: Path, tmp_path: Path
) -> None:
    folder, target = tmp_path / "net", "atmega2560"
    options = ("--input", "uint8", "-t", target, "--serial")
    assert _cli(capsys, "compile", _MLP, "-o", folder, *options)[0] == 0
    assert (folder / "board/uart_avr.c").is_file()
    with started(simavr_command(_avr_project(folder), target)) as port:
        ask = ("--inputs", x_npy, "-t", f"serial:{port}", "--json")
        code, out, err = _cli(capsys, "run", folder, *ask, "-o", tmp_path / "board.npy")
        assert code == 0, err
        record = json.loads(out)
    assert record["target"] == target and record["flash_bytes"] > 20_000
    assert "a link and an emulated run here" in record["note"]
    _cli(capsys, "run", _MLP, "--input", "uint8", "--inputs", x_npy, "-o", tmp_path / "host.npy")
    assert np.array_equal(np.load(tmp_path / "board.npy"), np.load(tmp_path / "host.npy"))


def test_the_makefile_of_a_folder_builds_what_a_firmware_links(tmp_path: Path) -> None:
    if shutil.which("make") is None:
        pytest.skip("no make")
    program = _compiled("host-portable", serial=True).program
    write_files(emit_project(program), tmp_path)
    subprocess.run(["make", "-s", "-j2"], cwd=tmp_path, check=True, timeout=300)
    stdio = Path(__file__).with_name("stdio_board.c")
    link = ["cc", "-I.", "board/main.c", str(stdio), "libdigits_mlp.a", "-o", "firmware"]
    subprocess.run(link, cwd=tmp_path, check=True, timeout=60)
    with terminal_of([str(tmp_path / "firmware")]) as (name, _):
        board = find_place(f"serial:{name}").board
        assert board is not None and board.facts.name == "digits_mlp"
        assert not board.facts.has_cycles
        board.close()


def test_only_a_project_that_asked_for_it_has_the_firmware() -> None:
    plain = _compiled("cortex-m3").program
    files = emit_project(plain)
    assert not [path for path in files if "serial" in path or path.startswith("board/")]
    more = emit_project(replace(plain, options={**plain.options, "serial": True}))
    added = {"digits_mlp_serial.c", "digits_mlp_serial.h", "board/main.c"}
    assert set(more) - set(files) == {*added, "hyst/serial.h", "src/serial_portable.c"}
