"""Whole networks on 8-bit parts: the smallest one, and images that pointers do not reach."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from net_maker import Maker
from sklearn.datasets import load_digits

from hysteron._assets import asset_dir
from hysteron.driver.compile import CompiledModel, Options, compile_model, kernel_inputs
from hysteron.driver.devices import open_device
from hysteron.driver.samples import random_samples
from hysteron.driver.verify import verify
from hysteron.image.layout import read_image
from hysteron.interpreter.final import run_final
from hysteron.ir.types import Array
from hysteron.runners.mcu_net import McuNet
from hysteron.targets import load_target

pytestmark = [pytest.mark.isa("avr5"), pytest.mark.isa("avr6")]


def _model(path: Path, target: str, declared: str = "uint8") -> CompiledModel:
    return compile_model(path, Options(target=target, inputs=(declared,)))


def _own(name: str, target: str) -> CompiledModel:
    return _model(asset_dir("models") / name / f"{name}.onnx", target)


def _digits(compiled: CompiledModel, count: int) -> tuple[dict[str, Array], Array]:
    """Return samples of the test part (index % 3 == 2) and their labels."""
    digits = load_digits()
    (name,) = compiled.model.graph.inputs
    shape = compiled.model.graph.types[name].shape[1:]
    x = digits.images[2::3][:count].astype(np.uint8).reshape(count, *shape)
    return kernel_inputs(compiled.program, {name: x}), digits.target[2::3][:count]


@pytest.mark.parametrize(
    ("part", "count"),
    [
        ("atmega328p", 5),
        pytest.param("atmega328p", 599, marks=pytest.mark.slow),
        pytest.param("atmega2560", 599, marks=pytest.mark.slow),
    ],
)
def test_the_digits_perceptron_is_exact_in_2_kb_of_sram(part: str, count: int) -> None:
    """The whole test split; the ATmega328P holds it with room for a program around it."""
    compiled = _own("digits_mlp", part)
    inputs, labels = _digits(compiled, count)
    with McuNet(compiled.program, compiled.target) as net:
        got = net.run(inputs)
        counts = net.counts()
    output = compiled.program.output
    wanted = run_final(compiled.program.final, inputs)
    assert output.scores is not None and output.winner is not None
    assert np.array_equal(got["scores"], wanted[output.scores])
    assert np.array_equal(got["class"], wanted[output.winner].reshape(-1))
    if count == 599:
        assert int((got["class"] == labels).sum()) == 585
    memory = load_target("atmega328p").memory
    assert memory is not None
    if part == "atmega328p":
        assert counts["flash_bytes"] < memory.flash_bytes - 2048
        # In and out are the caller's: 64 and 44 bytes.
        assert counts["ram_bytes"] + counts["stack_bytes"] + 108 < memory.ram_bytes - 256


def _beyond(bits: int) -> CompiledModel:
    """Return a network of random weights whose first layer alone takes ``bits * 256 / 8`` bytes."""
    rng = np.random.default_rng(0)
    net = Maker((bits,), rng)
    net.op("Sign").dense(256).batch_norm().sign().dense(10)
    return compile_model(net.model(), Options(target="atmega2560", inputs=("b1",)))


def test_an_image_beyond_64_kb_is_read_where_it_lies() -> None:
    """Also with other contents: a chip's image takes its place in flash."""
    compiled = _beyond(2112)
    (image,) = compiled.program.images.values()
    assert len(image) > 1 << 16
    samples = random_samples(compiled.model.graph, 2, 0)
    with open_device(compiled) as device:
        result = verify(compiled, samples, None, device)
    assert result.bit_exact, result.problems
    noise = np.random.default_rng(1).choice(
        np.array([0, 1, 16], np.uint8), len(image), p=[0.8, 0.1, 0.1]
    )
    (region,) = compiled.program.images
    images = {region: (np.frombuffer(image, np.uint8) ^ noise).tobytes()}
    inputs = kernel_inputs(compiled.program, samples)
    with McuNet(compiled.program, compiled.target, images=images) as net:
        got = net.run(inputs)["scores"]
    scores = compiled.program.output.scores
    assert scores is not None
    graph = compiled.program.final
    consts = {**graph.consts, **read_image(compiled.program.layout, images)}
    assert np.array_equal(got, run_final(replace(graph, consts=consts), inputs)[scores])
    assert not np.array_equal(got, run_final(graph, inputs)[scores])


@pytest.mark.slow
def test_the_largest_network_that_fits_an_atmega2560_is_exact(data_dir: Path) -> None:
    """MNIST perceptron: 239,104 bytes of weights and thresholds in 256 KB."""
    compiled = _own("mnist_mlp", "atmega2560")
    (name,) = compiled.model.graph.inputs
    x = _mnist(data_dir, 2).reshape(2, *compiled.model.graph.types[name].shape[1:])
    with open_device(compiled) as device:
        result = verify(compiled, {name: x}, None, device)
    assert result.bit_exact and len(next(iter(compiled.program.images.values()))) > 239_000


@pytest.mark.slow
def test_a_third_party_perceptron_is_exact_on_an_atmega2560(
    models_dir: Path, data_dir: Path
) -> None:
    compiled = _model(models_dir / "tfc_1w1a_plain.onnx", "atmega2560", "uint8,scale=1/255")
    (name,) = compiled.model.graph.inputs
    with open_device(compiled) as device:
        result = verify(compiled, {name: _mnist(data_dir, 20)}, None, device)
    assert result.bit_exact, result.problems


def _mnist(data: Path, count: int) -> Array:
    images = gzip.decompress((data / "mnist/t10k-images-idx3-ubyte.gz").read_bytes())
    return np.frombuffer(images, np.uint8, offset=16)[: 784 * count].reshape(-1, 1, 28, 28)
