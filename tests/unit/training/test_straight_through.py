"""Gradients, clipping and seeding of the binary layers; needs torch."""

# Some methods of torch have no types.
# mypy: allow-untyped-calls

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (pip install hysteron[train])")

from torch import nn  # noqa: E402

from hysteron.errors import ModelError  # noqa: E402
from hysteron.training import export, loop, measure  # noqa: E402
from hysteron.training import straight_through as st  # noqa: E402

SCHEDULE = loop.Schedule(seed=3, epochs=2, batch=16, learning_rate=0.01, validation=32, max_shift=1)


def _net() -> nn.Sequential:
    return nn.Sequential(
        st.BinaryConv2d(1, 4, kernel=3, pad=1),
        nn.MaxPool2d(2),
        nn.BatchNorm2d(4),
        st.Sign(),
        nn.Flatten(),
        st.BinaryLinear(36, 5),
        st.TensorNorm(),
    )


def _data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, 160).astype(np.uint8)
    images = (rng.integers(0, 6, (160, 1, 6, 6)) + 3 * labels[:, None, None, None]).astype(np.uint8)
    return images, labels


def test_sign_of_zero_is_plus_one_and_gradient_is_clipped() -> None:
    x = torch.tensor([-2.0, -1.0, -0.5, 0.0, 1.0, 1.5], requires_grad=True)
    y = st.sign(x)
    y.backward(torch.arange(1.0, 7.0))
    assert y.tolist() == [-1, -1, -1, 1, 1, 1]
    assert x.grad is not None
    assert x.grad.tolist() == [0, 2, 3, 4, 5, 0]


def test_latent_weights_are_clipped() -> None:
    layer = st.BinaryLinear(3, 2)
    with torch.no_grad():
        layer.latent.mul_(100)
    st.clip_latent_weights(nn.Sequential(layer))
    assert float(layer.latent.detach().abs().max()) <= 1.0


def test_same_seed_gives_the_same_network() -> None:
    states = []
    for _ in range(2):
        loop.seed_all(SCHEDULE.seed)
        net = _net()
        loop.train(net, *_data(), SCHEDULE)
        states.append(net.state_dict())
    for name, tensor in states[0].items():
        assert torch.equal(tensor, states[1][name]), name


def test_written_model_gives_the_integer_sums_of_the_trained_one(tmp_path: Path) -> None:
    loop.seed_all(SCHEDULE.seed)
    net = _net()
    images, labels = _data()
    loop.train(net, images, labels, SCHEDULE)
    layers = [layer for layer in st.describe(net) if not isinstance(layer, export.Affine)]
    onnx.save(export.build_model("net", "image", (1, 6, 6), layers), tmp_path / "net.onnx")
    with torch.no_grad():
        sums = net[:-1](torch.tensor(images).float()).numpy()
    np.testing.assert_array_equal(measure.scores(tmp_path / "net.onnx", images), sums)


def test_shifted_images_move_and_fill_with_zeros() -> None:
    images = torch.ones(50, 1, 4, 4)
    moved = loop.shift_images(images, 1, torch.Generator().manual_seed(0))
    sums = set(moved.sum(dim=(1, 2, 3)).tolist())
    assert moved.shape == images.shape
    assert sums == {9.0, 12.0, 16.0}


def test_pooling_window_that_is_not_square_is_refused() -> None:
    with pytest.raises(ModelError, match=r"not square; got \(2, 1\)"):
        st.describe(nn.Sequential(nn.MaxPool2d((2, 1))))


def test_module_without_description_is_named() -> None:
    with pytest.raises(ModelError, match="module ReLU cannot be exported"):
        st.describe(nn.Sequential(nn.ReLU()))
