"""Every kernel, in every C variant, equals its numpy reference on every example."""

from __future__ import annotations

import numpy as np
import pytest
from kernel_harness import (
    VARIANTS,
    Kernels,
    assert_identical,
    build,
    kernel_ops,
    random_inputs,
    run_example,
)


@pytest.fixture(scope="module", params=sorted(VARIANTS))
def kernels(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Kernels:
    return Kernels(build(request.param, tmp_path_factory.mktemp(request.param)))


@pytest.mark.parametrize("name", sorted(kernel_ops()))
def test_kernel_equals_reference(kernels: Kernels, name: str) -> None:
    rng = np.random.default_rng(0)
    for op, types in kernel_ops()[name].examples():
        arrays = random_inputs(rng, op, types, batch=2)
        wanted = op.reference(*arrays)
        for with_sums in {False, bool(op.sums_bytes(*types))}:
            got = run_example(kernels, op, types, arrays, with_sums=with_sums)
            assert len(got) == len(wanted) == len(op.infer(*types))
            for mine, theirs in zip(got, wanted, strict=True):
                assert_identical(mine, theirs, f"{op} {[str(t) for t in types]}")


@pytest.mark.parametrize("name", sorted(kernel_ops()))
def test_struct_fields_equal_params(kernels: Kernels, name: str) -> None:
    op, types = next(kernel_ops()[name].examples())
    struct = kernels.ffi.typeof(f"hyst_{name}_params")
    fields = [(field, info.type.cname) for field, info in struct.fields]
    assert fields == [(field, "int32_t") for field, _ in op.params(*types)]
