"""Trained networks of other projects, files unedited, on real data: everything is exact."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hysteron.driver.compile import CompiledModel, Options, compile_model, kernel_inputs
from hysteron.driver.devices import open_device
from hysteron.driver.verify import Verification, make_witness, verify
from hysteron.frontends.inputs import quantize_input
from hysteron.interpreter.final import run_final
from hysteron.ir.types import Array

Labelled = tuple[Array, Array]


def _mnist(data: Path) -> Labelled:
    images = gzip.decompress((data / "mnist/t10k-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((data / "mnist/t10k-labels-idx1-ubyte.gz").read_bytes())
    x = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 1, 28, 28)
    return x, np.frombuffer(labels, np.uint8, offset=8)


def _mnist_float(data: Path) -> Labelled:
    x, y = _mnist(data)
    return x.astype(np.float32), y


def _gtsrb(data: Path) -> Labelled:
    stored = np.load(data / "gtsrb/gtsrb_test_30px_first3000.npz")
    return stored["x"], stored["y"]


def _gtsrb_float(data: Path) -> Labelled:
    x, y = _gtsrb(data)
    return x.astype(np.float32), y


def _ecg(data: Path) -> Labelled:
    """Z-score each record with the sample standard deviation, as the model was trained."""
    stored = np.load(data / "ecg/mitbih_5class.npz")
    x = stored["x"].astype(np.float64)
    x = (x - x.mean(1, keepdims=True)) / x.std(1, ddof=1, keepdims=True)
    return x.astype(np.float32), stored["y"]


def _ecg_zeros(data: Path) -> Labelled:
    x, y = _ecg(data)
    x = x.copy()
    x[:, ::97] = 0
    return x, y


Case = tuple[str, str, Callable[[Path], Labelled], int]

CASES: dict[str, Case] = {
    "tfc": ("tfc_1w1a_plain", "uint8,scale=1/255", _mnist, 300),
    "qonnx": ("qonnx_tfc_1w1a", "uint8,scale=1/255", _mnist, 50),
    "lfc_uint8": ("lfc_w1a1_mnist", "uint8", _mnist, 200),
    "lfc_float32": ("lfc_w1a1_mnist", "float32", _mnist_float, 100),
    "gtsrb_uint8": ("gtsrb_30px_larq", "uint8", _gtsrb, 10),
    "gtsrb_float32": ("gtsrb_30px_larq", "float32", _gtsrb_float, 6),
    "ecg": ("ecg_5class_bnn", "float32", _ecg, 40),
    "ecg_zeros": ("ecg_5class_bnn", "float32", _ecg_zeros, 40),
}
#: On these the whole test set is the slow test; the rest have their own or would take hours.
WHOLE = ("tfc", "lfc_uint8", "lfc_float32", "gtsrb_uint8", "gtsrb_float32", "ecg", "ecg_zeros")


def _compiled(models: Path, case: Case) -> CompiledModel:
    path = models / f"{case[0]}.onnx"
    if not path.is_file():
        pytest.skip(f"HYSTERON_MODELS: no {path.name}")
    return compile_model(path, Options(inputs=(case[1],)))


def _verified(
    models: Path, data: Path, case: Case, count: int | None, witness: bool = True
) -> Verification:
    compiled = _compiled(models, case)
    x, y = case[2](data)
    graph = compiled.model.graph
    (name,) = graph.inputs
    x, y = x[:count], y[:count]
    samples = {name: quantize_input(x, graph.specs[name], graph.types[name].shape)}
    engine = make_witness(compiled.model.model_bytes) if witness else None
    with open_device(compiled) as device:
        result = verify(compiled, samples, y.astype(np.int64), device, engine)
    assert result.samples == len(x)
    return result


def _assert_exact(result: Verification) -> None:
    assert result.bit_exact, result.problems
    assert result.passes_exact, result.problems
    assert result.unexplained == 0, result.problems


@pytest.mark.parametrize("name", CASES)
def test_network_is_exact_on_real_samples(name: str, models_dir: Path, data_dir: Path) -> None:
    case = CASES[name]
    result = _verified(models_dir, data_dir, case, case[3])
    _assert_exact(result)
    assert result.witness == ("qonnx" if name == "qonnx" else "onnxruntime")


@pytest.mark.slow
@pytest.mark.parametrize("name", WHOLE)
def test_network_is_exact_on_its_whole_test_set(
    name: str, models_dir: Path, data_dir: Path
) -> None:
    _assert_exact(_verified(models_dir, data_dir, CASES[name], None))


@pytest.mark.slow
def test_qonnx_tfc_reaches_its_published_accuracy(models_dir: Path, data_dir: Path) -> None:
    result = _verified(models_dir, data_dir, CASES["qonnx"], None, witness=False)
    _assert_exact(result)
    assert (result.correct, result.samples) == (9296, 10000)
    assert result.reference_correct == 9296


@pytest.mark.slow
def test_qonnx_itself_agrees_on_200_samples(models_dir: Path, data_dir: Path) -> None:
    result = _verified(models_dir, data_dir, CASES["qonnx"], 200)
    _assert_exact(result)
    assert result.onnxruntime_correct == result.correct


def test_ecg_argmax_of_bare_integer_sums_is_wrong(models_dir: Path, data_dir: Path) -> None:
    """The classes have scales of their own: why the head is fixed point and not integer."""
    compiled = _compiled(models_dir, CASES["ecg"])
    graph = compiled.model.graph
    (name,) = graph.inputs
    x, _ = _ecg(data_dir)
    x = quantize_input(x[:: len(x) // 200][:200], graph.specs[name], graph.types[name].shape)
    stored = run_final(compiled.program.final, kernel_inputs(compiled.program, {name: x}))
    (head,) = (n for n in compiled.program.final.nodes if n.op.name == "fixed_head")
    assert compiled.head.kind == "fixed" and head.outputs == (compiled.head.tensor,)
    sums = stored[head.inputs[0]].astype(np.int64)
    bare = sums.reshape(len(x), -1, compiled.head.classes).sum(axis=1).argmax(axis=1)
    winner = compiled.program.output.winner
    assert winner is not None
    scaled = stored[winner].reshape(-1)
    wrong = float((bare != scaled).mean())
    print(f"argmax of bare integer sums differs on {wrong:.1%} of {len(x)} records")
    assert wrong > 0.02
