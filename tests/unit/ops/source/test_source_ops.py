from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from hysteron.errors import ShapeError
from hysteron.exact import Surd
from hysteron.ir.types import TensorType
from hysteron.ops import registry
from hysteron.ops.source._real import Grid, Real, add, constant, grid_of, mul
from hysteron.ops.source._rounding import to_binary32
from hysteron.ops.source._window import Window
from hysteron.ops.source.batch_norm import BatchNorm, rounded_scale

OPS = registry("source")


def types(*shapes: tuple[int, ...]) -> list[TensorType]:
    return [TensorType("f32", shape) for shape in shapes]


def make(name: str, **fields: Any) -> Any:
    return OPS[name](**fields)


CONV = {"strides": (2, 1), "pads": (1, 0, 0, 2), "dilations": (1, 2), "group": 2}
POOL = {"kernel": (2, 2), "strides": (2, 2), "pads": (0, 0, 1, 1), "dilations": (1, 1)}

FLAT = {**POOL, "pads": (0, 0, 0, 0)}


@pytest.mark.parametrize(
    ("op", "shapes", "out"),
    [
        (make("matmul"), [(1, 3, 5), (5, 2)], (1, 3, 2)),
        (make("conv", **CONV), [(1, 4, 7, 9), (6, 2, 3, 3)], (1, 6, 3, 7)),
        (make("pad", pads=(0, 0, 2, 0, 0, 1), value=1.0), [(1, 2, 5)], (1, 2, 8)),
        (make("max_pool", **POOL), [(1, 3, 5, 5)], (1, 3, 3, 3)),
        (
            make("avg_pool", **{**POOL, "pads": (0,) * 4}, ceil_mode=True),
            [(1, 3, 5, 5)],
            (1, 3, 3, 3),
        ),
        (make("reduce_mean", axes=(-1, 2), keepdims=True), [(1, 3, 5, 5)], (1, 3, 1, 1)),
        (make("reduce_sum", axes=(2,), keepdims=False), [(1, 3, 5)], (1, 3)),
        (make("batch_norm", epsilon=1e-5), [(1, 3, 5)] + [(3,)] * 4, (1, 3, 5)),
        (make("add"), [(1, 3, 5), (3, 1)], (1, 3, 5)),
        (make("where"), [(1, 3), (), (1,)], (1, 3)),
        (make("prelu"), [(1, 3, 5), (3, 1)], (1, 3, 5)),
        (make("transpose", perm=(0, 2, 1)), [(1, 3, 5)], (1, 5, 3)),
        (make("reshape", shape=(1, 15)), [(1, 3, 5)], (1, 15)),
        (make("concat", axis=1), [(1, 3, 5), (1, 2, 5)], (1, 5, 5)),
        (make("argmax", axis=1), [(1, 9)], (1,)),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_shape_rule_gives_the_output_shape(op: Any, shapes: Any, out: Any) -> None:
    assert op.infer(*types(*shapes)) == (TensorType("f32", out),)


@pytest.mark.parametrize(
    ("op", "shapes", "text"),
    [
        (make("matmul"), [(1, 4), (5, 2)], "inner dimensions differ"),
        (make("conv", **CONV), [(1, 3, 7, 9), (6, 2, 3, 3)], "do not fit 2 groups"),
        (make("conv", **CONV), [(1, 4, 1, 1), (6, 2, 3, 3)], "larger than its padded input"),
        (make("pad", pads=(1, 0, 0, 0), value=0.0), [(1, 3)], "nor touch the batch axis"),
        (make("max_pool", **{**POOL, "strides": (0, 1)}), [(1, 3, 5, 5)], "at least 1"),
        (make("reduce_mean", axes=(0,), keepdims=True), [(1, 3)], "or the batch axis"),
        (make("batch_norm", epsilon=0.0), [(1, 3)] + [(2,)] * 4, "one value per channel"),
        (make("add"), [(1, 3), (1, 4)], "do not broadcast"),
        (make("prelu"), [(1, 3), (1, 2, 3)], "must broadcast to x"),
        (make("clip", lo=1.0, hi=0.0), [(1, 3)], "lo <= hi"),
        (make("compare", kind="near"), [(1, 3), (1, 3)], "one of lt, le"),
        (make("transpose", perm=(1, 0)), [(1, 3)], "batch axis must stay first"),
        (make("reshape", shape=(1, 4)), [(1, 3)], r"cannot become \(1, 4\)"),
        (make("concat", axis=1), [(1, 3, 5), (1, 2, 4)], "differ beside the axis"),
        (make("softmax", axis=1), [(1, 3, 5)], "wants one vector"),
        (make("argmax", axis=0), [(1, 3)], "axis 0 does not fit"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_shape_rule_refuses(op: Any, shapes: Any, text: str) -> None:
    with pytest.raises(ShapeError, match=text):
        op.infer(*types(*shapes))


@pytest.mark.parametrize("name", sorted(OPS))
def test_every_op_states_its_formula(name: str) -> None:
    assert OPS[name].__doc__
    assert OPS[name].name == name


def test_convolution_adds_in_binary32_taps_ascending_channels_innermost() -> None:
    rng = np.random.default_rng(0)
    op = make("conv", strides=(1, 1), pads=(1, 1, 0, 0), dilations=(1, 1), group=1)
    x = rng.normal(size=(2, 3, 4, 4)).astype(np.float32)
    w = rng.normal(size=(2, 3, 2, 2)).astype(np.float32)
    found = op.binary32(x, w)
    for b, o, i, j in np.ndindex(*found.shape):
        acc = np.float32(0)
        for r, s, c in np.ndindex(2, 2, 3):
            y, z = i + r - 1, j + s - 1
            if y >= 0 and z >= 0:
                acc = np.float32(acc + np.float32(x[b, c, y, z] * w[o, c, r, s]))
        assert found[b, o, i, j] == acc


def test_grouped_convolution_equals_one_convolution_per_group() -> None:
    rng = np.random.default_rng(1)
    fields = {"strides": (1,), "pads": (2, 1), "dilations": (2,)}
    x = rng.normal(size=(2, 4, 9)).astype(np.float32)
    w = rng.normal(size=(6, 2, 3)).astype(np.float32)
    whole = make("conv", **fields, group=2).binary32(x, w)
    one = make("conv", **fields, group=1)
    parts = [one.binary32(x[:, :2], w[:3]), one.binary32(x[:, 2:], w[3:])]
    assert np.array_equal(whole, np.concatenate(parts, axis=1))


def test_batch_norm_scale_is_rounded_once() -> None:
    rng = np.random.default_rng(2)
    gamma = np.concatenate([rng.normal(size=200), [0.0, -3e38, 1e-38]]).astype(np.float32)
    var = (rng.random(203) * 100 + 1e-3).astype(np.float32)
    found = rounded_scale(gamma, var, 1e-5)
    for g, v, f in zip(gamma, var, found, strict=True):
        total = Fraction(float(v)) + Fraction(1e-5)
        truth = Surd.sqrt(total) * (Fraction(float(g)) / total)
        if not np.isfinite(f):
            continue
        error = abs(float(truth - Fraction(float(f))))
        for other in (np.nextafter(f, np.float32(np.inf)), np.nextafter(f, np.float32(-np.inf))):
            if np.isfinite(other):
                assert error <= abs(float(truth - Fraction(float(other))))


def test_batch_norm_in_binary32_rounds_after_every_step() -> None:
    op = BatchNorm(epsilon=1e-5)
    values = np.array([1.1, 0.7, 0.3, 0.9, 2.3], dtype=np.float32)
    x, g, b, m, v = (value.reshape(1, 1) for value in values)
    inv = rounded_scale(g[0], v[0], 1e-5)
    expected = np.float32(np.float32(np.float32(x - m) * inv[0]) + b)
    assert op.binary32(x, g[0], b[0], m[0], v[0]) == expected


@pytest.mark.parametrize("value", [0, Fraction(1, 3), Fraction(2**24 + 1), Fraction(-1, 2**150)])
def test_rational_rounds_once_to_binary32(value: Any) -> None:
    found = to_binary32(value)
    low, high = (np.nextafter(found, np.float32(s)) for s in (-np.inf, np.inf))
    distance = abs(Fraction(float(found)) - value)
    assert all(distance <= abs(Fraction(float(other)) - value) for other in (low, high))
    # Both ties above have an even neighbour: 2^24 and 0.
    assert int(found.view(np.int32)) & 1 == 0 or value == Fraction(1, 3)


def test_double_rounding_through_binary64_is_avoided() -> None:
    # Just above the midpoint of 1 and its upper neighbour, closer than 2^-53.
    value = 1 + Fraction(1, 2**24) + Fraction(1, 2**80)
    assert np.float32(float(value)) == np.float32(1)
    assert to_binary32(value) == np.nextafter(np.float32(1), np.float32(2))


def test_grid_is_the_coarsest_that_holds_all_values() -> None:
    assert grid_of(np.array([0.75, -3.0, 0.0])) == Grid(-2, 3.0)
    assert grid_of(np.array([64.0, 96.0])) == Grid(5, 96.0)
    assert grid_of(np.zeros(3)) == Grid(0, 0.0)


@pytest.mark.parametrize("seed", range(5))
def test_sums_and_products_of_enclosures_contain_the_truth(seed: int) -> None:
    rng = np.random.default_rng(seed)
    unit = [Fraction(1), Fraction(1, 255), Fraction(0.3), Fraction(7, 3), Fraction(1, 4)][seed]
    x = Real(
        rng.integers(-99, 99, size=(1, 8)).astype(np.float64), unit, None, 1, True, Grid(0, 99)
    )
    c = constant(rng.normal(size=(8,)).astype(np.float32))
    cases: tuple[tuple[Real, Callable[[Fraction, Fraction], Fraction]], ...] = (
        (add(x, c), lambda a, b: a + b),
        (add(c, x, -1), lambda a, b: b - a),
        (mul(x, c), lambda a, b: a * b),
        (mul(add(x, c), c), lambda a, b: (a + b) * b),
    )
    for found, truth in cases:
        for k in range(8):
            true = truth(x.fraction((0, k)), c.fraction((k,)))
            if found.exact:
                assert found.fraction((0, k)) == true
            else:
                gap = abs(float(Fraction(float(found.val[0, k])) - true))
                assert gap <= found.bound64()[0, k]
            single = abs(float(Fraction(float(np.float32(float(true)))) - true))
            assert found.n == 0 or single <= np.broadcast_to(found.bound32(), (1, 8))[0, k]


def test_average_pool_counts_valid_cells_or_declared_padding_but_never_the_overhang() -> None:
    window = Window((3,), (2,), (1, 1), (1,))
    assert window.sizes((6,), ceil_mode=True) == (4,)
    assert window.counts((6,), (4,), include_pad=False).tolist() == [2, 3, 3, 1]
    assert window.counts((6,), (4,), include_pad=True).tolist() == [3, 3, 3, 2]
    assert window.counts((5,), (3,), include_pad=False).tolist() == [2, 3, 2]
    assert window.counts((5,), (3,), include_pad=True).tolist() == [3, 3, 3]
    wide = Window((3,), (3,), (0, 0), (1,))
    assert wide.sizes((4,), ceil_mode=True) == (2,)
    assert wide.counts((4,), (2,), include_pad=True).tolist() == [3, 1]


def test_infinite_limits_of_clip_change_nothing() -> None:
    x = np.array([[-5.0, 0.5, 7.0]], dtype=np.float32)
    assert make("clip", lo=-math.inf, hi=1.0).binary32(x).tolist() == [[-5.0, 0.5, 1.0]]
