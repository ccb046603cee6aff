"""What ``export`` writes computes what the layer descriptions say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from hysteron.errors import ModelError, ShapeError
from hysteron.training import export
from hysteron.training.measure import scores


def _signs(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.choice(np.array([-1, 1], np.int8), shape)


def _norm(rng: np.random.Generator, channels: int, spread: float) -> export.Norm:
    scale = rng.choice([-1, 1], channels) * rng.uniform(0.1, 2, channels)
    parts = (scale, rng.normal(0, 1, channels), rng.normal(0, spread, channels))
    variance = rng.uniform(0.5, 2, channels) * spread**2
    scale32, bias32, mean32, var32 = (part.astype(np.float32) for part in (*parts, variance))
    return export.Norm(scale32, bias32, mean32, var32, 1e-5)


def _apply(norm: export.Norm, x: np.ndarray) -> np.ndarray:
    deviation = np.sqrt(norm.var.astype(np.float64) + norm.eps)
    return (x - norm.mean.astype(np.float64)) / deviation * norm.scale + norm.bias


def _save(tmp_path: Path, shape: tuple[int, ...], layers: list[export.Layer]) -> Path:
    path = tmp_path / "net.onnx"
    onnx.save(export.build_model("net", "image", shape, layers), path)
    return path


def test_dense_network_equals_numpy(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    first, second, norm = _signs(rng, 33, 7), _signs(rng, 7, 3), _norm(rng, 7, 900.0)
    norm = export.settle_norm(norm)
    affine = export.Affine(1.5, 0.25)
    layers: list[export.Layer] = [
        export.Dense(first),
        norm,
        export.Sign(),
        export.Dense(second),
        affine,
    ]
    images = rng.integers(0, 256, (20, 33)).astype(np.uint8)
    hidden = np.where(_apply(norm, images.astype(np.int64) @ first) >= 0, 1, -1)
    expected = (hidden @ second - 1.5) * 0.25
    np.testing.assert_array_equal(scores(_save(tmp_path, (33,), layers), images), expected)


def test_convolution_pads_with_zeros_and_pools_before_the_norm(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    kernel, dense = _signs(rng, 2, 1, 3, 3), _signs(rng, 8, 3)
    norm = export.settle_norm(_norm(rng, 2, 20.0))
    layers: list[export.Layer] = [export.Conv(kernel, 1), export.MaxPool(2), norm, export.Sign()]
    layers += [export.Flatten(), export.Dense(dense)]
    image = rng.integers(0, 17, (4, 4)).astype(np.uint8)
    padded = np.pad(image.astype(np.int64), 1)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
    sums = np.einsum("yxij,cij->cyx", windows, kernel[:, 0].astype(np.int64))
    pooled = sums.reshape(2, 2, 2, 2, 2).max(axis=(2, 4))
    hidden = np.where(_apply(norm, pooled.transpose(1, 2, 0)).transpose(2, 0, 1) >= 0, 1, -1)
    expected = hidden.reshape(1, 8) @ dense
    path = _save(tmp_path, (1, 4, 4), layers)
    np.testing.assert_array_equal(scores(path, image[None]), expected)


def test_zero_becomes_plus_one(tmp_path: Path) -> None:
    weights = np.ones((1, 1), np.int8)
    layers: list[export.Layer] = [export.Sign(), export.Dense(weights)]
    path = _save(tmp_path, (1,), layers)
    np.testing.assert_array_equal(scores(path, np.zeros((1, 1), np.uint8)), [[1.0]])


@pytest.mark.parametrize("spread", [0.5, 30.0, 1e4])
def test_settled_norm_decides_every_integer_as_before(spread: float) -> None:
    norm = _norm(np.random.default_rng(2), 64, spread)
    settled = export.settle_norm(norm)
    integers = np.unique(np.linspace(-8 * spread - 8, 8 * spread + 8, 20001).round())[:, None]
    before, after = _apply(norm, integers), _apply(settled, integers)
    np.testing.assert_array_equal(before >= 0, after >= 0)
    slope = np.abs(norm.scale) / np.sqrt(norm.var + norm.eps)
    assert np.all(np.abs(after) >= 0.25 * slope)


def test_integer_threshold_keeps_its_side() -> None:
    one = np.ones(2, np.float32)
    signs = np.array([1, -1], np.float32)
    norm = export.Norm(signs, one * 0, one * 3, one - 0.5, 0.5)
    np.testing.assert_array_equal(export.settle_norm(norm).mean, [2.5, 3.5])


def test_norm_without_threshold_is_refused() -> None:
    norm = _norm(np.random.default_rng(3), 4, 1.0)
    with pytest.raises(ModelError, match="has scale 0"):
        export.settle_norm(replace(norm, scale=norm.scale * 0))


def test_weight_that_is_not_binary_is_refused() -> None:
    with pytest.raises(ModelError, match=r"dense: a binary weight is neither \+1 nor -1"):
        export.build_model("net", "image", (2,), [export.Dense(np.zeros((2, 3), np.int8))])


def test_common_scale_that_is_not_positive_is_refused() -> None:
    layers: list[export.Layer] = [export.Dense(np.ones((2, 3), np.int8)), export.Affine(scale=-1.0)]
    with pytest.raises(ModelError, match="a common scale must be positive"):
        export.build_model("net", "image", (2,), layers)


def test_network_that_does_not_end_in_a_dense_layer_is_refused() -> None:
    with pytest.raises(ShapeError, match="has to end in a dense layer"):
        export.build_model("net", "image", (2,), [export.Sign()])


def test_images_of_another_size_are_refused(tmp_path: Path) -> None:
    path = _save(tmp_path, (4,), [export.Dense(np.ones((4, 2), np.int8))])
    with pytest.raises(ShapeError, match="images do not fit the model's input"):
        scores(path, np.zeros((1, 5), np.uint8))
