"""Real models on every emulated instruction set: whole test splits and 200 samples, bit for bit.

Every layer of every sample is compared with the interpreter.
"""

from __future__ import annotations

import gzip
import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from hysteron._assets import asset_dir
from hysteron.driver.compile import Options, compile_model
from hysteron.driver.verify import verify
from hysteron.errors import CapacityError
from hysteron.frontends.inputs import quantize_input
from hysteron.ir.types import Array
from hysteron.runners.mcu_net import McuNet
from hysteron.targets import Isa, known, load_isa

_ISAS = [load_isa(name) for name in known("isa") if load_isa(name).emulator is not None]
#: The digits' whole test split runs on one core of each family.
_WHOLE = ("cortex-m0", "cortex-m4", "rv32imc", "avr5")
_SAMPLES = 200
# An inference takes 44 million instructions on AVR; an M0+ is executed as an M0.
_FEWER = {("ecg_5class_bnn", "avr6"): 20, ("ecg_5class_bnn", "cortex-m0plus"): 20}
#: What the smallest cores have no room for; everything else must fit.
_MAY_NOT_FIT = {("mnist_mlp", "avr5"), ("ecg_5class_bnn", "avr5")}


def _folder(request: pytest.FixtureRequest, name: str) -> Path:
    """Return a shared folder, or skip: only tests that need one ask for it."""
    found = request.getfixturevalue(name)
    assert isinstance(found, Path)
    return found


def _digits(request: pytest.FixtureRequest) -> tuple[Array, Array]:
    stored = load_digits()
    return stored.images[2::3].astype(np.uint8), stored.target[2::3]


def _mnist(request: pytest.FixtureRequest) -> tuple[Array, Array]:
    data = _folder(request, "data_dir")
    images = gzip.decompress((data / "mnist/t10k-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((data / "mnist/t10k-labels-idx1-ubyte.gz").read_bytes())
    x = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 28, 28)
    return x, np.frombuffer(labels, np.uint8, offset=8)


def _ecg_signs(request: pytest.FixtureRequest) -> tuple[Array, Array]:
    """Return the sign of each sample of a record around its mean, as the model's first layer."""
    stored = np.load(_folder(request, "data_dir") / "ecg/mitbih_5class.npz")
    x = stored["x"].astype(np.float64)
    return np.where(x >= x.mean(1, keepdims=True), 1, -1).astype(np.int8), stored["y"]


_MODELS = {
    "digits_mlp": ("uint8", _digits),
    "digits_cnn": ("uint8", _digits),
    "mnist_mlp": ("uint8", _mnist),
    "tfc_1w1a_plain": ("uint8,scale=1/255", _mnist),
    "ecg_5class_bnn": ("b1", _ecg_signs),
}


@dataclass(frozen=True)
class Case:
    """A model on an instruction set; QEMU, where it has the core, is the faster emulator."""

    model: str
    isa: Isa

    @property
    def count(self) -> int:
        whole = self.model.startswith("digits") and self.isa.name in _WHOLE
        return 1 << 30 if whole else _FEWER.get((self.model, self.isa.name), _SAMPLES)

    @property
    def emulator(self) -> str:
        kinds = [one.kind for one in self.isa.emulators]
        return "qemu" if "qemu" in kinds else kinds[0]

    def path(self, request: pytest.FixtureRequest) -> Path:
        own = asset_dir("models") / self.model / f"{self.model}.onnx"
        return own if own.is_file() else _folder(request, "models_dir") / f"{self.model}.onnx"


_CASES = [
    pytest.param(
        case, id=f"{model}-{isa.name}", marks=pytest.mark.isa(f"{isa.name}@{case.emulator}")
    )
    for model in _MODELS
    for isa in _ISAS
    for case in [Case(model, isa)]
]


@pytest.mark.slow
@pytest.mark.parametrize("case", _CASES)
def test_every_layer_of_every_sample_is_exact(case: Case, request: pytest.FixtureRequest) -> None:
    spec, load = _MODELS[case.model]
    path = case.path(request)
    compiled = compile_model(path, Options(target=case.isa.name, inputs=(spec,)))
    graph = compiled.model.graph
    (name,) = graph.inputs
    x, labels = load(request)
    x, labels = x[: case.count], labels[: case.count]
    shape = graph.types[name].shape
    samples = {name: quantize_input(x.reshape(len(x), *shape[1:]), graph.specs[name], shape)}
    try:
        net = McuNet(compiled.program, compiled.target, case.emulator)
    except CapacityError as error:
        assert (case.model, case.isa.name) in _MAY_NOT_FIT
        pytest.skip(f"does not fit: {error}")
    with net:
        result = verify(compiled, samples, labels.astype(np.int64), net)
        assert len(net.instructions) >= len(x)
    assert result.passed and result.samples == len(x), result.problems
    if case.count > _SAMPLES:
        stated = tomllib.loads((path.parent / "model.toml").read_text())["accuracy"]
        assert (result.correct, result.samples) == (stated["correct"], stated["total"])
