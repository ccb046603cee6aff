"""Instructions of the binary kernels on emulated cores: exact integers, bars, no data in time.

The integers hold for the compiler versions named here and are compared as such; another
version skips with a reason. The bars of DESIGN hold for the best compiler of each core.
"""

from __future__ import annotations

from functools import cache

import pytest
from mcu_harness import FAMILIES, Case, McuKernels, Run, cases, isas

from hysteron.errors import ToolchainError
from hysteron.ops.kernel.xnor_conv import XnorConv
from hysteron.ops.kernel.xnor_dense import XnorDense
from hysteron.runners import probe
from hysteron.targets import load_isa

pytest.importorskip("unicorn")

GCC_ARM = "arm-none-eabi-gcc (15:12.2.rel1-1) 12.2.1 20221205"
GCC_RV = "riscv64-unknown-elf-gcc (12.2.0-14+deb12u1+11+b2) 12.2.0"
ZIG = "zig 0.17.1"
#: (core, compiler) -> dense and conv at exactly half the bits set, then both constant-time.
COUNTS: dict[tuple[str, str], tuple[int, int, int, int]] = {
    ("cortex-m0", GCC_ARM): (209_414, 2_390_073, 581_038, 6_072_549),
    ("cortex-m0", ZIG): (210_245, 2_332_234, 474_547, 5_056_886),
    ("cortex-m0plus", GCC_ARM): (209_414, 2_390_073, 581_038, 6_072_549),
    ("cortex-m0plus", ZIG): (210_245, 2_332_234, 474_547, 5_056_886),
    ("cortex-m3", GCC_ARM): (142_421, 1_588_676, 327_371, 3_524_340),
    ("cortex-m3", ZIG): (146_358, 1_618_200, 349_673, 3_684_434),
    ("cortex-m33", GCC_ARM): (142_869, 1_593_917, 327_467, 3_526_139),
    ("cortex-m33", ZIG): (146_326, 1_617_929, 349_673, 3_684_433),
    ("cortex-m4", GCC_ARM): (142_421, 1_588_660, 327_371, 3_524_339),
    ("cortex-m4", ZIG): (146_358, 1_617_417, 349_673, 3_684_433),
    ("cortex-m4f", GCC_ARM): (142_869, 1_593_901, 327_467, 3_526_139),
    ("cortex-m4f", ZIG): (146_358, 1_617_417, 349_673, 3_684_433),
    ("cortex-m7", GCC_ARM): (142_614, 1_592_426, 326_922, 3_520_435),
    ("cortex-m7", ZIG): (148_961, 1_648_963, 360_791, 3_793_195),
    ("rv32imc", GCC_RV): (156_829, 1_741_908, 352_570, 3_770_496),
    ("rv32imc", ZIG): (161_556, 1_820_418, 390_545, 4_152_353),
}
#: Instructions per binary multiply-accumulate, thresholds and packing included.
BARS = {"cortex-m0": (0.245, 0.31), "cortex-m0plus": (0.245, 0.31)}
BAR = (0.15, 0.22)
NAMES = [isa.name for isa in isas()]


@cache
def built(isa: str, family: str) -> McuKernels:
    """Link both kernels once; skips where the compiler is missing."""
    try:
        probe(load_isa(isa), family)
    except ToolchainError as error:
        pytest.skip(f"{isa}:{family}: {error}")
    return McuKernels(load_isa(isa), [XnorDense, XnorConv], family)


@cache
def measured(isa: str, family: str, layout: str, name: str, density: float) -> Run:
    """Run one case and compare its outputs with the reference."""
    kernels, case = built(isa, family), case_of(layout, name)
    arrays = case.arrays(density)
    run = kernels.run(case.op, case.types, arrays)
    for mine, theirs in zip(run.outputs, case.op.reference(*arrays), strict=True):
        assert (mine == theirs[0]).all(), f"{isa} {family} {case.op}"
    return run


def case_of(layout: str, name: str) -> Case:
    """Return a case by name."""
    return next(case for case in cases(layout) if case.name == name)


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
    assert run.instructions <= BARS.get(isa, BAR)[column] * case_of("sliced", name).macs


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
