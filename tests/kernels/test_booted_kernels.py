"""Kernels of cores that only boot equal the reference: every example, and sizes around vectors.

One start of the emulator runs all examples of an op, so a core costs seconds.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from boot_harness import BootedKernels, Job
from kernel_harness import assert_identical, kernel_ops, packed_size, random_inputs

from hysteron.ir.types import TensorType
from hysteron.ops.kernel._base import KernelOp
from hysteron.ops.kernel._steps import step_types
from hysteron.ops.kernel.xnor_conv import XnorConv
from hysteron.ops.kernel.xnor_dense import XnorDense
from hysteron.targets import load_isa

#: Cores with kernels of their own, with both compilers: each has another vector code.
PLACES = [
    pytest.param(isa, family, marks=pytest.mark.isa(f"{isa}:{family}"), id=f"{isa}-{family}")
    for isa in ("cortex-m55", "rv32imc_zbb")
    for family in ("gcc", "zig")
]
#: What the server's arena holds, guard zones included.
ROOM = 900_000


@cache
def kernels(isa: str, family: str) -> BootedKernels:
    """Link the ops that have variants, and those that use the same primitives, once."""
    ops = [op for name, op in kernel_ops().items() if "xnor_sliced" in op.SOURCES]
    return BootedKernels(load_isa(isa), ops, family)


def check(places: BootedKernels, jobs: list[Job]) -> None:
    """Compare every job's outputs with the reference."""
    for job, run in zip(jobs, places.run_all(jobs), strict=True):
        wanted = job.op.reference(*job.arrays)
        for mine, theirs in zip(run.outputs, wanted, strict=True):
            text = f"{job.op} {[str(t) for t in job.types]} sums={job.with_sums}"
            assert_identical(mine, theirs[0], text)


def fits(types: tuple[TensorType, ...]) -> bool:
    """Say whether a job fits into the arena: most is weights, in blocks of 32 rows."""
    rows = -(-types[1].shape[0] // 32) * 32
    weights = packed_size(TensorType(types[1].dtype, (rows, *types[1].shape[1:])))
    return weights + 8 * types[0].size < ROOM


@pytest.mark.parametrize(("isa", "family"), PLACES)
@pytest.mark.parametrize(
    "name", sorted(n for n, op in kernel_ops().items() if "xnor_sliced" in op.SOURCES)
)
def test_every_example_equals_the_reference(isa: str, family: str, name: str) -> None:
    rng = np.random.default_rng(0)
    jobs = []
    for op, types in kernel_ops()[name].examples():
        arrays = random_inputs(rng, op, types, batch=1)
        for with_sums in {False, bool(op.sums_bytes(*types))}:
            jobs += [Job(op, types, arrays, with_sums)] if fits(types) else []
    assert len(jobs) > 20
    check(kernels(isa, family), jobs)


def dense(rng: np.random.Generator, k: int, n: int, layout: str) -> Job:
    """Return a product of random density: from no ones to all."""
    op: KernelOp = XnorDense(out="b1", layout=layout)
    types = (TensorType("b1", (k,)), TensorType("b1", (n, k)), *step_types("b1", 1, n))
    arrays = random_inputs(rng, op, types, batch=1)
    arrays[0] = np.where(rng.random((1, k)) < rng.choice([0, 0.2, 0.5, 0.9, 1]), 1, -1)
    arrays[0] = arrays[0].astype(np.int8)
    return Job(op, types, arrays, dirty=n % 2 == 1)


@pytest.mark.parametrize(("isa", "family"), PLACES)
@pytest.mark.parametrize("layout", ["rows", "sliced", "sliced_ct"])
def test_any_number_of_outputs_and_inputs(isa: str, family: str, layout: str) -> None:
    """Lists end in every place of a vector, a batch and a chunk; groups of blocks too.

    Padding bits of every other product are ones: nothing may read them.
    """
    rng = np.random.default_rng(1)
    jobs = [dense(rng, int(rng.integers(1, 300)), n, layout) for n in range(1, 201)]
    jobs += [dense(rng, k, 33, layout) for k in range(1, 200)]
    jobs += [dense(rng, k, 40, layout) for k in (1023, 1024, 1025, 1100, 2047, 4099, 16384)]
    check(kernels(isa, family), jobs)


@pytest.mark.parametrize(("isa", "family"), PLACES)
@pytest.mark.parametrize("layout", ["rows", "sliced", "sliced_ct"])
def test_any_convolution(isa: str, family: str, layout: str) -> None:
    """Random maps, kernels, strides, pads, groups, tiles and steps."""
    rng = np.random.default_rng(2)
    jobs: list[Job] = []
    for _ in range(60):
        groups = int(rng.choice([1, 1, 2]))
        depth, outputs = int(rng.integers(1, 40)), int(rng.integers(1, 80))
        kernel, stride = rng.integers(1, 4, 2), rng.integers(1, 3, 2)
        pads = {
            f"pad_{side}": int(rng.integers(0, 2)) for side in ("top", "left", "bottom", "right")
        }
        out, flips = [("b1", 1), ("i32", 1), ("t2", 2), ("b1x2", 1)][int(rng.integers(4))]
        op = XnorConv(
            **pads, stride_h=int(stride[0]), stride_w=int(stride[1]), groups=groups, out=out,
            flips=flips, pad_value=int(rng.integers(-1, 2)), layout=layout,
            tile=1 if layout == "rows" else int(rng.integers(1, 9)),
        )  # fmt: skip
        x = (int(rng.integers(3, 9)), int(rng.integers(3, 9)), groups * depth)
        w = (groups * outputs, int(kernel[0]), int(kernel[1]), depth)
        types = (TensorType("b1", x), TensorType("b1", w), *step_types(out, flips, w[0]))
        arrays = random_inputs(rng, op, types, batch=1)
        jobs.append(Job(op, types, arrays, dirty=len(jobs) % 2 == 1))
    check(kernels(isa, family), jobs)
