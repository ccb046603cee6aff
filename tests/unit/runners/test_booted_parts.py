"""An image that hangs, traps or outruns its budget is ended with one clear error."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from hysteron.errors import CapacityError, ToolchainError
from hysteron.runners import build_elf, choose_emulator
from hysteron.runners.booted_part import BootedPart
from hysteron.runners.elf import read_symbols, symbol_bytes
from hysteron.runners.qemu_part import QemuPart
from hysteron.runners.simavr_part import SimavrPart
from hysteron.runners.stack import StackWalk
from hysteron.targets import known, load_isa, load_target

_BOOTED = [
    pytest.param(name, one.kind, marks=pytest.mark.isa(f"{name}@{one.kind}"), id=name)
    for name in known("isa")
    for one in load_isa(name).emulators
    if one.kind != "unicorn"
]
# One of each emulator and calling convention, where what is tested depends on nothing else.
_ONE_EACH = [one for one in _BOOTED if one.id in ("cortex-m0", "cortex-m55", "rv32imc_zbb", "avr6")]
_PARTS = {"qemu": QemuPart, "simavr": SimavrPart}
_MAIN = """
#include "semihosting.h"
__attribute__((noinline)) int32_t net_run(int32_t n);
int32_t net_run(int32_t n) {{ volatile int32_t x = n; {body} return x; }}
static unsigned char data[3] = {{7, 8, 9}}, zeroed[5];
int main(void) {{
    const int to = hyst_host_open("out.bin", 7u, 5);
    const uintptr_t top = hyst_stack_pointer();
    uint32_t record[3];
    hyst_stack_paint();
    record[0] = (uint32_t)net_run(3) + data[2] + zeroed[4] - 9u;
    record[1] = hyst_stack_used(top);
    record[2] = hyst_stack_room(top);
    return hyst_host_write(to, record, 12u) + hyst_host_write(to, data, 3u);
}}
"""


def _part(
    isa_name: str, kind: str, folder: Path, body: str, family: str | None = None, **limits: float
) -> BootedPart:
    isa = load_isa(isa_name)
    source = folder / "main.c"
    source.write_text(_MAIN.format(body=body))
    emulator = choose_emulator(isa, kind)
    built = build_elf(
        [source], [], isa, folder / "image.elf", ["net_run"], boot=emulator, family=family
    )
    return _PARTS[kind](built.path, emulator, "net", (0, 0, 3, 0), **limits)


@pytest.mark.parametrize(("isa", "kind"), _BOOTED)
def test_an_image_boots_with_data_and_bss_in_place(isa: str, kind: str, tmp_path: Path) -> None:
    (done,) = _part(isa, kind, tmp_path, "").infer([b""], ())
    assert (done.status, done.output) == (3, bytes([7, 8, 9]))
    assert 0 < done.stack_bytes < 200
    assert done.instructions is not None and 2 < done.instructions < 40


@pytest.mark.parametrize("isa", ["cortex-m0", "cortex-m55", "rv32imc_zbb"])
def test_the_compiler_from_pypi_makes_bootable_images_too(isa: str, tmp_path: Path) -> None:
    pytest.importorskip("ziglang")
    try:
        choose_emulator(load_isa(isa), "qemu")
    except ToolchainError as error:
        pytest.skip(f"{isa}@qemu: {error}")
    body = "x = (int32_t)((((uint64_t)(uint32_t)x << 32) / 7u) >> 3);"
    (done,) = _part(isa, "qemu", tmp_path, body, "zig").infer([b""], ())
    assert done.status == ((3 << 32) // 7) >> 3


@pytest.mark.parametrize(("isa", "kind"), _ONE_EACH)
def test_a_hang_is_stopped_by_the_instruction_budget(isa: str, kind: str, tmp_path: Path) -> None:
    part = _part(isa, kind, tmp_path, "while (x == n) {}", budget=100_000)
    with pytest.raises(ToolchainError, match=r"net: more than 100,000 instructions.*hanging"):
        part.infer([b""], ())


@pytest.mark.isa("cortex-m3@qemu")
def test_a_hang_without_a_counter_is_stopped_by_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hysteron.runners.qemu_part._plugin", lambda folder: None)
    part = _part("cortex-m3", "qemu", tmp_path, "while (x == n) {}", seconds=0.5)
    with pytest.raises(ToolchainError, match=r"net: no end after 0.5 s"):
        part.infer([b""], ())


@pytest.mark.isa("cortex-m3@qemu")
def test_without_a_host_compiler_the_image_runs_uncounted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    (done,) = _part("cortex-m3", "qemu", tmp_path, "").infer([b""], ())
    assert (done.status, done.instructions) == (3, None)


@pytest.mark.parametrize(("isa", "kind"), [one for one in _ONE_EACH if "qemu" in one.values])
def test_a_trap_ends_the_image_with_an_error(isa: str, kind: str, tmp_path: Path) -> None:
    undefined = '__asm__ volatile(".word 0xffffffff");'
    with pytest.raises(ToolchainError, match=r"net: the program trapped; got exit status 99"):
        _part(isa, kind, tmp_path, undefined).infer([b""], ())


@pytest.mark.parametrize(("isa", "kind"), _BOOTED)
def test_a_64_bit_division_finds_the_support_library_of_the_right_width(
    isa: str, kind: str, tmp_path: Path
) -> None:
    # GCC 12 takes the 64-bit libgcc for -march=rv32imc_zbb, without a word, and then does not link.
    body = "x = (int32_t)((((uint64_t)(uint32_t)x << 32) / 7u) >> 3);"
    (done,) = _part(isa, kind, tmp_path, body).infer([b""], ())
    assert done.status == ((3 << 32) // 7) >> 3


@pytest.mark.isa("rv32imc_zbb@qemu")
def test_zbb_instructions_trap_on_a_processor_without_zbb(tmp_path: Path) -> None:
    body = "x = __builtin_popcount((unsigned)x);"
    part = _part("rv32imc_zbb", "qemu", tmp_path, body)
    assert isinstance(part, QemuPart)
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
    assert _part("cortex-m55", "qemu", tmp_path, body).infer([b""], ())[0].status == 3


def _thumb(path: Path, name: str) -> list[int]:
    """Return a function's Thumb instructions; those of two halfwords as 32 bits."""
    symbol = read_symbols(path)[name]
    data = symbol_bytes(path, replace(symbol, address=symbol.address & ~1))
    halves = [int.from_bytes(data[at : at + 2], "little") for at in range(0, len(data), 2)]
    found = []
    while halves:
        first = halves.pop(0)
        found.append(first << 16 | halves.pop(0) if first >> 11 >= 0x1D and halves else first)
    return found


def _is_vector(instruction: int) -> bool:
    """Say whether a Thumb instruction is one of FPU or MVE: those of coprocessors."""
    return instruction >> 26 in (0b111011, 0b111111)


@pytest.mark.isa("cortex-m55@qemu")
def test_nothing_vectorised_comes_before_the_write_that_enables_vectors(tmp_path: Path) -> None:
    """GCC vectorises the loop that copies .data: a reset handler in C would trap."""
    _part("cortex-m55", "qemu", tmp_path, "")
    image = tmp_path / "image.elf"
    symbols = read_symbols(image)
    vectors = symbol_bytes(image, symbols["hyst_vectors"])
    assert int.from_bytes(vectors[4:8], "little") == symbols["hyst_reset"].address
    reset = _thumb(image, "hyst_reset")
    call = next(
        at
        for at, code in enumerate(reset)
        if code >> 16 & 0xF800 == 0xF000 and code & 0xD000 == 0xD000
    )
    enable = reset.index(0x6001)  # str r1, [r0]: 0x00f00000 to CPACR
    assert enable < call and 0xF3BF8F6F in reset[enable:call]  # isb
    assert not any(_is_vector(code) for code in reset[:call])
    assert any(_is_vector(code) for code in _thumb(image, "memcpy"))


def test_a_missing_emulator_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(ToolchainError, match=r"no emulator for .*qemu-system-arm; apt install"):
        choose_emulator(load_isa("cortex-m3"), "qemu")


@pytest.mark.isa("avr5")
def test_an_8_bit_part_boots_at_its_own_addresses(tmp_path: Path) -> None:
    """simavr is the part itself: SRAM of the ATmega328P ends where others go on."""
    target = load_target("atmega328p")
    assert target.memory is not None and target.mcu is not None
    (tmp_path / "main.c").write_text(_MAIN.format(body=""))
    emulator = choose_emulator(target.isa, "simavr")
    built = build_elf(
        [tmp_path / "main.c"], [], target.isa, tmp_path / "image.elf", ["net_run"],
        memory=target.memory, boot=emulator,
    )  # fmt: skip
    top = read_symbols(built.path)["hyst_stack_top"].address
    assert top == 0x80_0000 + target.memory.ram_base + target.memory.ram_bytes - 1
    part = SimavrPart(built.path, emulator, "net", (0, 0, 3, 0), cpu=target.mcu.emulator_cpu)
    assert part.infer([b""], ())[0].status == 3


@pytest.mark.isa("avr6")
def test_with_24_bit_addresses_images_may_lie_anywhere_in_flash(tmp_path: Path) -> None:
    piece = r'__asm__(".section .progmem.data,\"a\"\n.global i%d\ni%d: .fill 60000, 1, 7\n");'
    use = "extern const unsigned char i3[]; const void *f(void); const void *f(void) { return i3; }"
    source = tmp_path / "big.c"
    source.write_text("\n".join([*(piece % (n, n) for n in range(4)), use]))
    isa = load_isa("avr6")
    built = build_elf([source], [], isa, tmp_path / "x.elf", ["f", "i0", "i3"])
    assert read_symbols(built.path)["i3"].address > 1 << 16


@pytest.mark.isa("avr5")
@pytest.mark.parametrize("size", [20_000, 33_000])
def test_images_beyond_the_reach_of_flash_loads_are_refused(tmp_path: Path, size: int) -> None:
    source = tmp_path / "big.c"
    source.write_text(
        '#define IMAGE __attribute__((section(".progmem.data"))) const unsigned char\n'
        f"IMAGE big[{size}] = {{1}}; IMAGE other[{size}] = {{1}};\n"
        "const void *get(int i); const void *get(int i) { return i ? big : other; }\n"
    )
    with pytest.raises(CapacityError, match=r"avr5: images do not fit.*at most 32,768"):
        build_elf([source], [], load_isa("avr5"), tmp_path / "x.elf", ["get"])


@pytest.mark.parametrize(("isa", "kind"), [one for one in _ONE_EACH if one.id != "cortex-m0"])
def test_a_stack_that_leaves_its_room_is_an_error(isa: str, kind: str, tmp_path: Path) -> None:
    size = 8_180 if kind == "simavr" else 70_000
    body = (
        f"volatile unsigned char b[{size}];"
        f"for (int32_t i = {size - 1}; i >= 0; i--) {{ b[i] = 1; }} x += b[5];"
    )
    with pytest.raises(CapacityError, match=r"net: the stack met the data or its limit"):
        _part(isa, kind, tmp_path, body).infer([b""], ())


@pytest.mark.isa("avr5")
def test_a_stack_that_destroys_the_return_address_is_named_too(tmp_path: Path) -> None:
    """Filled from its lowest end on, the frame has overwritten all data when it crashes."""
    body = "volatile unsigned char b[4200]; for (int i = 0; i < 4200; i++) { b[i] = 1; } x += b[5];"
    with pytest.raises(CapacityError, match=r"net: the stack met the data or its limit"):
        _part("avr5", "simavr", tmp_path, body).infer([b""], ())


@pytest.mark.parametrize(
    "isa", [pytest.param(name, marks=pytest.mark.isa(name)) for name in ("avr5", "avr6")]
)
def test_the_lowest_stack_pointer_is_the_bound_where_there_is_one_path(
    isa: str, tmp_path: Path
) -> None:
    body = "volatile unsigned char b[200]; for (int i = 0; i < 200; i++) { b[i] = 1; } x += b[5];"
    shallow = _part(isa, "simavr", tmp_path, "").infer([b""], ())[0].stack_bytes
    (tmp_path / "deep").mkdir()
    deep = _part(isa, "simavr", tmp_path / "deep", body).infer([b""], ())[0].stack_bytes
    assert 200 <= deep - shallow <= 210
    bounds = [StackWalk(at / "image.elf").bound("net_run") for at in (tmp_path, tmp_path / "deep")]
    assert [one.nbytes for one in bounds] == [shallow, deep]
