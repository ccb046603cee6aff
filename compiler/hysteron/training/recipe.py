"""From a recipe to a model folder: train, export, measure, write ``model.toml``."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import nn

from hysteron.training.bit_errors import BitErrors, RateSource, average_norms, inject
from hysteron.training.data import Split, digits_split, idx_split
from hysteron.training.export import Affine, Layer, build_model
from hysteron.training.loop import Outcome, Schedule, seed_all, train
from hysteron.training.measure import count_correct
from hysteron.training.straight_through import describe

INPUT_NAME = "image"


@dataclass(frozen=True)
class Source:
    """A data set: how to load it, its image side in pixels and its largest value."""

    load: Callable[[], Split]
    side: int
    maximum: int
    test_set: str
    text: str
    licence: str


DIGITS = Source(
    digits_split,
    8,
    16,
    "every third sample of scikit-learn's digits (index % 3 == 2)",
    "scikit-learn load_digits(): UCI Optical Recognition of Handwritten Digits, its test part",
    "CC BY 4.0 (UCI); the data is not in this repository",
)
MNIST = Source(
    lambda: idx_split("mnist"),
    28,
    255,
    "MNIST's official 10,000 test images",
    "MNIST, LeCun, Cortes and Burges; the four idx files",
    "no licence file comes with the data, often given as CC BY-SA 3.0; "
    "the data is not in this repository",
)
FASHION = Source(
    lambda: idx_split("fashion-mnist"),
    28,
    255,
    "Fashion-MNIST's official 10,000 test images",
    "Fashion-MNIST, Zalando Research; the four idx files",
    "MIT; the data is not in this repository",
)


@dataclass(frozen=True)
class Recipe:
    """One reference model.

    ``build`` returns the untrained network; it takes images [n, 1, side, side],
    a leading Flatten included. ``flat`` drops that Flatten from the ONNX, whose
    input is then [N, side*side]. ``head`` says what follows the last dense layer
    in the ONNX: ``sums`` (nothing), ``scale`` (one Mul) or ``norm`` (Sub, Mul).
    ``errors`` are weight errors injected while training, None for plain training.
    """

    name: str
    source: Source
    build: Callable[[], nn.Sequential]
    schedule: Schedule
    flat: bool
    head: str
    errors: RateSource | None = None


def make(recipe: Recipe, folder: Path) -> int:
    """Train the recipe, write the ONNX and ``model.toml`` to ``folder``.

    Returns the number of test images the written file classifies correctly with
    onnxruntime. Raises InputError when the data set is not available.
    """
    split = recipe.source.load()
    seed_all(recipe.schedule.seed)
    net = recipe.build()
    images = _square(split.x_train, recipe)
    if recipe.errors is not None:
        inject(net, BitErrors(recipe.errors, recipe.schedule.seed))
    outcome = train(net, images, split.y_train, recipe.schedule)
    if recipe.errors is not None:
        average_norms(net, torch.tensor(images), recipe.schedule.batch)
    shape = _input_shape(recipe)
    layers = with_head(describe(net)[1 if recipe.flat else 0 :], recipe.head)
    path = folder / f"{recipe.name}.onnx"
    onnx.save(build_model(recipe.name, INPUT_NAME, shape, layers), path)
    correct = count_correct(path, split.x_test, split.y_test)
    text = _model_toml(recipe, path, outcome, len(split.y_train), correct, len(split.y_test))
    (folder / "model.toml").write_text(text, encoding="utf-8")
    print(f"{recipe.name}: {correct}/{len(split.y_test)} correct, {path.stat().st_size} bytes")
    return correct


def with_head(layers: list[Layer], head: str) -> list[Layer]:
    """Return ``layers`` with the closing Affine reduced to what ``head`` asks for."""
    *body, last = layers
    if not isinstance(last, Affine):
        return layers
    kept: dict[str, list[Layer]] = {
        "sums": [],
        "scale": [Affine(scale=last.scale)],
        "norm": [last],
    }
    return [*body, *kept[head]]


def _input_shape(recipe: Recipe) -> tuple[int, ...]:
    side = recipe.source.side
    return (side * side,) if recipe.flat else (1, side, side)


def _square(images: NDArray[np.uint8], recipe: Recipe) -> NDArray[np.uint8]:
    return images.reshape(len(images), 1, recipe.source.side, recipe.source.side)


def _model_toml(
    recipe: Recipe, path: Path, outcome: Outcome, trained_on: int, correct: int, total: int
) -> str:
    import onnxruntime

    source, schedule = recipe.source, recipe.schedule
    return f"""\
# Written by make.py; run it again instead of editing.
schema = 1
name = "{recipe.name}"
task = "image classification, 10 classes"
onnx = "{path.name}"
onnx_bytes = {path.stat().st_size}
sha256 = "{hashlib.sha256(path.read_bytes()).hexdigest()}"
input = "uint8"
input_name = "{INPUT_NAME}"
input_shape = {list(_input_shape(recipe))}
input_range = [0, {source.maximum}]
seed = {schedule.seed}

[data]
source = "{source.text}"
licence = "{source.licence}"

[accuracy]
test_set = "{source.test_set}"
measured_with = "onnxruntime {onnxruntime.__version__}, graph optimizations off"
correct = {correct}
total = {total}
percent = {100 * correct / total:.2f}

[training]
command = "python models/{recipe.name}/make.py"
seconds = {outcome.seconds:.0f}
torch = "{torch.__version__}"
threads = 1
samples = {trained_on - schedule.validation}
validation_samples = {schedule.validation}
validation_correct = {outcome.validation_correct}
epochs = {schedule.epochs}
epoch_kept = {outcome.epoch}
batch = {schedule.batch}
learning_rate = {schedule.learning_rate}
max_shift_pixels = {schedule.max_shift}
{_errors_line(recipe)}"""


def _errors_line(recipe: Recipe) -> str:
    return "" if recipe.errors is None else f'bit_errors = "{recipe.errors.text()}"\n'
