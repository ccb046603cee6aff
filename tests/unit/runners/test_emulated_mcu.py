"""The emulator runs hand-written C on every core, counts exactly and stops what goes wrong."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from hysteron.errors import CapacityError, TargetError, ToolchainError
from hysteron.runners import ElfInfo, EmulatedMcu, Return, build_elf
from hysteron.targets import MemoryMap, known, load_isa, load_target

pytest.importorskip("unicorn")
pytest.importorskip("ziglang")

_ENTRIES = (
    "popcount_words popcount_table count_calls sum_of_ten hang two_layers deep_stack read_at"
    " write_at half_of_product copies wide_quotient nops_0 nops_100"
).split()


@dataclass(frozen=True)
class Built:
    isa: str
    info: ElfInfo

    def boot(self, *, strict_alignment: bool = False) -> EmulatedMcu:
        return EmulatedMcu(self.info.path, load_isa(self.isa), strict_alignment=strict_alignment)


def _on_unicorn(name: str) -> bool:
    emulator = load_isa(name).emulator
    return emulator is not None and emulator.kind == "unicorn"


_ISAS = [name for name in known("isa") if _on_unicorn(name)]


@pytest.fixture(scope="module", params=_ISAS)
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Built:
    isa = load_isa(request.param)
    out = tmp_path_factory.mktemp("elf") / "programs.elf"
    source = Path(__file__).with_name("programs.c")
    return Built(isa.name, build_elf([source], [], isa, out, _ENTRIES, family="zig"))


def test_written_words_are_counted_and_the_instruction_count_repeats(built: Built) -> None:
    mcu = built.boot()
    words = [0x01234567, 0xFFFFFFFF, 0, 0x80000001]
    at = mcu.alloc(16)
    mcu.write(at, struct.pack("<4I", *words))
    counts = set()
    for _ in range(3):
        assert mcu.call("popcount_words", at, 4) == sum(word.bit_count() for word in words)
        counts.add(mcu.instructions)
    again = built.boot()
    again.write(again.alloc(16), struct.pack("<4I", *words))
    again.call("popcount_words", at, 4)
    assert counts == {again.instructions}


def test_a_hundred_more_instructions_count_as_a_hundred(built: Built) -> None:
    mcu = built.boot()
    mcu.call("nops_0")
    bare = mcu.instructions
    assert bare == 1  # the return
    mcu.call("nops_100")
    assert mcu.instructions == bare + 100


def test_block_count_equals_stepping_where_no_instruction_is_skipped(built: Built) -> None:
    import unicorn

    mcu = built.boot()
    mcu.call("popcount_table")
    stepped = 0

    def step(*_: object) -> None:
        nonlocal stepped
        stepped += 1

    single = built.boot()
    single._uc.hook_add(unicorn.UC_HOOK_CODE, step)
    single.call("popcount_table")
    # The code hook leaves out IT instructions whose condition failed: only Armv7-M and later
    # have them. So blocks are counted.
    assert single.instructions == mcu.instructions
    if built.isa in ("cortex-m0", "cortex-m0plus", "rv32imc"):
        assert stepped == mcu.instructions
    else:
        assert stepped <= mcu.instructions


def test_constants_initialised_data_and_zeroed_data_are_loaded(built: Built) -> None:
    mcu = built.boot()
    assert mcu.call("popcount_table") == 4 + 8 + 32
    assert [mcu.call("count_calls") for _ in range(3)] == [7, 8, 9]


def test_arguments_beyond_the_registers_travel_on_the_stack(built: Built) -> None:
    values = [1, 2, 3, 4, 5, -100, 7, 8, 9, 1000]
    wanted = sum(n * value for n, value in enumerate(values, 1))
    assert built.boot().call("sum_of_ten", *values) == wanted


def test_float_multiplies_and_divides_as_binary32(built: Built) -> None:
    mcu = built.boot()
    at = mcu.alloc(8)
    mcu.write(at, struct.pack("<2f", 1.1, 3.3))
    assert mcu.call("half_of_product", at, at + 4) == 1
    single = struct.unpack("<f", struct.pack("<f", 1.1))[0]
    other = struct.unpack("<f", struct.pack("<f", 3.3))[0]
    product = struct.unpack("<f", struct.pack("<f", single * other))[0]
    assert mcu.read(at, 4) == struct.pack("<f", product / 2)


def test_memory_functions_work_without_a_c_library(built: Built) -> None:
    mcu = built.boot()
    src, dst = mcu.alloc(8), mcu.alloc(16)
    mcu.write(src, bytes(range(1, 9)))
    assert mcu.call("copies", dst, src, 8) == 0
    assert mcu.read(dst, 9) == bytes([1, 1, 2, 3, 4, 5, 6, 7, 0x55])


def test_each_return_is_reported_with_arguments_result_and_own_count(built: Built) -> None:
    seen: list[Return] = []
    mcu = built.boot()
    for name in ("layer_double", "layer_next", "tail_called"):
        mcu.on_return(name, seen.append)
    assert mcu.call("two_layers", 20) == 2 * 41 + 21
    order = [(one.symbol, one.args[0], one.result) for one in seen]
    double_then_next = [("layer_double", 20, 40), ("layer_next", 40, 41), ("layer_double", 41, 82)]
    assert [one for one in order if one in double_then_next] == double_then_next
    assert ("layer_next", 20, 21) in order
    assert ("tail_called", 20, 21) in order
    assert all(1 <= one.instructions < mcu.instructions for one in seen)
    assert sum(one.instructions for one in seen if one.symbol == "layer_double") < 10


def test_watching_changes_no_count(built: Built) -> None:
    plain, watched = built.boot(), built.boot()
    watched.on_return("layer_next", lambda _: None)
    plain.call("two_layers", 5)
    watched.call("two_layers", 5)
    assert plain.instructions == watched.instructions


def test_a_watched_entry_returns_to_the_caller_of_the_part(built: Built) -> None:
    seen: list[Return] = []
    mcu = built.boot()
    mcu.on_return("layer_double", seen.append)
    assert mcu.call("layer_double", 21) == 42
    assert [(one.result, one.instructions) for one in seen] == [(42, mcu.instructions)]


def test_peak_stack_grows_by_one_frame_per_call(built: Built) -> None:
    mcu = built.boot()
    peaks = []
    for depth in range(4):
        mcu.call("deep_stack", depth)
        peaks.append(mcu.peak_stack)
    frames = {b - a for a, b in pairwise(peaks)}
    assert len(frames) == 1
    assert 256 <= frames.pop() <= 320


@pytest.mark.parametrize("depth", [400, 20_000], ids=["into-data", "out-of-memory"])
def test_a_stack_that_meets_its_limit_is_an_error(built: Built, depth: int) -> None:
    """Also where the first thing to be noticed is a fault."""
    with pytest.raises(CapacityError, match=r"the stack met the data or its limit"):
        built.boot().call("deep_stack", depth)


def test_a_hang_is_stopped_by_the_instruction_budget(built: Built) -> None:
    mcu = built.boot()
    with pytest.raises(ToolchainError, match=r"more than 10,000 instructions.*at hang\+0x"):
        mcu.call("hang", 3, max_instructions=10_000)
    assert mcu.call("popcount_table") == 44


def test_a_read_outside_memory_names_the_function(built: Built) -> None:
    with pytest.raises(ToolchainError, match=r"faulted at read_at\+0x.*READ"):
        built.boot().call("read_at", 0x6000_0000)


def test_a_write_into_flash_is_a_fault(built: Built) -> None:
    with pytest.raises(ToolchainError, match=r"faulted at write_at\+0x.*WRITE"):
        built.boot().call("write_at", 0x100)


def test_an_unaligned_read_is_caught_when_asked(built: Built) -> None:
    mcu = built.boot(strict_alignment=True)
    at = mcu.alloc(8)
    assert mcu.call("read_at", at + 4) == 0
    with pytest.raises(ToolchainError, match=r"unaligned 4-byte access"):
        mcu.call("read_at", at + 2)


def test_unknown_symbol_is_named(built: Built) -> None:
    with pytest.raises(ToolchainError, match=r"no symbol 'nothing'"):
        built.boot().call("nothing")


def test_allocating_more_than_the_part_has_is_refused(built: Built) -> None:
    with pytest.raises(CapacityError, match=r"emulated RAM is full"):
        built.boot().alloc(1 << 30)


def test_sizes_cover_code_constants_and_data(built: Built) -> None:
    assert 300 < built.info.flash_bytes < 8000
    assert 68 <= built.info.ram_bytes < 80
    assert built.info.version.startswith("zig ")
    assert built.info.compiler == "ziglang cc"


def test_same_sources_give_the_same_file(built: Built, tmp_path: Path) -> None:
    source = Path(__file__).with_name("programs.c")
    again = build_elf([source], [], load_isa(built.isa), tmp_path / "b.elf", _ENTRIES, family="zig")
    assert again.path.read_bytes() == built.info.path.read_bytes()


def test_a_program_runs_in_a_real_part_s_memory_map(tmp_path: Path) -> None:
    target = load_target("stm32f407vg")
    source = Path(__file__).with_name("programs.c")
    info = build_elf(
        [source], [], target.isa, tmp_path / "p.elf", _ENTRIES, memory=target.memory, family="zig"
    )
    mcu = EmulatedMcu(info.path, target.isa, memory=target.memory)
    assert mcu.symbol("popcount_table")[0] >= 0x0800_0000
    assert mcu.call("popcount_table") == 44


def test_regions_off_the_page_grid_run_and_those_that_share_a_page_are_refused(
    tmp_path: Path,
) -> None:
    isa, source = load_isa("cortex-m0"), Path(__file__).with_name("programs.c")

    def boot(memory: MemoryMap) -> EmulatedMcu:
        out = tmp_path / "p.elf"
        build_elf([source], [], isa, out, _ENTRIES, memory=memory, family="zig")
        return EmulatedMcu(out, isa, memory=memory)

    mcu = boot(MemoryMap(0x80, 0x7F7F, 0x2000_0100, 0x1EFC))
    assert mcu.call("popcount_table") == 44 and mcu.call("count_calls") == 7
    for ram_base in (0x7F80, 0x9000_0000):
        with pytest.raises(ToolchainError, match=r"cortex-m0: unicorn cannot map this memory"):
            boot(MemoryMap(0x80, 0x7F00, ram_base, 0x1000))


@pytest.mark.parametrize(("const", "name"), [("const ", "FLASH"), ("", "RAM")])
def test_a_program_too_large_for_the_part_says_by_how_much(
    tmp_path: Path, const: str, name: str
) -> None:
    source = tmp_path / "big.c"
    source.write_text(
        f"{const}unsigned char big[5000] = {{1}};\n"
        "int get(int i); int get(int i) { return big[i]; }\n"
    )
    small = MemoryMap(0, 0x1000, 0x2000_0000, 0x1000)
    with pytest.raises(CapacityError, match=rf"does not fit into {name}.*at most 4,096"):
        build_elf(
            [source], [], load_isa("cortex-m0"), tmp_path / "x.elf", ["get"],
            memory=small, family="zig",
        )  # fmt: skip


def test_a_compile_error_is_reported_with_the_compiler_s_line(tmp_path: Path) -> None:
    source = tmp_path / "bad.c"
    source.write_text("int f(void) { return missing; }\n")
    with pytest.raises(ToolchainError, match=r"cortex-m0, zig .*compiling failed.*missing"):
        build_elf([source], [], load_isa("cortex-m0"), tmp_path / "x.elf", ["f"], family="zig")


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.isa(f"{n}:gcc")) for n in _ISAS]
)
def test_the_vendor_compiler_gives_the_same_results(name: str, tmp_path: Path) -> None:
    isa = load_isa(name)
    source = Path(__file__).with_name("programs.c")
    info = build_elf([source], [], isa, tmp_path / "g.elf", _ENTRIES, family="gcc")
    mcu = EmulatedMcu(info.path, isa)
    assert mcu.call("popcount_table") == 44
    assert [mcu.call("count_calls") for _ in range(3)] == [7, 8, 9]
    assert mcu.call("sum_of_ten", 1, 2, 3, 4, 5, -100, 0, 0, 0, 1) == -535
    src, dst = mcu.alloc(8), mcu.alloc(16)
    mcu.write(src, bytes(range(1, 9)))
    assert mcu.call("copies", dst, src, 8) == 0
    # A 64-bit division is a call of libgcc: one of another width would not link or not run.
    assert mcu.call("wide_quotient", 1, 0, 3) == (1 << 32) // 3
    assert isa.compilers[0].command[0].split("-")[0] in info.version


def test_a_processor_the_emulator_lacks_lists_those_it_has(built: Built) -> None:
    isa = load_isa(built.isa)
    assert isa.emulator is not None
    other = msgspec.structs.replace(isa.emulator, cpu="Z80")
    with pytest.raises(TargetError, match=r"no such processor model; got .Z80.; wanted .*\w+"):
        EmulatedMcu(built.info.path, msgspec.structs.replace(isa, emulators=(other,)))


@pytest.mark.isa("rv32imc:gcc")
def test_riscv_data_is_reached_without_a_global_pointer(tmp_path: Path) -> None:
    """Nobody sets gp: relaxation through it would read elsewhere, whatever the linker does."""
    source = tmp_path / "gp.c"
    source.write_text("int small = 7; int get(void); int get(void) { return small++; }\n")
    isa = load_isa("rv32imc")
    info = build_elf([source], [], isa, tmp_path / "gp.elf", ["get"], family="gcc")
    mcu = EmulatedMcu(info.path, isa)
    assert [mcu.call("get") for _ in range(2)] == [7, 8]
    with pytest.raises(ToolchainError, match=r"no symbol '__global_pointer\$'"):
        mcu.symbol("__global_pointer$")
