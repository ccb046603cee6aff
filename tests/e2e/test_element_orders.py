"""Reshapes and transposes that split, join and exchange axes between binary layers."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from net_maker import Maker, assert_exact, checked, compiled_net

from hysteron.errors import UnsupportedError


def _moved(net: Maker, split: list[int], perm: list[int], joined: list[int]) -> Maker:
    net.op("Reshape", net.const(np.array([-1, *split])))
    net.op("Transpose", perm=[0, *(axis + 1 for axis in perm)])
    net.shape = joined
    return net.op("Reshape", net.const(np.array([-1, *joined])))


@pytest.mark.parametrize(
    ("split", "perm", "joined"),
    [
        pytest.param([4, 4, 8, 8], [1, 0, 2, 3], [16, 8, 8], id="channel shuffle"),
        pytest.param([16, 4, 2, 4, 2], [0, 2, 4, 1, 3], [64, 4, 4], id="space to depth"),
        pytest.param([2, 2, 4, 8, 8], [2, 3, 0, 4, 1], [4, 16, 16], id="depth to space"),
        pytest.param([16, 8, 8], [1, 0, 2], [8, 16, 8], id="rows and channels"),
    ],
)
def test_axes_that_split_and_join_are_moved(
    split: list[int], perm: list[int], joined: list[int]
) -> None:
    net = Maker([4, 8, 8], np.random.default_rng(0))
    net.conv(16, (3, 3), pads=(1, 1, 1, 1)).batch_norm().sign()
    _moved(net, split, perm, joined).conv(12, (3, 3)).batch_norm().sign()
    assert_exact(checked(compiled_net(net.dense(5).model()), 30))


def _max(net: Maker) -> Maker:
    return net.pool((2, 2), (2, 2)).sign()


def _average(net: Maker) -> Maker:
    return net.pool((2, 2), (2, 2), "AveragePool").sign()


def _mean(net: Maker) -> Maker:
    net.op("ReduceMean", axes=[2, 3], keepdims=0)
    net.shape = net.shape[:1]
    return net.sign()


def _concat(net: Maker) -> Maker:
    net.join("Concat", net.at, axis=1)
    net.shape[0] *= 2
    return net.sign()


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    "consumer", [_max, *(pytest.param(f, marks=SLOW) for f in (_average, _mean, _concat))]
)
@pytest.mark.parametrize("perm", list(itertools.permutations(range(3))), ids=str)
@pytest.mark.parametrize("bits", [False, pytest.param(True, marks=SLOW)], ids=["sums", "bits"])
def test_functions_of_channels_follow_their_channels(
    consumer: Callable[[Maker], Maker], perm: tuple[int, int, int], bits: bool
) -> None:
    """As many rows and columns as channels: nothing but the values tells the axes apart."""
    net = Maker([3, 8, 8], np.random.default_rng(0))
    net.conv(8, (3, 3), pads=(1, 1, 1, 1)).batch_norm()
    if bits:
        net.sign().op("Mul", net.const(net.rng.normal(size=(8, 1, 1)).astype(np.float32)))
    net.op("Transpose", perm=[0, *(axis + 1 for axis in perm)])
    try:
        compiled = compiled_net(consumer(net).dense(5).model())
    except UnsupportedError as refused:
        assert perm[0] != 0, refused  # channels became rows: no function per channel is left
        return
    assert_exact(checked(compiled, 30))
