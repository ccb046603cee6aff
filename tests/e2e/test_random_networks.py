"""Random whole networks: exact against the interpreter, the C and the witness, or refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from net_maker import Maker, assert_exact, checked, compiled_net

from hysteron.errors import UnsupportedError

Choose = Callable[..., Any]

#: No more than this share of generated networks may be refused.
SHARE = 0.1
INPUTS = ("uint8", "int8", "int16", "float32")
SIGNS = ("sign", "where", "larq", "step", "bipolar")


def _weights(net: Maker, pick: Choose, *shape: int, axis: int) -> Any:
    """Return ±1, ±a per tensor or channel, {0,1} or ternary weights."""
    rng = net.rng
    kind = pick("plain", "plain", "scaled", "per channel", "zero one", "ternary")
    if kind == "zero one":
        return rng.integers(0, 2, shape).astype(np.float32)
    if kind == "ternary":
        return rng.integers(-1, 2, shape).astype(np.float32)
    value = net.signs(*shape)
    if kind == "scaled":
        return value * np.float32(0.375)
    if kind == "per channel":
        size = [1] * len(shape)
        size[axis] = shape[axis]
        return value * np.exp(rng.normal(size=size)).astype(np.float32)
    return value


def _norm(net: Maker, pick: Choose) -> None:
    size, rng = net.shape[0], net.rng
    gamma = rng.normal(size=size)
    special = pick(None, None, 0.0, 1e-20, -1e-6)
    if special is not None:
        gamma[: size // 3] = special
    net.batch_norm(gamma)


def _activation(net: Maker, pick: Choose) -> str:
    """Normalize, maybe bend, and binarize; return the kind of sign."""
    bend = pick(None, None, "prelu", "clip")
    if bend == "prelu":
        slopes = net.rng.normal(size=(net.shape[0], *[1] * (len(net.shape) - 1)))
        net.op("PRelu", net.const(slopes.astype(np.float32)))
    _norm(net, pick)
    if bend == "clip":
        net.op("Clip", net.const(np.float32(-1)), net.const(np.float32(1)))
    kind: str = pick(*SIGNS)
    net.sign(kind)
    return kind


def _conv(net: Maker, pick: Choose) -> None:
    axes = len(net.shape) - 1
    channels = net.shape[0]
    size = pick(1, 2, 3)
    dilation = pick(1, 1, 2) if size == 2 else 1
    group = pick(1, 1, 2) if channels % 2 == 0 else 1
    outputs = pick(4, 18, 34)
    pads = [pick(0, 1) for _ in range(2 * axes)]
    if pick(False, False, True):
        net.pad(pick(1.0, -1.0, 0.0))
        pads = [0] * (2 * axes)
    net.conv(
        outputs, [size] * axes,
        _weights(net, pick, outputs, channels // group, *[size] * axes, axis=0),
        pads, [pick(1, 1, 2) for _ in range(axes)], [dilation] * axes, group,
    )  # fmt: skip


def _residual(net: Maker) -> None:
    """Add the input of a convolution that keeps the shape to its output."""
    axes, before = len(net.shape) - 1, net.at
    net.conv(net.shape[0], [3] * axes, pads=[1] * (2 * axes)).join("Add", before)
    net.batch_norm().sign()


def _concat(net: Maker, kind: str) -> None:
    axes, before, channels = len(net.shape) - 1, net.at, net.shape[0]
    net.conv(channels, [1] * axes).batch_norm().sign(kind).join("Concat", before, axis=1)
    net.shape[0] = 2 * channels


def _block(net: Maker, pick: Choose) -> None:
    _conv(net, pick)
    axes = len(net.shape) - 1
    pool = pick(None, "before", "after") if min(net.shape[1:]) >= 4 else None
    if pool == "before":
        net.pool([2] * axes, [2] * axes)
    kind = _activation(net, pick)
    if pool == "after":
        net.pool([2] * axes, [2] * axes)
    extra = pick(None, None, None, "residual", "concat", "average")
    if extra == "residual":
        _residual(net)
    elif extra == "concat":
        _concat(net, pick(kind, *SIGNS))
    elif extra == "average" and min(net.shape[1:]) >= 4:
        net.pool([2] * axes, [2] * axes, "AveragePool").batch_norm().sign(pick(*SIGNS))


def _network(pick: Choose, seed: int) -> Maker:
    kind = pick("dense", "1-D", "2-D", "2-D")
    shape = {"dense": (pick(9, 40),), "1-D": (pick(1, 3), 19), "2-D": (pick(1, 3), 9, 8)}[kind]
    net = Maker(shape, np.random.default_rng(seed))
    for _ in range(pick(1, 2)):
        if kind == "dense":
            outputs = pick(16, 33, 70)
            net.dense(outputs, _weights(net, pick, net.shape[0], outputs, axis=1))
            _activation(net, pick)
        else:
            _block(net, pick)
    flat = int(np.prod(net.shape))
    net.dense(6, _weights(net, pick, flat, 6, axis=1))
    if pick(False, True):
        net.batch_norm()
    return net


def drawn_network(seed: int) -> tuple[onnx.ModelProto, str]:
    """Return the network and the input type of a seed, for tests of other targets."""
    draw = np.random.default_rng(seed)

    def pick(*options: Any) -> Any:
        return options[draw.integers(len(options))]

    return _network(pick, seed).model(), pick(*INPUTS)


def _explore(examples: int) -> tuple[Counter[str], list[str]]:
    """Check this many networks; return counts of outcomes and all reasons of refusal."""
    seen: Counter[str] = Counter()
    reasons: list[str] = []

    # Shrinking would compile hundreds of networks; the choices are printed instead.
    @settings(
        max_examples=examples, suppress_health_check=list(HealthCheck), phases=[Phase.generate]
    )
    @given(st.data(), st.integers(0, 2**32 - 1))
    def explore(data: st.DataObject, seed: int) -> None:
        def pick(*options: Any) -> Any:
            return data.draw(st.sampled_from(options))

        model = _network(pick, seed).model()
        try:
            compiled = compiled_net(model, pick(*INPUTS))
        except UnsupportedError as error:
            assert error.message()
            seen["refused"] += 1
            reasons.append(error.message())
            return
        assert_exact(checked(compiled, 6, seed % 1000))
        seen["exact"] += 1

    explore()
    return seen, reasons


def _assert_few_refused(seen: Counter[str], reasons: list[str]) -> None:
    total = seen.total()
    print(f"{seen['exact']} exact, {seen['refused']} refused of {total}")
    for reason in reasons:
        print(reason)
    assert seen["refused"] <= SHARE * total, reasons


def test_random_networks_are_exact() -> None:
    _assert_few_refused(*_explore(25))


@pytest.mark.slow
def test_many_random_networks_are_exact() -> None:
    _assert_few_refused(*_explore(100))


def test_sum_with_a_padded_convolution_of_zero_one_activations_is_exact_or_refused() -> None:
    """{0,1} bits need an offset per border position, which one stored sum cannot have."""
    net = Maker((2, 8, 8), np.random.default_rng(0))
    net.conv(16, [3, 3], pads=[1] * 4).batch_norm().sign("step")
    _residual(net)
    _assert_exact_or_refused(net, "per-channel scales")


def test_concat_of_zero_one_and_plus_minus_one_is_exact_or_refused() -> None:
    """The parts have two scales and two offsets; one dense layer reads one of each."""
    net = Maker((2, 8, 8), np.random.default_rng(0))
    net.conv(16, [3, 3]).batch_norm().sign("step")
    _concat(net, "where")
    _assert_exact_or_refused(net, "scale differs between its channels")


def _assert_exact_or_refused(net: Maker, reason: str) -> None:
    try:
        compiled = compiled_net(net.dense(6).model())
    except UnsupportedError as error:
        assert reason in error.message()
        return
    assert_exact(checked(compiled, 6))
