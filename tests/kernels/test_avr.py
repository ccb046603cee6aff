"""The kernels of AVR, executed by simavr, give what NumPy gives; constants lie in flash."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from _pytest.mark.structures import ParameterSet
from avr_harness import run_on_avr
from kernel_harness import WARNINGS, assert_identical, examples, random_inputs
from mcu_harness import signs

from hysteron._assets import asset_dir
from hysteron.codegen.runtime_files import find_source
from hysteron.errors import CapacityError
from hysteron.ir.types import TensorType
from hysteron.ops.kernel._base import KernelOp
from hysteron.ops.kernel._steps import step_types
from hysteron.ops.kernel.int_conv import IntConv
from hysteron.ops.kernel.int_dense import IntDense
from hysteron.ops.kernel.xnor_conv import XnorConv
from hysteron.ops.kernel.xnor_dense import XnorDense
from hysteron.runners import probe
from hysteron.targets import load_isa

Example = tuple[KernelOp, tuple[TensorType, ...]]
#: One part of each size of address: pointers of 16 bits, and of 24.
PARTS = ("avr5", "avr6")
#: Ops with code of their own for AVR.
PRODUCTS = (XnorDense, XnorConv, IntDense, IntConv)


def _quick(products: dict[type[KernelOp], int], op: KernelOp) -> bool:
    """Return True for the first examples of each product in two of its layouts."""
    kind = type(op)
    if kind not in PRODUCTS or products.get(kind, 0) > 1:
        return False
    products[kind] = products.get(kind, 0) + 1
    return True


def _cases() -> Iterator[ParameterSet]:
    seen: dict[type[KernelOp], int] = {}
    for number, (op, types) in enumerate(examples()):
        marks = () if _quick(seen, op) else pytest.mark.slow
        # Every example on one of the two, products on both.
        parts = PARTS if isinstance(op, PRODUCTS) else (PARTS[number % 2],)
        for part in parts:
            yield pytest.param(part, op, types, marks=marks, id=f"{part}-{op.name}-{number}")


@pytest.mark.isa("avr5")
@pytest.mark.isa("avr6")
@pytest.mark.parametrize(("part", "op", "types"), list(_cases()))
def test_every_example_of_every_op_is_exact(
    part: str, op: KernelOp, types: tuple[TensorType, ...]
) -> None:
    arrays = random_inputs(np.random.default_rng(0), op, types, 2)
    try:
        run = run_on_avr(part, op, types, arrays)
    except CapacityError as error:
        pytest.skip(f"{part} is too small: {error}")
    for got, wanted in zip(run.outputs, op.reference(*arrays), strict=True):
        assert_identical(got, wanted, f"{part} {op} {[str(one) for one in types]}")


@pytest.mark.isa("avr5")
@pytest.mark.isa("avr6")
@pytest.mark.parametrize("part", PARTS)
def test_what_avr_gets_of_the_runtime_compiles_without_warnings(part: str) -> None:
    """int and size_t of 16 bits, addresses of images that are numbers: only here slips show."""
    runtime, isa = asset_dir("runtime_c"), load_isa(part)
    stems = {path.name.removesuffix("_portable.c") for path in runtime.glob("src/*_portable.c")}
    stems |= {"container", "crc32", "rom", "add_lanes"}
    found = [find_source(runtime, stem, isa.kernel_suffixes) for stem in sorted(stems)]
    sources = [str(runtime / path) for path in found if path is not None]
    assert len(sources) == len(stems) > 40
    # The standard headers of runtime_c/freestanding, because avr-libc need not be there.
    include = [f"-I{runtime}/include", "-isystem", f"{runtime}/freestanding"]
    command = [*probe(isa).command, f"-mmcu={part}", "-std=c99", "-Os", "-ffreestanding"]
    done = subprocess.run(
        [*command, *WARNINGS, *include, "-fsyntax-only", *sources], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[:3000]


@pytest.mark.isa("avr5")
@pytest.mark.parametrize("layout", ["sliced", "sliced_ct"])
@pytest.mark.parametrize("out", ["b1", "i32"])
def test_lists_of_every_length_around_the_batches_of_8_and_32(layout: str, out: str) -> None:
    """And thresholds at both ends of what 32 bits hold."""
    rng = np.random.default_rng(0)
    k, n, limits = 131, 40, np.iinfo(np.int32)
    ones = [0, 1, 7, 8, 9, 31, 32, 33, 39, 40, 63, 64, 65, 66, 67, 99, 130, 131]
    types = (TensorType("b1", (k,)), TensorType("b1", (n, k)), *step_types(out, 1, n, "i32"))
    arrays = [np.stack([signs(rng, (k,), count) for count in ones]), signs(rng, (n, k), 20 * k)]
    if out == "b1":
        t = rng.integers(-20, 20, (1, 1, n)).astype(np.int32)
        t[0, 0, :4] = [limits.min, limits.max, -k, k + 1]
        arrays += [t, signs(rng, (1, n), 20)]
    op = XnorDense(out=out, layout=layout)
    run = run_on_avr("avr5", op, types, arrays)
    assert_identical(run.outputs[0], op.reference(*arrays)[0], f"{op}")


@pytest.mark.isa("avr5")
@pytest.mark.isa("avr6")
@pytest.mark.parametrize("part", PARTS)
def test_a_constant_time_layer_takes_the_same_cycles_for_any_input(part: str) -> None:
    rng = np.random.default_rng(0)
    types = (TensorType("b1", (67,)), TensorType("b1", (40, 67)), *step_types("b1", 1, 40))
    cycles = {"sliced": set(), "sliced_ct": set()}  # type: dict[str, set[int]]
    for layout, found in cycles.items():
        for ones in (0, 20, 67):
            arrays = [
                signs(rng, (1, 67), ones), signs(rng, (40, 67), 1300),
                rng.integers(-20, 20, (1, 1, 40)).astype(np.int16), signs(rng, (1, 40), 20),
            ]  # fmt: skip
            found.add(run_on_avr(part, XnorDense(out="b1", layout=layout), types, arrays).cycles)
    assert len(cycles["sliced_ct"]) == 1 < len(cycles["sliced"])


@pytest.mark.isa("avr5")
@pytest.mark.parametrize("shared", [1, 3])
def test_blocks_that_share_lists_give_the_same_sums(shared: int) -> None:
    op = IntDense(out="b1", layout="sliced", shared=shared)
    types = (TensorType("i8", (50,)), TensorType("b1", (140, 50)), *step_types("b1", 1, 140))
    arrays = random_inputs(np.random.default_rng(0), op, types, 2)
    assert op.scratch_bytes(*types) < replace(op, shared=8).scratch_bytes(*types)
    run = run_on_avr("avr5", op, types, arrays)
    assert_identical(run.outputs[0], op.reference(*arrays)[0], f"{op}")


@pytest.mark.isa("avr5")
@pytest.mark.isa("avr6")
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("layout", ["rows", "sliced"])
def test_constants_in_sram_are_read_there(part: str, layout: str) -> None:
    """Decoded weights of a protected memory, or an image that arrived over the air."""
    rng = np.random.default_rng(0)
    types = (TensorType("b1", (75,)), TensorType("b1", (40, 75)), *step_types("b1", 1, 40))
    op = XnorDense(out="b1", layout=layout)
    arrays = random_inputs(rng, op, types, 3)
    run = run_on_avr(part, op, types, arrays, place="HYST_IN_SRAM")
    assert_identical(run.outputs[0], op.reference(*arrays)[0], f"{part} {op}")
