"""Boards for tests: a delivered firmware in an emulator or on this machine, behind a terminal."""

from __future__ import annotations

import os
import re
import subprocess
import tty
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from hysteron._assets import asset_dir
from hysteron.codegen.emit import emit_project
from hysteron.driver.compile import CompiledModel
from hysteron.host.compiler import find_cc
from hysteron.image.program import Program
from hysteron.runners.booted_part import build_tool
from hysteron.runners.elf import build_elf
from hysteron.runners.simavr_part import flash_image
from hysteron.targets import Emulator

_NATIVE = Path(__file__).with_name("stdio_board.c")


def write_files(files: Mapping[str, bytes], folder: Path) -> list[Path]:
    """Write a project; return its C files, those for another board's UART left out."""
    sources = []
    for path, content in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        if path.endswith(".c") and not path.startswith("board/uart"):
            sources.append(place)
    return sources


def native_firmware(
    program: Program, folder: Path, flags: Sequence[str] = (), cycles: bool = False
) -> Path:
    """Build the delivered firmware as a program that talks on standard input and output."""
    sources = write_files(emit_project(program), folder)
    cc, out = find_cc(program.isa), folder / "firmware"
    counter = ["-DHYST_BOARD_CYCLES"] if cycles else []
    command = [*cc.command, *(flag for flag in cc.flags if flag != "-fPIC"), *flags, *counter]
    command += [f"-I{folder}", *(str(path) for path in (*sources, _NATIVE)), "-o", str(out)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    return out


@contextmanager
def terminal_of(command: Sequence[str]) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run a program on one end of a pseudo-terminal; yield the other end's name."""
    master, slave = os.openpty()
    tty.setraw(slave)
    process = subprocess.Popen(command, stdin=master, stdout=master)
    os.close(master)
    try:
        yield os.ttyname(slave), process
    finally:
        process.kill()
        process.wait()
        os.close(slave)


@contextmanager
def emulated_board(compiled: CompiledModel, emulator: Emulator, folder: Path) -> Iterator[str]:
    """Boot the delivered firmware in an emulator; yield the terminal its UART is on."""
    sources = write_files(emit_project(compiled.program), folder)
    uart = asset_dir("runtime_c") / "freestanding" / f"uart_{emulator.uart}.c"
    built = build_elf(
        [*sources, uart], [folder], compiled.target.isa, folder / "board.elf", ["main"],
        boot=emulator, defines=[f"HYST_UART={emulator.uart_base:#x}u"],
    )  # fmt: skip
    mcu = compiled.target.mcu
    command = _command(built.path, emulator, mcu.emulator_cpu if mcu else "")
    with started(command) as name:
        yield name


@contextmanager
def started(command: Sequence[str]) -> Iterator[str]:
    """Start an emulator and yield the terminal that its first line names."""
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        match = re.search(r"/dev/\S+", line)
        assert match is not None, line + process.stdout.read()
        yield match[0]
    finally:
        process.kill()
        process.communicate()


def _command(elf: Path, emulator: Emulator, cpu: str) -> list[str]:
    if emulator.kind == "qemu":
        return [
            *emulator.command,
            *("-display", "none", "-monitor", "none", "-serial", "pty"),
            *("-semihosting-config", "enable=on,target=native", "-kernel", str(elf)),
        ]
    return simavr_command(elf, cpu or emulator.cpu)


def simavr_command(elf: Path, cpu: str) -> list[str]:
    """Build the emulator around libsimavr; return how to start it with an ELF file."""
    program, flash = elf.parent / "simavr_uart", elf.with_suffix(".flash")
    link = ("-lsimavr", "-Wl,--allow-shlib-undefined")
    reason = build_tool("simavr_uart.c", program, *link)
    assert not reason, reason
    flash.write_bytes(flash_image(elf))
    return [str(program), cpu, str(flash), "16000000"]
