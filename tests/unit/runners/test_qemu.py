"""An image that hangs, traps or outruns its budget is ended with one clear error."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from hysteron.errors import ToolchainError
from hysteron.runners import build_elf, choose_emulator
from hysteron.runners.qemu_part import QemuPart
from hysteron.targets import known, load_isa

_QEMU = [
    pytest.param(name, marks=pytest.mark.isa(f"{name}@qemu"))
    for name in known("isa")
    if any(one.kind == "qemu" for one in load_isa(name).emulators)
]
_MAIN = """
#include "semihosting.h"
__attribute__((noinline)) int net_run(int n);
int net_run(int n) {{ volatile int x = n; {body} return x; }}
static unsigned char data[3] = {{7, 8, 9}}, zeroed[5];
int main(void) {{
    const int to = hyst_host_open("out.bin", 7u, 5);
    unsigned record[2] = {{(unsigned)net_run(3), data[2] + zeroed[4]}};
    return hyst_host_write(to, record, 8u) + hyst_host_write(to, data, 3u);
}}
"""


def _part(isa_name: str, folder: Path, body: str, **limits: float) -> QemuPart:
    isa = load_isa(isa_name)
    source = folder / "main.c"
    source.write_text(_MAIN.format(body=body))
    emulator = choose_emulator(isa, "qemu")
    built = build_elf([source], [], isa, folder / "image.elf", ["net_run"], boot=emulator)
    return QemuPart(built.path, emulator, "net", (0, 0, 3, 0), **limits)  # type: ignore[arg-type]


@pytest.mark.parametrize("isa", _QEMU)
def test_an_image_boots_with_data_and_bss_in_place(isa: str, tmp_path: Path) -> None:
    (done,) = _part(isa, tmp_path, "").infer([b""], ())
    assert (done.status, done.stack_bytes, done.output) == (3, 9, bytes([7, 8, 9]))
    assert done.instructions is not None and 2 < done.instructions < 20


@pytest.mark.parametrize("isa", _QEMU)
def test_a_hang_is_stopped_by_the_instruction_budget(isa: str, tmp_path: Path) -> None:
    part = _part(isa, tmp_path, "while (x == n) {}", budget=100_000)
    with pytest.raises(ToolchainError, match=r"net: more than 100,000 instructions.*hanging"):
        part.infer([b""], ())


@pytest.mark.isa("cortex-m3@qemu")
def test_a_hang_without_a_counter_is_stopped_by_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hysteron.runners.qemu_part._plugin", lambda folder: None)
    part = _part("cortex-m3", tmp_path, "while (x == n) {}", seconds=0.5)
    with pytest.raises(ToolchainError, match=r"net: no end after 0.5 s"):
        part.infer([b""], ())


@pytest.mark.isa("cortex-m3@qemu")
def test_without_a_host_compiler_the_image_runs_uncounted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    (done,) = _part("cortex-m3", tmp_path, "").infer([b""], ())
    assert (done.status, done.instructions) == (3, None)


@pytest.mark.parametrize("isa", _QEMU)
def test_a_trap_ends_the_image_with_an_error(isa: str, tmp_path: Path) -> None:
    undefined = '__asm__ volatile(".word 0xffffffff");'
    with pytest.raises(ToolchainError, match=r"net: the program trapped; got exit status 99"):
        _part(isa, tmp_path, undefined).infer([b""], ())


@pytest.mark.parametrize("isa", _QEMU)
def test_a_64_bit_division_finds_the_support_library_of_the_right_width(
    isa: str, tmp_path: Path
) -> None:
    # GCC 12 takes the 64-bit libgcc for -march=rv32imc_zbb, without a word, and then does not link.
    body = "x = (int)((((unsigned long long)(unsigned)x << 32) / 7u) >> 3);"
    (done,) = _part(isa, tmp_path, body).infer([b""], ())
    assert done.status == ((3 << 32) // 7) >> 3


@pytest.mark.isa("rv32imc_zbb@qemu")
def test_zbb_instructions_trap_on_a_processor_without_zbb(tmp_path: Path) -> None:
    body = "x = __builtin_popcount((unsigned)x);"
    part = _part("rv32imc_zbb", tmp_path, body)
    assert part.infer([b""], ())[0].status == 2
    command = tuple(word.replace("zbb=true", "zbb=false") for word in part._emulator.command)
    assert command != part._emulator.command
    part._emulator = msgspec.structs.replace(part._emulator, command=command)
    with pytest.raises(ToolchainError, match=r"the program trapped"):
        part.infer([b""], ())


@pytest.mark.isa("cortex-m55@qemu")
def test_vectors_work_from_the_first_instruction_of_c_on(tmp_path: Path) -> None:
    """They trap until CPACR enables them, which reset does before any compiled loop."""
    body = '__asm__ volatile("vmov.i32 q0, #0" ::: "memory");'
    assert _part("cortex-m55", tmp_path, body).infer([b""], ())[0].status == 3


def test_a_missing_emulator_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(ToolchainError, match=r"no emulator for .*qemu-system-arm; apt install"):
        choose_emulator(load_isa("cortex-m3"), "qemu")
