"""Traps of cores and toolchains (docs/targets.md): why the start-up code and flags are as they are.

Each test also shows the trap, where that is possible: the same image without the precaution.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from hysteron.errors import ToolchainError
from hysteron.runners import EmulatedMcu, Return, build_elf, choose_emulator, probe
from hysteron.runners.elf import read_symbols, symbol_bytes, write_symbol
from hysteron.runners.link import linker_script
from hysteron.runners.qemu_part import QemuPart
from hysteron.targets import Compiler, known, load_isa

_RISCV = [name for name in known("isa") if name.startswith("rv32")]
_CPACR = (0xE000ED88).to_bytes(4, "little")
_MAIN = """
#include "semihosting.h"
__attribute__((noinline)) int32_t net_run(int32_t n);
static int32_t kept[4];
int32_t net_run(int32_t n) {{ {body} kept[n & 3]++; return n; }}
int main(void) {{
    const int to = hyst_host_open("out.bin", 7u, 5);
    uint32_t record[3] = {{0, 100, 200}};
    record[0] = (uint32_t)net_run({n});
    return hyst_host_write(to, record, 12u);
}}
"""


def _image(isa: str, folder: Path, body: str = "", n: int = 3, family: str | None = None) -> Path:
    """Return a bootable image for QEMU whose net_run executes ``body`` on ``n``."""
    source = folder / "main.c"
    source.write_text(_MAIN.format(body=body, n=n))
    emulator = choose_emulator(load_isa(isa), "qemu")
    out = folder / "image.elf"
    return build_elf(
        [source], [], load_isa(isa), out, ["net_run"], boot=emulator, family=family
    ).path


def _booted(isa: str, image: Path) -> QemuPart:
    return QemuPart(image, choose_emulator(load_isa(isa), "qemu"), "net", (0, 0, 0, 0))


def _families(isa: str) -> list[Compiler]:
    found = []
    for compiler in load_isa(isa).compilers:
        with contextlib.suppress(ToolchainError):
            probe(load_isa(isa), compiler.family)
            found.append(compiler)
    return found


@pytest.mark.isa("cortex-m55@qemu")
def test_reset_enables_the_coprocessors_before_any_c_and_vectors_trap_without(
    tmp_path: Path,
) -> None:
    image = _image("cortex-m55", tmp_path, '__asm__ volatile("vmov.i32 q0, #0" ::: "memory");')
    symbols = read_symbols(image)
    vectors = symbol_bytes(image, symbols["hyst_vectors"])
    assert int.from_bytes(vectors[4:8], "little") == symbols["hyst_reset"].address
    # A vector before the store would trap; no instruction of the core's own starts with 0xe[c-f].
    code = symbol_bytes(image, symbols["hyst_reset"])
    store = b"\x01\x60"  # str r1, [r0]
    at = code.index(store)
    assert (
        _CPACR in code
        and at < 12
        and not any(code[k + 1] in range(0xEC, 0xF0) for k in range(0, at, 2))
    )
    assert _booted("cortex-m55", image).infer([b""], ())[0].status == 3

    write_symbol(image, symbols["hyst_reset"], code.replace(store, b"\x00\xbf", 1))
    with pytest.raises(ToolchainError, match=r"the program trapped|the emulator failed"):
        _booted("cortex-m55", image).infer([b""], ())


def _members(archive: bytes) -> Iterator[bytes]:
    """Yield the contents of an ar archive's members: 60-byte heads, even sizes."""
    assert archive.startswith(b"!<arch>\n")
    at = 8
    while at < len(archive):
        size = int(archive[at + 48 : at + 58])
        yield archive[at + 60 : at + 60 + size]
        at += 60 + size + size % 2


@pytest.mark.parametrize(
    "isa", [pytest.param(n, marks=pytest.mark.isa(f"{n}:gcc")) for n in _RISCV]
)
def test_the_support_library_of_riscv_has_32_bits(isa: str) -> None:
    """GCC 12 picks the 64-bit libgcc for an -march it has no multilib for, without a word."""
    tools = probe(load_isa(isa), "gcc")
    named = tools.libraries[-1]
    if named == "-lgcc":
        asked = [*tools.command, *tools.flags, "-print-libgcc-file-name"]
        named = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    elfs = [data for data in _members(Path(named).read_bytes()) if data.startswith(b"\x7fELF")]
    assert len(elfs) > 50 and {data[4] for data in elfs} == {1}, "1 is ELFCLASS32"


@pytest.mark.isa("rv32imc:gcc")
@pytest.mark.parametrize(
    "isa", [pytest.param(n, marks=pytest.mark.isa(f"{n}@qemu")) for n in _RISCV]
)
def test_no_riscv_image_goes_through_gp_and_a_global_pointer_would_make_it(
    isa: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for compiler in _families(isa):
        image = _image(isa, tmp_path, family=compiler.family)
        with image.open("rb") as stream:
            assert ELFFile(stream).elfclass == 32
        assert not re.search(r"\bgp\b", _disassembly(image)), compiler.family
        assert _booted(isa, image).infer([b""], ())[0].status == 3

    def with_pointer(*args: object, **options: object) -> str:
        script = linker_script(*args, **options)  # type: ignore[arg-type]
        return f"{script}\n__global_pointer$ = hyst_bss_start + 0x400;\n"

    monkeypatch.setattr("hysteron.runners.elf.linker_script", with_pointer)
    assert re.search(r"\bgp\b", _disassembly(_image(isa, tmp_path, family="gcc")))


def _disassembly(image: Path) -> str:
    command = ["riscv64-unknown-elf-objdump", "-d", "-M", "no-aliases", str(image)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    "isa", [pytest.param(n, marks=pytest.mark.isa(f"{n}@qemu")) for n in _RISCV]
)
def test_semihosting_of_riscv_is_three_whole_instructions_in_one_line(
    isa: str, tmp_path: Path
) -> None:
    triple = b"".join(word.to_bytes(4, "little") for word in (0x01F01013, 0x00100073, 0x40705013))
    for compiler in _families(isa):
        image = _image(isa, tmp_path, family=compiler.family)
        symbol = read_symbols(image)["hyst_semihosting"]
        code = symbol_bytes(image, symbol)
        start = symbol.address + code.index(triple)
        assert start // 16 == (start + len(triple) - 1) // 16, compiler.family


_CALLERS = """
#include "semihosting.h"
int main(void);
int main(void) { return 0; }
#define CALLER(n) \\
    int32_t caller_##n(void); \\
    int32_t caller_##n(void) { volatile uint32_t frame[n] = {0}; \\
        return hyst_host_write(1, (const void *)frame, 4u) + (int32_t)frame[n - 1]; }
CALLER(1) CALLER(2) CALLER(3) CALLER(4) CALLER(5)
"""


@pytest.mark.parametrize(
    ("isa", "back"),
    [
        pytest.param("cortex-m0", b"\x70\x47", marks=pytest.mark.isa("cortex-m0@unicorn")),
        pytest.param("cortex-m7", b"\x70\x47", marks=pytest.mark.isa("cortex-m7@unicorn")),
        pytest.param("rv32imc", b"\x67\x80\0\0", marks=pytest.mark.isa("rv32imc@unicorn")),
    ],
)
def test_the_block_that_semihosting_reads_is_aligned_whatever_the_caller_s_frame(
    isa: str, back: bytes, tmp_path: Path
) -> None:
    source = tmp_path / "callers.c"
    source.write_text(_CALLERS)
    callers = [f"caller_{n}" for n in range(1, 6)]
    emulator = choose_emulator(load_isa(isa), "qemu")
    image = build_elf(
        [source], [], load_isa(isa), tmp_path / "i.elf", callers, boot=emulator
    )  # fmt: skip
    mcu = EmulatedMcu(image.path, load_isa(isa), memory=emulator.memory)
    seen: list[Return] = []
    mcu.on_return("hyst_semihosting", seen.append)
    mcu.write(mcu.symbol("hyst_semihosting")[0], back)  # returns at once: nobody listens here
    for caller in callers:
        mcu.call(caller)
    assert len(seen) == 5 and all(one.args[1] % 16 == 0 for one in seen)


_IT = (
    '__asm__ volatile("cmp %0, #7\\n\\tittt eq\\n\\taddeq %0, #1\\n\\taddeq %0, #1\\n\\t'
    'addeq %0, #1" : "+r"(n) :: "cc");'
)
_WITH_IT = [
    pytest.param(name, marks=[pytest.mark.isa(f"{name}@unicorn"), pytest.mark.isa(f"{name}@qemu")])
    for name in known("isa")
    if {"unicorn", "qemu"} <= {one.kind for one in load_isa(name).emulators}
    and name.startswith("cortex-m") and name != "cortex-m0"
]  # fmt: skip


@pytest.mark.parametrize("isa", _WITH_IT)
def test_instructions_of_an_it_block_count_whether_or_not_the_condition_holds(
    isa: str, tmp_path: Path
) -> None:
    """Hooks that see only executed instructions come out three lower where it fails."""
    counts = set()
    for n, wanted in ((7, 10), (3, 3)):
        image = _image(isa, tmp_path, _IT, n)
        (done,) = _booted(isa, image).infer([b""], ())
        memory = choose_emulator(load_isa(isa), "qemu").memory
        mcu = EmulatedMcu(image, load_isa(isa), memory=memory)
        assert done.status == mcu.call("net_run", n) == wanted
        counts |= {done.instructions, mcu.instructions}
    assert len(counts) == 1, counts
