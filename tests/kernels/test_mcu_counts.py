"""Instructions (AVR: cycles) of the binary kernels on emulated cores: exact, bars, no data in time.

Cortex-M55 and rv32imc_zbb are counted by the plugin in QEMU, the others by unicorn.

The integers hold for the compiler versions named here and are compared as such; another
version skips with a reason. The bars of DESIGN hold for the best compiler of each core.
"""

from __future__ import annotations

from functools import cache

import pytest
from avr_harness import AvrRun, run_on_avr
from boot_harness import BootedKernels, kernels_on
from mcu_harness import FAMILIES, Case, McuKernels, Run, avr_cases, cases, isas

from hysteron.errors import ToolchainError
from hysteron.ops.kernel.xnor_conv import XnorConv
from hysteron.ops.kernel.xnor_dense import XnorDense
from hysteron.runners import choose_emulator, probe
from hysteron.targets import load_isa, load_target

pytest.importorskip("unicorn")

GCC_ARM = "arm-none-eabi-gcc (15:12.2.rel1-1) 12.2.1 20221205"
GCC_RV = "riscv64-unknown-elf-gcc (12.2.0-14+deb12u1+11+b2) 12.2.0"
ZIG = "zig 0.17.1"
#: (core, compiler) -> dense and conv at exactly half the bits set, then both constant-time.
COUNTS: dict[tuple[str, str], tuple[int, int, int, int]] = {
    ("cortex-m0", GCC_ARM): (209_459, 2_390_583, 581_070, 5_926_609),
    ("cortex-m0", ZIG): (210_245, 2_332_232, 474_547, 4_945_313),
    ("cortex-m0plus", GCC_ARM): (209_459, 2_390_583, 581_070, 5_926_609),
    ("cortex-m0plus", ZIG): (210_245, 2_332_232, 474_547, 4_945_313),
    ("cortex-m3", GCC_ARM): (142_487, 1_589_698, 327_435, 3_433_482),
    ("cortex-m3", ZIG): (146_357, 1_618_198, 349_673, 3_589_755),
    ("cortex-m33", GCC_ARM): (142_903, 1_594_427, 327_499, 3_434_769),
    ("cortex-m33", ZIG): (146_325, 1_617_927, 349_673, 3_589_754),
    ("cortex-m4", GCC_ARM): (142_487, 1_589_682, 327_435, 3_433_481),
    ("cortex-m4", ZIG): (146_357, 1_617_415, 349_673, 3_589_754),
    ("cortex-m4f", GCC_ARM): (142_903, 1_594_411, 327_499, 3_434_769),
    ("cortex-m4f", ZIG): (146_357, 1_617_415, 349_673, 3_589_754),
    ("cortex-m55", GCC_ARM): (48_824, 863_132, 110_381, 1_396_716),
    ("cortex-m55", ZIG): (50_787, 864_756, 122_778, 1_503_176),
    ("cortex-m7", GCC_ARM): (142_648, 1_592_936, 326_954, 3_429_065),
    ("cortex-m7", ZIG): (148_959, 1_648_961, 360_791, 3_697_547),
    ("rv32imc", GCC_RV): (156_895, 1_742_930, 352_634, 3_689_676),
    ("rv32imc", ZIG): (161_552, 1_820_417, 390_545, 4_077_195),
    ("rv32imc_zbb", GCC_RV): (156_548, 1_731_328, 187_029, 2_249_313),
    ("rv32imc_zbb", ZIG): (158_941, 1_767_779, 201_731, 2_371_877),
}
#: Instructions per binary multiply-accumulate, thresholds and packing included.
BARS = {
    "cortex-m0": (0.245, 0.31),
    "cortex-m0plus": (0.245, 0.31),
    "cortex-m55": (0.055, 0.1),
}
BAR = (0.15, 0.22)
GCC_AVR = "avr-gcc (GCC) 5.4.0"
#: (part, compiler) -> cycles of dense 1024 -> 64 and conv 3x3 32->32 on 8x8 in simavr 1.6.
CYCLES: dict[tuple[str, str], tuple[int, int]] = {
    ("atmega328p", GCC_AVR): (79_421, 1_347_276),
    ("atmega2560", GCC_AVR): (86_992, 1_114_126),
}
#: Cycles per binary multiply-accumulate of the dense layer.
AVR_BAR = 1.7
NAMES = [isa.name for isa in isas()]


@cache
def built(isa: str, family: str) -> McuKernels | BootedKernels:
    """Link both kernels once; skips where the compiler or the emulator is missing."""
    try:
        probe(load_isa(isa), family)
        choose_emulator(load_isa(isa), None)
    except ToolchainError as error:
        pytest.skip(f"{isa}:{family}: {error}")
    return kernels_on(load_isa(isa), [XnorDense, XnorConv], family)


@cache
def measured(isa: str, family: str, layout: str, name: str, density: float) -> Run:
    """Run one case and compare its outputs with the reference."""
    kernels, case = built(isa, family), case_of(isa, layout, name)
    arrays = case.arrays(density)
    run = kernels.run(case.op, case.types, arrays)
    for mine, theirs in zip(run.outputs, case.op.reference(*arrays), strict=True):
        assert (mine == theirs[0]).all(), f"{isa} {family} {case.op}"
    return run


def case_of(isa: str, layout: str, name: str) -> Case:
    """Return a case by name, in the layout that the pass chooses for the core."""
    every = cases(layout, load_isa(isa).layout_costs)
    return next(case for case in every if case.name == name)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("isa", NAMES)
def test_counts_of_pinned_compilers_are_exact(isa: str, family: str) -> None:
    version = built(isa, family).elf.version
    if (isa, version) not in COUNTS:
        pytest.skip(f"no counts for {isa} with {version}")
    got = tuple(
        measured(isa, family, layout, name, 0.5).instructions
        for layout in ("sliced", "sliced_ct")
        for name in ("dense", "conv")
    )
    assert got == COUNTS[isa, version]


@pytest.mark.slow
@pytest.mark.parametrize("isa", NAMES)
@pytest.mark.parametrize(("name", "column"), [("dense", 0), ("conv", 1)])
def test_half_of_the_bits_set_stays_under_the_bar(isa: str, name: str, column: int) -> None:
    """With the compiler that a user gets: the first of the core's list that is installed."""
    family = probe(load_isa(isa)).family
    run = measured(isa, family, "sliced", name, 0.5)
    assert run.instructions <= BARS.get(isa, BAR)[column] * case_of(isa, "sliced", name).macs


@pytest.mark.parametrize("isa", NAMES)
def test_more_ones_than_half_cost_no_more_than_half(isa: str) -> None:
    """Where ones are many the zeros are listed: half is the worst density."""
    family = probe(load_isa(isa)).family
    half = measured(isa, family, "sliced", "dense", 0.5).instructions
    for density in (0.0, 0.75, 1.0):
        assert measured(isa, family, "sliced", "dense", density).instructions < half


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", ["dense", "conv"])
@pytest.mark.parametrize("isa", NAMES)
def test_constant_time_kernels_execute_the_same_number_for_any_input(
    isa: str, family: str, name: str
) -> None:
    counts = {
        measured(isa, family, "sliced_ct", name, density).instructions
        for density in (0.0, 0.25, 0.5, 1.0)
    }
    assert len(counts) == 1


def test_the_listing_kernel_is_not_constant_time() -> None:
    """The test above can fail: the default kernel's count moves with the data."""
    family = probe(load_isa("cortex-m4")).family
    counts = {
        measured("cortex-m4", family, "sliced", "dense", density).instructions
        for density in (0.0, 0.5)
    }
    assert len(counts) == 2


@cache
def cycles(part: str, name: str, density: float) -> tuple[Case, AvrRun]:
    """Run one case on an 8-bit part and compare its outputs with the reference."""
    case = next(case for case in avr_cases(load_target(part).isa) if case.name == name)
    arrays = case.arrays(density)
    run = run_on_avr(part, case.op, case.types, arrays)
    assert (run.outputs[0] == case.op.reference(*arrays)[0]).all(), f"{part} {case.op}"
    return case, run


@pytest.mark.isa("avr5")
@pytest.mark.isa("avr6")
@pytest.mark.parametrize("part", ["atmega328p", "atmega2560"])
def test_cycles_of_8_bit_parts_are_exact_and_dense_stays_under_the_bar(part: str) -> None:
    """Weights in flash, list, thresholds and packing included; half is the worst density."""
    found = [cycles(part, name, 0.5) for name in ("dense", "conv")]
    case, dense = found[0]
    assert dense.cycles <= AVR_BAR * case.macs
    assert all(cycles(part, "dense", other)[1].cycles < dense.cycles for other in (0.0, 0.75, 1.0))
    if (part, dense.version) not in CYCLES:
        pytest.skip(f"no counts for {part} with {dense.version}")
    assert tuple(run.cycles for _, run in found) == CYCLES[part, dense.version]
