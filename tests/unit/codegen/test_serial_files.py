"""The firmware's files: warning-clean everywhere, recognised by what they compute."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hand_built import convolutional, mlp, protected, real

from hysteron._assets import asset_dir
from hysteron.codegen.emit import emit_project
from hysteron.codegen.serial_files import NAME_BYTES, program_id, serial_context
from hysteron.codegen.views import model_view
from hysteron.errors import ToolchainError
from hysteron.image.program import Program
from hysteron.runners import probe
from hysteron.targets import known, load_isa

_WARNINGS = "-std=c99 -pedantic -Wall -Wextra -Wconversion -Wshadow -Werror".split()
_CROSS = [name for name in known("isa") if load_isa(name).emulator is not None]
_OURS = ("tiny_serial.c", "board/main.c", "src/serial_portable.c")


def _serial(program: Program) -> Program:
    return replace(program, options={**program.options, "serial": True})


def _write(program: Program, folder: Path) -> None:
    for path, content in emit_project(_serial(program)).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def _compile(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr[:3000]


@pytest.mark.kernels
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("counter", [[], ["-DHYST_BOARD_CYCLES"]])
def test_a_firmware_compiles_without_warnings(
    tmp_path: Path, compiler: str, counter: list[str]
) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler}")
    _write(protected(mlp(0), "secded-72-64"), tmp_path)
    for source in _OURS:
        _compile([compiler, *_WARNINGS, *counter, "-I.", "-c", source, "-o", "x.o"], tmp_path)
    (tmp_path / "user.cpp").write_text('#include "tiny_serial.h"\n')
    _compile([compiler, "-std=c++17", "-Wall", "-Werror", "-I.", "-c", "user.cpp"], tmp_path)


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.isa(n)) for n in _CROSS])
def test_a_firmware_and_its_uart_compile_without_warnings_for_every_part(
    tmp_path: Path, name: str
) -> None:
    isa, own = load_isa(name), asset_dir("runtime_c") / "freestanding"
    try:
        tools = probe(isa, "gcc")
    except ToolchainError as error:
        pytest.skip(str(error))
    _write(mlp(0), tmp_path)
    uarts = [str(own / f"uart_{one.uart}.c") for one in isa.emulators if one.uart]
    for source in (*_OURS, *uarts):
        command = [*tools.command, *tools.flags, *_WARNINGS, "-DHYST_UART=0x40000000u"]
        command += ["-I.", "-isystem", str(own), "-c", source, "-o", "x.o"]
        _compile(command, tmp_path)


def test_every_emulated_uart_has_a_file() -> None:
    folder = asset_dir("runtime_c") / "freestanding"
    kinds = {one.uart for name in _CROSS for one in load_isa(name).emulators if one.uart}
    assert {path.stem for path in folder.glob("uart_*.c")} == {f"uart_{kind}" for kind in kinds}


def test_an_id_says_what_is_computed_not_what_it_is_called_or_what_the_image_holds() -> None:
    def of(program: Program) -> bytes:
        return program_id(model_view(program))

    one = mlp(0)
    assert of(one) == of(mlp(0, name="other")) == of(mlp(1)) and len(of(one)) == 16
    assert of(one) == of(protected(one, {}))
    programs = [one, mlp(0, layout="sliced"), real(0), convolutional(0)]
    programs.append(protected(one, "secded-72-64"))
    assert len({of(program) for program in programs}) == len(programs)


def test_a_wider_window_is_another_program_though_the_image_is_the_same() -> None:
    program = convolutional(0)
    pool = next(node for node in program.final.nodes if node.op.name == "bit_pool")
    other = replace(pool, op=replace(pool.op, pad_top=1))
    nodes = [other if node is pool else node for node in program.final.nodes]
    changed = replace(program, final=replace(program.final, nodes=tuple(nodes)))
    assert program.layout.layout_id == changed.layout.layout_id
    assert program_id(model_view(program)) != program_id(model_view(changed))


def test_facts_hold_names_cut_to_their_field() -> None:
    program = replace(mlp(0, name="m" * NAME_BYTES), target="x" * 50)
    facts = dict(serial_context(program)["serial"])
    words = [word.strip("u ") for word in facts["target"].split(",")]
    assert b"".join(int(w, 16).to_bytes(4, "little") for w in words) == b"x" * 32
    assert len(facts["name"].split(",")) == NAME_BYTES // 4


def test_avr_projects_bring_their_uart_along() -> None:
    assert "board/uart_avr.c" in emit_project(_serial(mlp(0, isa="avr6")))
    assert "board/uart_avr.c" not in emit_project(_serial(mlp(0, isa="cortex-m3")))
