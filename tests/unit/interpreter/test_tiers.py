from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from hysteron.interpreter.domains import Lattice, boundary, lattice_of
from hysteron.interpreter.tiers import analyse, assign_tiers, logits_tensor, sign_layers
from hysteron.ir.graph import InputSpec
from hysteron.ops.source._real import Grid, Real

RNG = np.random.default_rng(8)
PM = RNG.choice([-1.0, 1.0], size=(6, 4))
SCALES = np.array([0.3, 0.7, 1.1, 2.0], dtype=np.float32)


def real_tensors(graph: Any) -> list[str]:
    return [name for name, tier in assign_tiers(graph).items() if tier == "real"]


def i8(make_net: Any, shape: tuple[int, ...] = (6,)) -> Any:
    return make_net(shape, InputSpec("i8"))


@pytest.mark.parametrize(
    ("weights", "tier"),
    [
        (PM, "integer"),
        (PM * SCALES, "integer"),
        (np.where(RNG.random((6, 4)) < 0.5, 0.0, PM), "integer"),
        ((PM + 1) / 2, "integer"),
        (RNG.normal(size=(6, 4)).astype(np.float32), "real"),
        (PM * np.array([[1.0]] * 5 + [[1.0000001]], dtype=np.float32), "real"),
    ],
    ids=["sign", "scaled", "ternary", "zero-one", "float", "one-ulp-off"],
)
def test_few_level_weights_on_integers_stay_integer(weights: Any, tier: str, make_net: Any) -> None:
    net = i8(make_net)
    x = net.add("matmul", "v0", weights)
    assert assign_tiers(net.graph())[x] == tier


def test_second_layer_on_unequal_channel_scales_is_real(make_net: Any) -> None:
    net = i8(make_net)
    x = net.add("matmul", "v0", PM * SCALES)
    y = net.add("matmul", x, np.ones((4, 2)))
    assert real_tensors(net.graph()) == [y]


def test_batch_norm_between_sums_and_sign_is_integer(make_net: Any) -> None:
    net = i8(make_net)
    x = net.batch_norm(net.add("matmul", "v0", PM), RNG.normal(size=4), 0.3, 1.7, 2.0)
    x = net.add("clip", net.add("prelu", x, np.array([-0.2], dtype=np.float32)), lo=-3.0, hi=3.0)
    net.add("matmul", net.add("sign", x), np.ones((4, 2)))
    assert real_tensors(net.graph()) == []


def test_batch_norm_read_by_a_sum_becomes_real_but_its_lattice_does_not(make_net: Any) -> None:
    net = i8(make_net)
    a = net.add("matmul", "v0", PM)
    n = net.batch_norm(a, 0.7, 0.3, 1.7, 2.0)
    s = net.add("sign", n)
    total = net.add("add", n, net.add("matmul", s, np.ones((4, 4))))
    out = net.add("sign", total)
    assert real_tensors(net.graph(out)) == [n, total]


@pytest.mark.parametrize(
    ("ratio", "tier"), [(3.0, "integer"), (0.75, "integer"), (0.1, "real"), (2.0**-16, "real")]
)
def test_residual_sum_is_integer_for_small_scale_ratios(
    ratio: float, tier: str, make_net: Any
) -> None:
    net = i8(make_net)
    a, b = net.add("matmul", "v0", PM), net.add("matmul", "v0", -PM)
    total = net.add("add", a, net.add("mul", b, np.float32(ratio)))
    net.add("sign", total)
    assert assign_tiers(net.graph())[total] == tier


def test_float_input_read_by_a_product_is_real(make_net: Any) -> None:
    net = make_net((6,))
    x = net.add("matmul", "v0", PM)
    assert real_tensors(net.graph(net.add("sign", x))) == ["v0", x]


def test_float_input_read_by_a_sign_and_by_a_product_is_real_for_both(make_net: Any) -> None:
    net = make_net((6,))
    s = net.add("sign", "v0")
    x = net.add("add", net.add("matmul", s, PM), net.add("matmul", "v0", PM))
    assert assign_tiers(net.graph(x))["v0"] == "real"
    assert assign_tiers(net.graph(x))[s] == "integer"


def test_padding_with_a_value_off_the_lattice_is_real(make_net: Any) -> None:
    fields = {"strides": (1, 1), "pads": (1, 1, 1, 1), "dilations": (1, 1), "group": 1}
    weights = np.ones((1, 1, 3, 3))
    net = i8(make_net, (1, 4, 4))
    shifted = net.add("add", "v0", np.float32(0.5))
    x = net.add("conv", shifted, weights, **fields)
    y = net.add("conv", "v0", weights, **fields)
    tiers = assign_tiers(net.graph(net.add("add", x, y)))
    assert (tiers[x], tiers[y]) == ("real", "integer")


def test_mean_of_batch_norm_is_a_head_only_before_the_output(make_net: Any) -> None:
    def build(last: Callable[[Any, str], str]) -> list[str]:
        net = i8(make_net, (2, 4, 4))
        x = net.batch_norm("v0", [0.3, 0.7], 0.1, 0.2, 1.3)
        mean = net.add("reduce_mean", x, axes=(2, 3), keepdims=False)
        return real_tensors(net.graph(last(net, mean)))

    assert (
        build(lambda net, x: str(net.add("mul", x, np.array([2.0, 3.0], dtype=np.float32)))) == []
    )
    assert build(lambda net, x: str(net.add("sign", x))) == ["v1", "v2"]


def test_rectifier_spelled_with_where_is_a_function_of_its_lattice(make_net: Any) -> None:
    net = i8(make_net)
    x = net.add("matmul", "v0", PM)
    c = net.add("compare", x, np.float32(0.0), kind="ge")
    y = net.add("where", c, x, net.add("mul", x, np.float32(-0.3)))
    net.add("sign", net.add("sub", y, np.float32(1.3)))
    assert real_tensors(net.graph()) == []


def test_final_softmax_asks_nothing_unless_probabilities_are_wanted(make_net: Any) -> None:
    net = i8(make_net)
    x = net.batch_norm(net.add("matmul", "v0", PM), RNG.normal(size=4), 0.3, 1.7, 2.0)
    out = net.add("softmax", x, axis=1)
    graph = net.graph(out)
    assert logits_tensor(graph) == x
    assert real_tensors(graph) == [out]
    kept = assign_tiers(graph, probabilities=True)
    assert [name for name, tier in kept.items() if tier == "real"] == [x, out]


def test_bipolar_without_a_name_is_seen_through_its_scale(make_net: Any) -> None:
    net = i8(make_net)
    bits = net.add("bipolar", "v0")
    scaled = net.add("mul", bits, np.float32(0.7))
    graph = net.graph(net.add("matmul", scaled, PM))
    assert sign_layers(graph) == {bits: bits}
    labels = {k: v for k, v in graph.labels.items() if k != bits}
    assert sign_layers(replace(graph, labels=labels)) == {scaled: bits}


@pytest.mark.parametrize(
    ("values", "scale", "offset", "ends"),
    [
        ([0], 1, 0, (0, 0)),
        ([-3], 3, 0, (-1, -1)),
        ([-1, 1], 1, 0, (-1, 1)),
        ([0, 3], 3, 0, (0, 1)),
        ([-2, 0, 2], 2, 0, (-1, 1)),
        ([Fraction(1, 10), Fraction(7, 10)], Fraction(6, 10), Fraction(1, 10), (0, 1)),
    ],
)
def test_finite_values_lie_on_the_coarsest_lattice(
    values: Any, scale: Any, offset: Any, ends: Any
) -> None:
    found = lattice_of({Fraction(v) for v in values}, "r")
    assert found is not None
    assert (found.scale, found.offset, (found.lo, found.hi)) == (scale, offset, ends)


def test_lattice_enters_binary32_correctly_rounded() -> None:
    lattice = Lattice(Fraction(1, 255), Fraction(0), 0, 255, "r")
    step = boundary(lattice)
    assert step is not None and step.den == 255
    q = np.arange(256.0)
    x = Real(q[None], Fraction(1, 255), None, 1, True, Grid(0, 255.0))
    expected = np.arange(256, dtype=np.float32) / np.float32(255)
    assert np.array_equal(step.convert(x).raw[0], expected)


def test_lattice_with_channel_scales_enters_binary32_by_one_product() -> None:
    scale = np.array([[Fraction(0.3), Fraction(1, 3)]], dtype=object)
    step = boundary(Lattice(scale, Fraction(0), -9, 9, "r"))
    assert step is not None and step.den == 0
    x = Real(np.array([[7 * 0.3, -5.0 / 3.0]]), Fraction(1), None, 1, True)
    third = np.float32(1.0 / 3.0)
    assert step.convert(x).raw.tolist() == [
        [np.float32(7) * np.float32(0.3), np.float32(-5) * third]
    ]


def test_roots_tie_functions_of_one_lattice_together(make_net: Any) -> None:
    net = i8(make_net)
    x = net.add("matmul", "v0", PM)
    a = net.batch_norm(x, 0.7, 0.3, 1.7, 2.0)
    b = net.batch_norm(x, -0.2, 0.3, 1.7, 2.0)
    total = net.add("add", a, b)
    graph = net.graph(net.add("sign", total))
    assert real_tensors(graph) == []
    assert type(analyse(graph)[total]).__name__ == "Pwa"
