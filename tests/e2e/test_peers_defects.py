"""Wrong answers that other binarized engines give, and bugs planted in ours: all are seen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
from net_maker import Maker, assert_exact, checked, compiled_net, damaged

from hysteron.codegen.emit import emit_project
from hysteron.driver.compile import CompiledModel, kernel_inputs
from hysteron.driver.devices import open_device
from hysteron.driver.samples import random_samples
from hysteron.errors import UnsupportedError
from hysteron.interpreter.imported import run_imported
from hysteron.ir.graph import Node


def _maker(*shape: int, seed: int = 0) -> Maker:
    return Maker(shape, np.random.default_rng(seed))


@pytest.mark.parametrize("beta", [-1e-4, -1e-5, 1e-5])
def test_dense_threshold_at_k_2304_is_not_rounded(beta: float) -> None:
    """K sums of ±1 hit zero often: a float32 threshold K + beta loses beta (LCE)."""
    net = _maker(64).dense(2304).sign().dense(512)
    net.batch_norm(1, beta, 0, 1).sign().dense(10)
    compiled = compiled_net(net.model(), "int8")
    assert_exact(checked(compiled, 24))
    graph = compiled.model.graph
    run = run_imported(graph, compiled.tiers, random_samples(graph, 24, 1), keep="all")
    sums = [v.val for v in run.values.values() if v.val.shape == (24, 512)]
    assert any(0 < (s == 0).mean() < 0.1 for s in sums), "no sum sits on the boundary"


@pytest.mark.parametrize("channels", [256, 288])
def test_conv_threshold_at_k_2304_is_not_rounded(channels: int) -> None:
    net = _maker(3, 6, 6).conv(channels, (3, 3), pads=[1] * 4).batch_norm().sign()
    net.conv(64, (3, 3)).batch_norm(1, -1e-4, 0, 1).sign().dense(10)
    assert_exact(checked(compiled_net(net.model()), 12))


def test_boundary_sums_get_the_sign_of_beta() -> None:
    """Half the weights agree, so every sum is 0 and beta alone decides."""
    first = np.eye(4, 2304, dtype=np.float32) * 0 + 1
    second = np.ones((2304, 6), np.float32)
    second[1152:] = -1
    net = _maker(4).dense(2304, first).sign().dense(6, second)
    net.batch_norm(1, [-1e-4, 1e-4] * 3, 0, 1).sign()
    net.dense(3, np.array([[1, -1, 1], [-1, 1, 1]] * 3, np.float32))
    compiled = compiled_net(net.model(), "int8")
    result = checked(compiled, 16)
    assert_exact(result)
    scores = _scores(compiled, 16)
    assert (scores == scores[0]).all() and scores[0].argmax() == 1


def _scores(compiled: CompiledModel, count: int, seed: int = 1) -> np.ndarray[Any, Any]:
    samples = kernel_inputs(compiled.program, random_samples(compiled.model.graph, count, seed))
    with open_device(compiled) as device:
        return np.asarray(device.run(samples)["scores"])


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_layers_after_the_first_keep_their_weights(depth: int) -> None:
    """hls4ml wrote every later weight as one, so all neurons of a layer were equal."""
    net = _maker(40)
    for _ in range(depth):
        net.dense(64).batch_norm().sign()
    compiled = compiled_net(net.dense(10).model())
    assert_exact(checked(compiled))
    weights = [
        v for k, v in compiled.program.final.consts.items() if v.ndim == 2 and v.shape[0] > 1
    ]
    assert len(weights) == depth + 1
    assert all(0.3 < (w > 0).mean() < 0.7 for w in weights)
    assert len(np.unique(_scores(compiled, 8)[0])) > 1


def test_second_inference_equals_the_first() -> None:
    """eBNN ORs into an output it never cleared."""
    net = _maker(3, 9, 9).conv(40, (3, 3), pads=[1] * 4).batch_norm().sign()
    net.pool((2, 2), (2, 2)).conv(33, (3, 3)).batch_norm().sign().dense(10)
    compiled = compiled_net(net.model())
    samples = kernel_inputs(compiled.program, random_samples(compiled.model.graph, 9, 3))
    with open_device(compiled) as device:
        first, second = device.trace(samples), device.trace(samples)
        backwards = device.trace({k: v[::-1] for k, v in samples.items()})
    for name, value in first.items():
        assert np.array_equal(value, second[name]), name
        assert np.array_equal(value, np.asarray(backwards[name])[::-1]), name


@pytest.mark.parametrize("channels", [32, 33, 64, 65, 128])
def test_more_than_one_word_of_channels_is_right(channels: int) -> None:
    """CBin-NN was right at 32 channels and wrong at 64 and 128."""
    net = _maker(3, 7, 7).conv(channels, (3, 3), pads=[1] * 4).batch_norm().sign()
    net.conv(channels, (3, 3), pads=[1] * 4).batch_norm().sign().conv(8, (3, 3))
    net.batch_norm().sign().dense(5)
    assert_exact(checked(compiled_net(net.model()), 8))


@pytest.mark.parametrize("gamma", [0.0, -1.0, 1e-30, -1e-30])
@pytest.mark.parametrize("beta", [0.5, -0.5])
def test_degenerate_thresholds_are_exact(gamma: float, beta: float) -> None:
    """OpenVINO gives NaN or wrong values where a threshold is constant."""
    net = _maker(30).dense(40).batch_norm([gamma, 1.0] * 20, beta).sign().dense(24)
    net.batch_norm([gamma, -1.0] * 12, beta).sign().dense(7)
    assert_exact(checked(compiled_net(net.model())))


def test_scaled_weights_without_bias_and_even_k_report_cancellation() -> None:
    """0.3 * (1 - 1 + ...) is zero exactly, and anything in float32 (DESIGN 2)."""
    rng = np.random.default_rng(0)
    weights = (np.float32(0.3) * rng.choice(np.array([-1, 1], np.float32), (32, 32))).astype("f4")
    net = Maker((16,), rng).dense(32).sign().dense(32, weights).sign("sign").dense(6)
    try:
        result = checked(compiled_net(net.model()), 32)
    except UnsupportedError as error:
        assert "(Sign)" in error.message()
        return
    assert result.zero_cancellations > 0
    assert_exact(result)


def test_ties_go_to_the_lowest_class() -> None:
    weights = np.repeat(_maker(1).signs(20, 1), 6, axis=1)
    compiled = compiled_net(_maker(12).dense(20).sign().dense(6, weights).model())
    assert_exact(checked(compiled))
    samples = kernel_inputs(compiled.program, random_samples(compiled.model.graph, 8, 1))
    with open_device(compiled) as device:
        assert (np.asarray(device.run(samples)["class"]) == 0).all()


NAMES = ("x*/int y;", "a\nb", 'say "hi"', "??/", "nul\0in", "while", "restrict", "/*", "\\")


@pytest.mark.parametrize("name", NAMES)
def test_names_of_the_model_reach_no_c_file(name: str) -> None:
    mark = f"zqxinject{name}"
    model = Maker((12,), np.random.default_rng(0), mark).dense(20).sign().dense(4).model(mark)
    try:
        compiled = compiled_net(model)
    except UnsupportedError:
        pytest.fail("a name is no reason to refuse")
    for path, data in emit_project(compiled.program).items():
        if path.endswith((".c", ".h", "Makefile", ".txt")):
            assert b"zqxinject" not in data, path
    assert_exact(checked(compiled, 4))


def _digits() -> tuple[CompiledModel, onnx.ModelProto]:
    net = _maker(3, 8, 8, seed=5).conv(40, (3, 3), pads=[1] * 4).batch_norm().sign()
    net.conv(24, (3, 3), pads=[1] * 4).batch_norm().sign().dense(10)
    model = net.model()
    return compiled_net(model), model


def _node(compiled: CompiledModel, name: str) -> Node:
    return next(n for n in compiled.program.final.nodes if n.op.name == name)


def _assert_seen(compiled: CompiledModel) -> None:
    result = checked(compiled, 24)
    assert not result.passes_exact and not result.passed and result.problems
    assert result.bit_exact, "the C follows the damaged graph, so it must equal it"


@pytest.mark.parametrize("step", [-1, 1])
def test_threshold_off_by_one_is_seen(step: int) -> None:
    compiled, _ = _digits()
    name = _node(compiled, "xnor_conv").inputs[2]
    value = compiled.program.final.consts[name]
    _assert_seen(damaged(compiled, {name: (value + step).astype(value.dtype)}))


@pytest.mark.parametrize("kind", ["int_conv", "xnor_conv"])
def test_swapped_channels_are_seen(kind: str) -> None:
    compiled, _ = _digits()
    name = _node(compiled, kind).inputs[1]
    value = compiled.program.final.consts[name].copy()
    value[[0, 1]] = value[[1, 0]]
    _assert_seen(damaged(compiled, {name: value}))


def test_wrong_pad_value_is_seen() -> None:
    compiled, _ = _digits()
    old = _node(compiled, "xnor_conv")
    op: Any = old.op
    assert op.pad_value == 0
    _assert_seen(damaged(compiled, node=(old, replace(old, op=replace(op, pad_value=1)))))


def test_flipped_last_bit_of_the_tail_in_the_image_is_seen() -> None:
    """The C alone reads the wrong image, so bit_exact is false."""
    compiled, _ = _digits()
    assert_exact(checked(compiled, 8))
    name = _node(compiled, "xnor_conv").inputs[1]
    value = compiled.program.final.consts[name].copy()
    value[0, 0, 0, -1] *= -1
    images = damaged(compiled, {name: value}).program.images
    wrong = replace(compiled, program=replace(compiled.program, images=images))
    result = checked(wrong, 24)
    assert not result.bit_exact and not result.passed
    assert any("C differs from the interpreter" in p for p in result.problems)


def test_other_weights_in_the_witness_are_unexplained() -> None:
    compiled, model = _digits()
    assert checked(compiled, 16).unexplained == 0
    other = onnx.ModelProto()
    other.CopyFrom(model)
    for stored in other.graph.initializer:
        value = onnx.numpy_helper.to_array(stored)
        if value.ndim == 4 and value.shape[0] == 24:
            turned = value.copy()
            turned[[0, 1]] = turned[[1, 0]]
            stored.CopyFrom(onnx.numpy_helper.from_array(turned, stored.name))
    result = checked(compiled, 16, witness_model=other.SerializeToString())
    assert result.bit_exact and result.passes_exact
    assert result.unexplained > 0 and not result.passed
