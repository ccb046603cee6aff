from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from hysteron.errors import InputError
from hysteron.exact import sign
from hysteron.interpreter.imported import run_imported
from hysteron.interpreter.tiers import assign_tiers
from hysteron.ir.graph import InputSpec

U8 = InputSpec("u8")


def check(graph: Any, data: Any, truth: Any) -> Any:
    """Every kept tensor equals the brute-force value (exactly where it says so)."""
    tiers = assign_tiers(graph)
    assert set(tiers.values()) == {"integer"}
    run = run_imported(graph, tiers, {"v0": data}, keep="all")
    expected = truth(graph, data)
    for name, real in run.values.items():
        assert real.raw.shape == expected[name].shape
        bound = np.broadcast_to(real.bound64(), real.raw.shape)
        for index in np.ndindex(*real.raw.shape):
            true = expected[name][index]
            if real.exact:
                assert real.fraction(index) == true, (name, index)
            else:
                gap = true - Fraction(float(real.val[index]))
                assert abs(float(gap)) <= bound[index], (name, index)
    logits = expected[run.logits].reshape(data.shape[0], -1)
    for sample, found in enumerate(run.classes):
        row = logits[sample]
        best = 0
        for k in range(1, len(row)):
            best = k if sign(row[k] - row[best]) > 0 else best
        assert found == best
    return run


def norm(net: Any, x: str, rng: Any, wild: bool = False) -> str:
    count = net.types[x].shape[1]
    gamma = rng.normal(size=count)
    if wild:
        gamma[: min(3, count)] = [0.0, -1.0, 3e30][: min(3, count)]
    beta = rng.normal(size=count) * (rng.random(count) < 0.6)
    mean = np.rint(rng.normal(size=count) * 3)
    return str(net.batch_norm(x, gamma, beta, mean, rng.random(count) * 30 + 0.1))


@pytest.mark.parametrize("seed", range(6))
def test_random_mlp_with_batch_norm_equals_brute_force(
    seed: int, make_net: Any, truth: Any
) -> None:
    rng = np.random.default_rng(seed)
    scale = (Fraction(1), Fraction(1, 255), Fraction(3, 7))[seed % 3]
    net = make_net((9,), InputSpec("u8", scale, Fraction(seed % 2)))
    x = net.add("sub", "v0", np.float32(100.0 * float(scale)))
    for layer in range(2):
        width = net.types[x].shape[1]
        weights = rng.choice([-1.0, 0.0, 1.0] if seed % 2 else [-1.0, 1.0], size=(width, 6))
        if seed in (3, 4):
            weights = weights * np.float32(rng.random(6) + 0.1)
        x = net.add("matmul", x, weights)
        if seed in (2, 5):
            x = net.add("prelu", x, np.array([-0.4, 0.0, 0.25, 1.5, 1.0, -1.0], dtype=np.float32))
        x = norm(net, x, rng, wild=seed % 2 == 0)
        x = net.add(("sign", "bipolar")[layer % 2], x)
    x = net.add("matmul", x, rng.choice([-1.0, 1.0], size=(6, 4)))
    x = norm(net, x, rng)
    check(net.graph(x), rng.integers(0, 256, size=(12, 9)).astype(np.uint8), truth)


@pytest.mark.parametrize("seed", range(4))
def test_random_conv_chain_equals_brute_force(seed: int, make_net: Any, truth: Any) -> None:
    rng = np.random.default_rng(100 + seed)
    net = make_net((2, 7, 6), InputSpec("u8"))
    group = 1 + seed % 2
    x = net.add(
        "conv",
        "v0",
        rng.choice([-1.0, 1.0], size=(4, 2 // group, 3, 2)),
        strides=(1, 2),
        pads=(1, 0, 0, 2),
        dilations=(1 + seed // 2, 1),
        group=group,
    )
    x = net.add("max_pool", x, kernel=(2, 2), strides=(1, 1), pads=(0, 0, 0, 0), dilations=(1, 1))
    x = norm(net, x, rng, wild=True)
    x = net.add("sign", x)
    x = net.add(
        "conv",
        x,
        rng.choice([-1.0, 1.0], size=(4, 1, 2, 2)),
        strides=(1, 1),
        pads=(0, 1, 1, 0),
        dilations=(1, 1),
        group=4,
    )
    x = net.add("prelu", x, np.array([[[-0.5]], [[0.3]], [[0.0]], [[2.0]]], dtype=np.float32))
    x = norm(net, x, rng)
    x = net.add("reduce_mean", x, axes=(2, 3), keepdims=False)
    check(net.graph(x), rng.integers(0, 256, size=(3, 2, 7, 6)).astype(np.uint8), truth)


@pytest.mark.parametrize("seed", range(3))
def test_pool_after_batch_norm_equals_brute_force(seed: int, make_net: Any, truth: Any) -> None:
    # Means on integers and beta = 0: the largest of a window is often exactly 0.
    rng = np.random.default_rng(200 + seed)
    net = make_net((2, 6, 6), InputSpec("i8"))
    window = {"strides": (1, 1), "pads": (0, 0, 0, 0), "dilations": (1, 1)}
    x = net.add("conv", "v0", rng.choice([-1.0, 1.0], size=(4, 2, 1, 1)), group=1, **window)
    x = net.batch_norm(x, rng.normal(size=4), 0.0, [0.0, 1.0, -1.0, 2.0], rng.random(4) + 0.5)
    x = net.add("max_pool", x, kernel=(2, 2), **window)
    x = net.add("reshape", net.add("sign", x), shape=(1, 100))
    x = net.add("matmul", x, rng.choice([-1.0, 1.0], size=(100, 3)))
    data = rng.integers(-2, 3, size=(4, 2, 6, 6)).astype(np.int8)
    run = check(net.graph(x), data, truth)
    assert 0.0 in run.values["v4"].val


def test_every_comparison_kind_and_where_agree_with_brute_force(make_net: Any, truth: Any) -> None:
    net = make_net((8,), U8)
    parts = []
    for kind in ("lt", "le", "gt", "ge", "eq", "ne"):
        hit = net.add("compare", "v0", np.float32(7.0), kind=kind)
        parts.append(net.add("where", hit, np.float32(-1.0), np.float32(1.0)))
    x = net.add("concat", *parts, axis=1)
    rng = np.random.default_rng(5)
    x = net.add("matmul", x, rng.choice([-1.0, 1.0], size=(48, 3)))
    check(net.graph(x), rng.integers(0, 15, size=(20, 8)).astype(np.uint8), truth)


@pytest.mark.parametrize("gamma", [1.0, -1.0, 0.3])
def test_threshold_on_an_integer_gives_zero_for_sign_and_plus_one_for_bipolar(
    gamma: float, make_net: Any
) -> None:
    net = make_net((4,), InputSpec("i8"))
    total = net.add("matmul", "v0", np.ones((4, 1)))
    x = net.batch_norm(total, gamma, 0.0, 6.0, 2.7)
    signs, bits = net.add("sign", x), net.add("bipolar", x)
    out = net.add("add", signs, bits)
    graph = net.graph(out)
    data = np.array([[1, 2, 3, 0], [1, 2, 3, 1], [0, 2, 3, 0]], dtype=np.int8)
    run = run_imported(graph, assign_tiers(graph), {"v0": data}, keep="all")
    g = int(np.sign(gamma))
    assert run.values[signs].val.ravel().tolist() == [0, g, -g]
    assert run.values[bits].val.ravel().tolist() == [1, g, -g]


def test_two_roots_that_cancel_exactly_are_zero(make_net: Any) -> None:
    # 3*sqrt(2) and sqrt(18) are equal; no float evaluation need find that.
    net = make_net((2,), InputSpec("i8"))
    x = net.add("matmul", "v0", np.array([[1.0, 1.0], [1.0, 1.0]]))
    root2 = net.add("batch_norm", x, [6.0, 2.0], [0.0, 0.0], [0.0, 0.0], [2.0, 2.0], epsilon=0.0)
    both = net.add("mul", root2, np.array([1.0, -3.0], dtype=np.float32))
    x = net.add("reduce_sum", both, axes=(1,), keepdims=True)
    graph = net.graph(net.add("sign", x))
    run = run_imported(
        graph,
        {**assign_tiers(graph), "v2": "integer", "v3": "integer", "v4": "integer"},
        {"v0": np.array([[5, 2]], dtype=np.int8)},
    )
    assert run.values["v5"].val.tolist() == [[0.0]]


@pytest.mark.parametrize("k", [2304, 4608])
def test_tiny_negative_beta_at_large_k_gives_minus_one_where_lce_gives_plus_one(
    k: int, make_net: Any
) -> None:
    # Larq Compute Engine adds the bias to K in float32 and loses it (probe 1).
    net = make_net((k,), InputSpec("i8"))
    x = net.add("matmul", net.add("bipolar", "v0"), np.ones((k, 2)))
    x = net.batch_norm(x, 1.0, [-1e-4, 1e-4], 0.0, 1.0)
    graph = net.graph(net.add("bipolar", x))
    data = np.ones((1, k), dtype=np.int8)
    data[0, : k // 2] = -1
    run = run_imported(graph, assign_tiers(graph), {"v0": data})
    assert run.values[graph.outputs[0]].val.tolist() == [[-1.0, 1.0]]


def test_cancelled_scaled_weights_count_as_zero_cancellation(make_net: Any) -> None:
    net = make_net((4,), InputSpec("i8"))
    x = net.add("bipolar", "v0")
    scaled = net.add("sign", net.add("matmul", x, np.full((4, 1), np.float32(0.3))))
    plain = net.add("sign", net.add("matmul", x, np.full((4, 1), np.float32(0.5))))
    graph = net.graph(net.add("concat", scaled, plain, axis=1))
    data = np.array([[1, 1, -1, -1], [1, 1, 1, -1]], dtype=np.int8)
    run = run_imported(graph, assign_tiers(graph), {"v0": data}, keep="all")
    assert run.values[scaled].val.ravel().tolist() == [0, 1]
    # 0.5 is a power of two: float32 finds that zero too, so only 0.3 counts.
    assert run.zero_cancellations.tolist() == [1, 0]


def test_equal_logits_give_the_lowest_class(make_net: Any) -> None:
    net = make_net((3,), U8)
    x = net.add("matmul", "v0", np.array([[1.0, 1, -1]] * 3))
    x = net.batch_norm(x, [-1.0, 1.0, 1.0], 0.0, [0.0, 0.0, 0.0], 3.0)
    graph = net.graph(x)
    data = np.array([[0, 0, 0], [1, 2, 3]], dtype=np.uint8)
    run = run_imported(graph, assign_tiers(graph), {"v0": data})
    assert run.classes.tolist() == [0, 1]


def test_chunks_join_to_the_same_answer(make_net: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    net = make_net((16,), U8)
    x = norm(net, net.add("matmul", "v0", rng.choice([-1.0, 1.0], size=(16, 8))), rng)
    x = net.add("matmul", net.add("sign", x), rng.choice([-1.0, 1.0], size=(8, 3)))
    graph = net.graph(norm(net, x, rng))
    data = rng.integers(0, 256, size=(50, 16)).astype(np.uint8)
    whole = run_imported(graph, assign_tiers(graph), {"v0": data}, decisions=True)
    monkeypatch.setattr("hysteron.interpreter.imported.CHUNK_ELEMENTS", 400)
    parts = run_imported(graph, assign_tiers(graph), {"v0": data}, decisions=True)
    assert np.array_equal(whole.classes, parts.classes)
    for name, real in whole.values.items():
        assert np.array_equal(real.val, parts.values[name].val)
        assert (real.n, real.exact) == (parts.values[name].n, parts.values[name].exact)


def test_override_replaces_a_layer_and_continues_from_it(make_net: Any) -> None:
    net = make_net((3,), InputSpec("i8"))
    bits = net.add("sign", "v0")
    graph = net.graph(net.add("matmul", bits, np.array([[1.0, -1.0]] * 3)))
    forced = np.array([[1.0, 1.0, -1.0]])
    run = run_imported(
        graph,
        assign_tiers(graph),
        {"v0": np.array([[-1, -1, -1]], dtype=np.int8)},
        overrides={bits: forced},
        decisions=True,
    )
    assert run.values[graph.outputs[0]].val.tolist() == [[1.0, -1.0]]
    assert run.decisions[bits].signs.tolist() == [[-1, -1, -1]]


def test_real_tier_adds_in_ascending_order_and_counts_near_ties(make_net: Any) -> None:
    net = make_net((3,))
    x = net.add("matmul", "v0", np.array([[0.25], [1.0], [0.75]]))
    graph = net.graph(net.add("sign", x))
    tiers = assign_tiers(graph)
    assert tiers == {"v0": "real", "v1": "real", "v2": "integer"}
    big = np.float32(2.0**26)
    data = np.array([[4.0, big, -big / np.float32(0.75)], [1, 1, 1]], dtype=np.float32)
    run = run_imported(graph, tiers, {"v0": data}, keep="all")
    acc = np.float32(1.0) + big
    acc = np.float32(acc + np.float32(-big / np.float32(0.75)) * np.float32(0.75))
    assert run.values["v1"].raw[0, 0] == acc
    assert run.near_ties.tolist() == [1, 0]


def test_float_input_that_is_only_compared_stays_exact(make_net: Any) -> None:
    net = make_net((2,))
    x = net.add("sub", net.add("mul", "v0", np.float32(3.0)), np.float32(1.0))
    graph = net.graph(net.add("matmul", net.add("sign", x), np.ones((2, 1))))
    tiers = assign_tiers(graph)
    assert set(tiers.values()) == {"integer"}
    third = np.float32(1) / np.float32(3)
    run = run_imported(graph, tiers, {"v0": np.array([[third, 0.0]], dtype=np.float32)}, keep="all")
    # float32(1/3) * 3 rounds to 1, but the float lies above one third.
    assert run.values["v3"].val.tolist() == [[1.0, -1.0]]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (np.full((1, 2), np.nan, dtype=np.float32), "NaN in the input"),
        (np.zeros((1, 3), dtype=np.float32), "another shape"),
    ],
)
def test_wrong_input_data_is_refused(data: Any, text: str, make_net: Any) -> None:
    net = make_net((2,))
    graph = net.graph(net.add("sign", "v0"))
    with pytest.raises(InputError, match=text):
        run_imported(graph, assign_tiers(graph), {"v0": data})


def test_integer_input_beyond_its_type_is_refused(make_net: Any) -> None:
    net = make_net((1,), InputSpec("i8"))
    graph = net.graph(net.add("sign", "v0"))
    with pytest.raises(InputError, match="values beyond i8"):
        run_imported(graph, assign_tiers(graph), {"v0": np.array([[200]])})
