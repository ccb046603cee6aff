"""The bit-sliced kernels at the corners of their algebra: densities, thresholds, borders."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from boot_harness import BootedKernels
from kernel_harness import Kernels, assert_identical, build, run_example
from mcu_harness import signs

from hysteron.ir.types import TensorType
from hysteron.ops.kernel._base import KernelOp
from hysteron.ops.kernel._steps import step_types
from hysteron.ops.kernel.xnor_conv import XnorConv
from hysteron.ops.kernel.xnor_dense import XnorDense
from hysteron.targets import load_isa

LAYOUTS = ("sliced", "sliced_ct")
I32 = np.iinfo(np.int32)
BOOTED = ("cortex-m55", "rv32imc_zbb")


#: This machine, and the cores whose kernels are not the portable ones.
PLACES = (
    "host",
    *(pytest.param(isa, marks=pytest.mark.isa(f"{isa}:gcc")) for isa in BOOTED),
)


@pytest.fixture(scope="module", params=PLACES)
def kernels(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Kernels | BootedKernels:
    if request.param == "host":
        return Kernels(build("portable32", tmp_path_factory.mktemp("sliced")))
    return BootedKernels(load_isa(request.param), [XnorDense, XnorConv], "gcc")


def same(
    kernels: Kernels | BootedKernels,
    op: KernelOp,
    types: tuple[TensorType, ...],
    arrays: list[np.ndarray[Any, Any]],
) -> None:
    for with_sums in (False, True):
        if isinstance(kernels, BootedKernels):
            got = kernels.run_example(op, types, arrays, with_sums=with_sums)
        else:
            got = run_example(kernels, op, types, arrays, with_sums=with_sums)
        for mine, theirs in zip(got, op.reference(*arrays), strict=True):
            assert_identical(mine, theirs, f"{op} {[str(t) for t in types]} sums={with_sums}")


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("out", ["b1", "i32"])
@pytest.mark.parametrize("k", [1, 63, 64, 257, 1024])
def test_no_ones_all_ones_and_half_of_them_one_more_or_less(
    kernels: Kernels | BootedKernels, layout: str, out: str, k: int
) -> None:
    """Zeros are listed as soon as more than half of the bits are set."""
    rng = np.random.default_rng(0)
    counts = sorted(
        {0, 1, k // 2 - 1, k // 2, k // 2 + 1, (k + 1) // 2, k - 1, k} & set(range(k + 1))
    )
    types = (TensorType("b1", (k,)), TensorType("b1", (40, k)), *step_types(out, 1, 40))
    x = np.stack([signs(rng, (k,), ones) for ones in counts])
    arrays = [x, signs(rng, (40, k), 20 * k)]
    if out == "b1":
        spread = int(np.sqrt(k)) + 1
        arrays += [
            rng.integers(-spread, spread, (1, 1, 40)).astype(np.int16), signs(rng, (1, 40), 20)
        ]  # fmt: skip
    same(kernels, XnorDense(out=out, layout=layout), types, arrays)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("depth", [1, 3, 32])
@pytest.mark.parametrize("pad_value", [-1, 0, 1])
def test_convolution_of_any_density_with_odd_numbers_of_taps_outside(
    kernels: Kernels | BootedKernels, layout: str, depth: int, pad_value: int
) -> None:
    rng = np.random.default_rng(1)
    size = 6 * 5 * depth
    counts = (0, 1, size // 2 - 1, size // 2, size // 2 + 1, size - 1, size)
    x = np.stack([signs(rng, (6, 5, depth), ones) for ones in counts])
    shapes = (TensorType("b1", (6, 5, depth)), TensorType("b1", (33, 3, 3, depth)))
    types = (*shapes, *step_types("b1", 1, 33))
    t = rng.integers(-2 * depth, 2 * depth + 1, (1, 1, 33)).astype(np.int16)
    arrays = [x, signs(rng, (33, 3, 3, depth), 150 * depth), t, signs(rng, (1, 33), 11)]
    for tile in (1, 2, 5):
        op = XnorConv(
            pad_top=1, pad_left=1, pad_bottom=2, pad_right=1, pad_value=pad_value,
            out="b1", layout=layout, tile=tile,
        )  # fmt: skip
        same(kernels, op, types, arrays)


def test_a_crowded_end_of_a_row_may_be_listed_although_zeros_are_many_elsewhere(
    kernels: Kernels | BootedKernels,
) -> None:
    """The choice between ones and zeros is one per tile: single windows may be full."""
    rng = np.random.default_rng(2)
    x = np.full((1, 5, 12, 32), -1, dtype=np.int8)
    x[:, :, 7:] = 1
    types = (TensorType("b1", x.shape[1:]), TensorType("b1", (32, 3, 3, 32)))
    arrays = [x, signs(rng, types[1].shape, types[1].size // 2)]
    for tile in (1, 3, 12):
        same(kernels, XnorConv(layout="sliced", tile=tile), types, arrays)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("x", [-1, 1])
def test_every_threshold_even_a_corrupted_one_means_what_the_reference_says(
    kernels: Kernels | BootedKernels, layout: str, x: int
) -> None:
    k = 65
    edges = [I32.min, I32.min + 1, -k - 2, -k - 1, -k, -k + 1, -1, 0, 1, k - 1, k, k + 1, k + 2,
             2 * k, 2 * k + 1, I32.max - k, I32.max - 1, I32.max]  # fmt: skip
    t = np.array(edges, dtype=np.int32)[None, None]
    n = t.shape[-1]
    rng = np.random.default_rng(3)
    for w in (np.ones((n, k), np.int8), -np.ones((n, k), np.int8), signs(rng, (n, k), n * k // 2)):
        types = (TensorType("b1", (k,)), TensorType("b1", (n, k)), *step_types("b1", 1, n, "i32"))
        arrays = [np.full((1, k), x, np.int8), w, t, signs(rng, (1, n), n // 2)]
        same(kernels, XnorDense(out="b1", layout=layout), types, arrays)
