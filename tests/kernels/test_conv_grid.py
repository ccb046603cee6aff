"""The convolution over the grid of Larq compute engine's tests, and worst-case values."""

from __future__ import annotations

import itertools
import os

import numpy as np
import pytest
from kernel_harness import (
    VARIANTS,
    Kernels,
    assert_identical,
    build,
    random_inputs,
    run_example,
)

from hysteron.errors import ShapeError
from hysteron.ir.types import TensorType
from hysteron.ops.kernel._base import KernelOp
from hysteron.ops.kernel._steps import step_types
from hysteron.ops.kernel.int_dense import IntDense
from hysteron.ops.kernel.xnor_conv import XnorConv
from hysteron.ops.kernel.xnor_dense import XnorDense

CHANNELS = (1, 32, 64, 130)
FILTERS = (1, 4, 64)
KERNELS = ((1, 1), (3, 3), (2, 3))
GROUPS = (1, 2)
STRIDES = ((1, 1), (2, 3))
DILATIONS = ((1, 1), (3, 2))
PADDINGS = ("valid", "same_zero", "same_one", "same_minus")
OUTS = (("i32", 1), ("b1", 1), ("b1", 2), ("t2", 1))
Case = tuple[XnorConv, tuple[TensorType, ...]]
LAYOUTS = ("rows", "sliced")
TILES = (1, 3, 5, 8, 16, 40, 64)
#: Every n-th case runs always; all of them with the slow tests.
SHARE = int(os.environ.get("HYSTERON_GRID_SHARE", "12"))


def grid() -> list[Case]:
    """Return every (op, types) of the grid that is a valid convolution."""
    cases: list[Case] = []
    for case in itertools.product(
        CHANNELS, FILTERS, KERNELS, GROUPS, STRIDES, DILATIONS, PADDINGS, OUTS, LAYOUTS
    ):
        channels, filters, (kh, kw), groups, stride, dilation, padding, (out, flips), layout = case
        if channels % groups or filters % groups:
            continue
        span = (dilation[0] * (kh - 1), dilation[1] * (kw - 1))
        pads = (0, 0) if padding == "valid" else span
        op = XnorConv(
            stride_h=stride[0],
            stride_w=stride[1],
            pad_top=pads[0] // 2,
            pad_left=pads[1] // 2,
            pad_bottom=pads[0] - pads[0] // 2,
            pad_right=pads[1] - pads[1] // 2,
            pad_value={"same_one": 1, "same_minus": -1}.get(padding, 0),
            dilation_h=dilation[0],
            dilation_w=dilation[1],
            groups=groups,
            out=out,
            flips=flips,
            layout=layout,
            tile=TILES[len(cases) % len(TILES)],
        )
        types = (
            TensorType("b1", (7, 6, channels)),
            TensorType("b1", (filters, kh, kw, channels // groups)),
            *step_types(out, flips, filters),
        )
        cases.append((op, types))
    return cases


def run_share(kernels: Kernels, cases: list[Case]) -> None:
    rng = np.random.default_rng(2)
    for op, types in cases:
        arrays = random_inputs(rng, op, types, batch=1)
        got = run_example(kernels, op, types, arrays, with_sums=op.layout == "sliced")
        for mine, theirs in zip(got, op.reference(*arrays), strict=True):
            assert_identical(mine, theirs, f"{op} {[str(t) for t in types]}")


@pytest.fixture(scope="module", params=sorted(VARIANTS))
def kernels(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Kernels:
    return Kernels(build(request.param, tmp_path_factory.mktemp(request.param)))


def test_share_of_conv_grid_equals_reference(kernels: Kernels) -> None:
    run_share(kernels, grid()[::SHARE])


@pytest.mark.slow
def test_whole_conv_grid_equals_reference(
    kernels: Kernels, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = grid()
    assert len(cases) >= 3000
    run_share(kernels, cases)
    with capsys.disabled():
        print(f" {len(cases)} convolutions on one library ", end="")


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("sign", [-1, 1])
def test_largest_accumulators_do_not_overflow_partial_sums(
    kernels: Kernels, layout: str, sign: int
) -> None:
    """Equal signs everywhere: every byte and 16-bit partial sum reaches its bound."""
    k = 16384
    weights = np.full((5, k), sign, dtype=np.int8)
    binary = (TensorType("b1", (k,)), TensorType("b1", (5, k)))
    (got,) = run_example(
        kernels, XnorDense(layout=layout), binary, [np.ones((1, k), np.int8), weights]
    )
    assert (got == sign * k).all()
    for dtype, value in (("u8", 255), ("i8", -128), ("i8", 127), ("i16", -32768), ("i16", 32767)):
        types = (TensorType(dtype, (k,)), binary[1])
        x = np.full((1, k), value, dtype={"u8": np.uint8, "i8": np.int8, "i16": np.int16}[dtype])
        (got,) = run_example(kernels, IntDense(layout=layout), types, [x, weights])
        assert (got == sign * k * value).all(), dtype


@pytest.mark.parametrize("layout", LAYOUTS)
def test_ternary_code_11_reads_as_zero(kernels: Kernels, layout: str) -> None:
    """Random bytes in both planes: what a corrupted image means."""
    rng = np.random.default_rng(3)
    n, k = 32, 192  # no padding bits, so the bytes decode without masks
    planes = rng.integers(0, 2, (2, n, k))
    x = (2 * rng.integers(0, 2, k) - 1).astype(np.int8)
    types = (TensorType("b1", (k,)), TensorType("t2", (n, k)))
    if layout == "rows":
        packed = np.packbits(planes.astype(np.uint8), axis=2, bitorder="little").tobytes()
    else:
        lanes = planes.astype(np.uint8).swapaxes(1, 2)
        packed = np.packbits(lanes, axis=2, bitorder="little").tobytes()
    bits = np.packbits((x > 0).astype(np.uint8), bitorder="little").tobytes()
    for with_sums in (False, True):
        (got,) = kernels.call(
            XnorDense(layout=layout), types, [bits], [packed], with_sums=with_sums
        )
        np.testing.assert_array_equal(got, (planes[0] - planes[1]) @ x)


@pytest.mark.parametrize(
    ("op", "types", "message"),
    [
        (XnorDense(), (TensorType("u8", (4,)), TensorType("b1", (2, 4))), "got u8"),
        (XnorDense(), (TensorType("b1", (4,)), TensorType("b1", (2, 5))), "w .N, K."),
        (XnorDense(out="b1"), (TensorType("b1", (4,)), TensorType("b1", (2, 4))), "t and inv"),
        (IntDense(), (TensorType("i16", (65536,)), TensorType("b1", (1, 65536))), "bound"),
        (
            XnorConv(groups=2),
            (TensorType("b1", (4, 4, 3)), TensorType("b1", (2, 3, 3, 3))),
            "groups=2",
        ),
        (
            XnorConv(),
            (TensorType("b1", (2, 2, 3)), TensorType("b1", (2, 3, 3, 3))),
            "no window fits",
        ),
    ],
)
def test_mismatched_types_are_refused(
    op: KernelOp, types: tuple[TensorType, ...], message: str
) -> None:
    with pytest.raises(ShapeError, match=message):
        op.infer(*types)
