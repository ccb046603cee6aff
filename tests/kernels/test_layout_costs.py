"""The layout that the pass chooses is, executed, the faster one or close to it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from boot_harness import BootedKernels, kernels_on
from kernel_harness import random_inputs
from mcu_harness import McuKernels, cases

from hysteron.ir.types import TensorType
from hysteron.ops.kernel._base import KernelOp
from hysteron.ops.kernel._steps import step_types
from hysteron.ops.kernel.int_conv import IntConv
from hysteron.ops.kernel.int_dense import IntDense
from hysteron.ops.kernel.xnor_conv import XnorConv
from hysteron.ops.kernel.xnor_dense import XnorDense
from hysteron.passes.layout_costs import Product, instructions, weight_bytes
from hysteron.targets import load_isa

pytest.importorskip("unicorn")

OPS: list[type[KernelOp]] = [XnorDense, XnorConv, IntDense, IntConv]
KINDS = (("b1", "b1"), ("b1", "t2"), ("t2", "b1"), ("t2", "t2"), ("u8", "b1"), ("i8", "t2"))
SIZES = ((9, 16), (27, 64), (100, 10), (144, 32), (256, 24), (500, 40), (784, 64))


#: Core -> how far expectations may be from counts, as its coefficients' comment says.
WITHIN = {"cortex-m4": 0.2, "rv32imc_zbb": 0.25, "cortex-m55": 0.35}
CORES = [
    pytest.param(name, marks=pytest.mark.isa(f"{name}:gcc"))
    for name in ("cortex-m0", "cortex-m4", "rv32imc_zbb", "cortex-m55")
]
FITTED = CORES[1:]


@cache
def kernels(isa: str) -> McuKernels | BootedKernels:
    """Link all products once for a core."""
    return kernels_on(load_isa(isa), OPS, "gcc")


def better(isa: str, product: Product) -> str:
    """Return the layout that is expected to be faster."""
    costs = load_isa(isa).layout_costs
    return min(("rows", "sliced"), key=lambda layout: instructions(product, layout, costs))


def counts(isa: str, op: type[KernelOp], types: tuple[TensorType, ...]) -> dict[str, int]:
    """Return executed instructions by layout."""
    found = {}
    for layout in ("rows", "sliced"):
        one = op(out="b1", layout=layout)  # type: ignore[call-arg]
        arrays = random_inputs(np.random.default_rng(0), one, types, 1)
        run = kernels(isa).run(one, types, arrays)
        assert (run.outputs[0] == one.reference(*arrays)[0][0]).all()
        found[layout] = run.instructions
    return found


@pytest.mark.slow
@pytest.mark.parametrize("isa", CORES)
@pytest.mark.parametrize(("x", "w"), KINDS)
def test_the_layout_expected_to_be_faster_is_at_most_a_tenth_slower(
    isa: str, x: str, w: str
) -> None:
    op = XnorDense if x in ("b1", "t2") else IntDense
    for k, n in SIZES:
        types = (TensorType(x, (k,)), TensorType(w, (n, k)), *step_types("b1", 1, n))
        counted = counts(isa, op, types)
        assert counted[better(isa, Product(x, w, k, n))] <= 1.1 * min(counted.values()), (
            f"{k} x {n}: {counted}"
        )


@pytest.mark.slow
@pytest.mark.parametrize("isa", FITTED)
@pytest.mark.parametrize(("x", "w"), KINDS)
def test_expected_instructions_are_the_counted_ones_within_what_is_said(
    isa: str, x: str, w: str
) -> None:
    costs = load_isa(isa).layout_costs
    op = XnorDense if x in ("b1", "t2") else IntDense
    for k, n in SIZES:
        types = (TensorType(x, (k,)), TensorType(w, (n, k)), *step_types("b1", 1, n))
        for layout, counted in counts(isa, op, types).items():
            expected = instructions(Product(x, w, k, n), layout, costs)
            ratio = expected / counted
            assert abs(ratio - 1) <= WITHIN[isa], f"{k} x {n} {layout}: {expected:.0f} {counted}"


@pytest.mark.slow
@pytest.mark.isa("cortex-m4:gcc")
@pytest.mark.parametrize(
    ("x", "channels", "filters"), [("b1", 16, 32), ("b1", 64, 12), ("u8", 1, 16)]
)
def test_a_convolution_is_chosen_as_the_product_of_one_pixel(
    x: str, channels: int, filters: int
) -> None:
    op = XnorConv if x == "b1" else IntConv
    shapes = (TensorType(x, (8, 8, channels)), TensorType("b1", (filters, 3, 3, channels)))
    counted = counts("cortex-m4", op, (*shapes, *step_types("b1", 1, filters)))
    product = Product(x, "b1", 9 * channels, filters)
    assert counted[better("cortex-m4", product)] <= 1.1 * min(counted.values()), counted


@pytest.mark.slow
@pytest.mark.parametrize("isa", CORES)
@pytest.mark.parametrize("wanted", ["sliced", "sliced_ct"])
def test_the_pass_takes_the_faster_layout_of_the_two_measured_layers(isa: str, wanted: str) -> None:
    """With cpop rows win where every word must be read, the list where half of them may be."""
    for case in cases(wanted, load_isa(isa).layout_costs):
        counted = {}
        for layout in ("rows", wanted):
            op = replace(case.op, layout=layout)
            counted[layout] = kernels(isa).run(op, case.types, case.arrays(0.5)).instructions
        taken = case.op.layout
        assert counted[taken] == min(counted.values()), f"{case.name}: {taken} of {counted}"


def test_weight_bytes_are_those_of_the_encodings() -> None:
    assert weight_bytes(Product("b1", "b1", 65, 33), "rows") == 33 * 16
    assert weight_bytes(Product("b1", "t2", 65, 33), "sliced") == 2 * 2 * 65 * 4
    assert weight_bytes(Product("u8", "b1", 9, 4, groups=3), "sliced") == 3 * 9 * 4
