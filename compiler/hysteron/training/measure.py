"""Count what a written ONNX file classifies correctly, with onnxruntime. No torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hysteron.errors import ShapeError

_BATCH = 500


def scores(path: Path, images: NDArray[np.uint8], *, optimize: bool = False) -> NDArray[np.float32]:
    """Return the model's output float32 [n, classes] for integer images.

    ``images`` [n, ...] is reshaped to the model's single input ["N", ...]. Graph
    optimizations are off unless ``optimize``: they may reorder float arithmetic.
    Raises ShapeError when the number of values per image does not fit.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    if not optimize:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    (declared,) = session.get_inputs()
    shape = [int(size) for size in declared.shape[1:]]
    if int(np.prod(shape)) != int(np.prod(images.shape[1:])):
        raise ShapeError(
            "images do not fit the model's input",
            where=path.name,
            got=str(images.shape[1:]),
            wanted=str(shape),
        )
    floats = images.reshape(len(images), *shape).astype(np.float32)
    batches = [
        session.run(None, {declared.name: floats[start : start + _BATCH]})[0]
        for start in range(0, len(floats), _BATCH)
    ]
    return np.concatenate(batches)


def count_correct(path: Path, images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> int:
    """Return how many images get their label; of equal scores the first class wins."""
    return int(np.sum(scores(path, images).argmax(axis=1) == labels))
