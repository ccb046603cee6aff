"""Write a binarized network as a small, plain ONNX file. No torch.

A network is a sequence of the layer descriptions below. Weights of +1 and -1
are stored as int8 and cast to float; a sign is ``Where(GreaterOrEqual(x, 0), 1,
-1)``, because ONNX ``Sign`` gives 0 at 0 and the networks here want +1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from hysteron.errors import ModelError, ShapeError

OPSET = 17
IR_VERSION = 8


@dataclass(frozen=True)
class Dense:
    """y = x @ weights; weights int8 [inputs, outputs], each +1 or -1."""

    weights: NDArray[np.int8]


@dataclass(frozen=True)
class Conv:
    """Stride-1 convolution; weights int8 [out, in, kh, kw], ``pad`` zeros per side."""

    weights: NDArray[np.int8]
    pad: int = 0


@dataclass(frozen=True)
class MaxPool:
    """Maximum over size x size windows that do not overlap."""

    size: int


@dataclass(frozen=True)
class Norm:
    """Batch normalization per channel: (x - mean) / sqrt(var + eps) * scale + bias."""

    scale: NDArray[np.float32]
    bias: NDArray[np.float32]
    mean: NDArray[np.float32]
    var: NDArray[np.float32]
    eps: float


@dataclass(frozen=True)
class Sign:
    """+1 where x >= 0, else -1."""


@dataclass(frozen=True)
class Flatten:
    """[N, c, h, w] to [N, c*h*w]."""


@dataclass(frozen=True)
class Affine:
    """(x - shift) * scale with the same two numbers everywhere; scale > 0."""

    shift: float = 0.0
    scale: float = 1.0


Layer = Dense | Conv | MaxPool | Norm | Sign | Flatten | Affine


def settle_norm(norm: Norm) -> Norm:
    """Move each threshold of norm-then-sign half way between two integers.

    For integer x the decision (x - mean) / sqrt(var + eps) * scale + bias >= 0
    stays what it was in exact arithmetic, but is then at least 0.25 away from
    the threshold, so no runtime's float rounding can change it. Raises
    ModelError for a channel whose scale is 0, which has no threshold.
    """
    if not np.all(norm.scale):
        raise ModelError("a batch normalization channel has scale 0", fix="train longer")
    old = _threshold(norm)
    # scale > 0 fires at x >= old, scale < 0 at x <= old.
    new = np.where(norm.scale > 0, np.ceil(old) - 0.5, np.floor(old) + 0.5)
    moved = replace(norm, mean=(norm.mean + (new - old)).astype(np.float32))
    if np.any(np.abs(_threshold(moved) - new) > 0.25):
        raise ModelError("a batch normalization threshold is too large for float32")
    return moved


def _threshold(norm: Norm) -> NDArray[np.float64]:
    deviation = np.sqrt(norm.var.astype(np.float64) + norm.eps)
    return np.asarray(norm.mean - norm.bias * deviation / norm.scale, np.float64)


def build_model(
    name: str, input_name: str, input_shape: Sequence[int], layers: Sequence[Layer]
) -> onnx.ModelProto:
    """Return the checked ONNX model of ``layers``.

    The input is float32 ["N", *input_shape], the output ``scores`` float32
    ["N", classes]. Raises ShapeError when the last layers do not give [N, classes],
    ModelError when a weight is neither +1 nor -1.
    """
    writer = _Writer(input_name)
    for layer in layers:
        writer.add(layer)
    writer.rename_last("scores")
    shape_in: list[str | int | None] = ["N", *input_shape]
    graph = helper.make_graph(
        writer.nodes,
        name,
        [helper.make_tensor_value_info(input_name, TensorProto.FLOAT, shape_in)],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", _classes(layers)])],
        writer.initializers,
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="hysteron.training",
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def _classes(layers: Sequence[Layer]) -> int:
    for layer in reversed(layers):
        if isinstance(layer, Dense):
            return int(layer.weights.shape[1])
        if not isinstance(layer, Affine):
            break
    raise ShapeError("the network has to end in a dense layer, with Affine layers at most after it")


class _Writer:
    """Appends nodes; ``value`` is the name of the tensor written last."""

    def __init__(self, value: str) -> None:
        self.value = value
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self._numbers: dict[str, int] = {}

    def add(self, layer: Layer) -> None:
        match layer:
            case Dense():
                self._weighted("dense", "MatMul", layer.weights)
            case Conv():
                kernel = list(layer.weights.shape[2:])
                pads = [layer.pad] * 4
                self._weighted("conv", "Conv", layer.weights, kernel_shape=kernel, pads=pads)
            case MaxPool():
                window = [layer.size, layer.size]
                self._node("pool", "MaxPool", [], kernel_shape=window, strides=window)
            case Norm():
                self._norm(layer)
            case Sign():
                self._sign()
            case Flatten():
                self._node("flat", "Flatten", [], axis=1)
            case Affine():
                self._affine(layer)

    def rename_last(self, name: str) -> None:
        self.nodes[-1].output[0] = self.value = name

    def _name(self, kind: str) -> str:
        self._numbers[kind] = self._numbers.get(kind, 0) + 1
        return f"{kind}{self._numbers[kind]}"

    def _constant(self, name: str, array: NDArray[Any]) -> str:
        if all(existing.name != name for existing in self.initializers):
            self.initializers.append(numpy_helper.from_array(array, name))
        return name

    def _node(self, kind: str, op_type: str, more_inputs: list[str], **attributes: Any) -> None:
        name = self._name(kind)
        inputs = [self.value, *more_inputs]
        self.value = f"{name}_out"
        self.nodes.append(helper.make_node(op_type, inputs, [self.value], name=name, **attributes))

    def _weighted(
        self, kind: str, op_type: str, weights: NDArray[np.int8], **attributes: Any
    ) -> None:
        if not np.all(np.abs(weights) == 1):
            raise ModelError("a binary weight is neither +1 nor -1", where=kind)
        stem = f"{kind}{self._numbers.get(kind, 0) + 1}"
        stored = self._constant(f"{stem}_weight", np.ascontiguousarray(weights, np.int8))
        cast = f"{stem}_weight_float"
        self.nodes.append(
            helper.make_node("Cast", [stored], [cast], name=f"{stem}_cast", to=TensorProto.FLOAT)
        )
        self._node(kind, op_type, [cast], **attributes)

    def _norm(self, layer: Norm) -> None:
        stem = f"norm{self._numbers.get('norm', 0) + 1}"
        names = [
            self._constant(f"{stem}_{part}", getattr(layer, part).astype(np.float32))
            for part in ("scale", "bias", "mean", "var")
        ]
        self._node("norm", "BatchNormalization", names, epsilon=layer.eps)

    def _sign(self) -> None:
        zero = self._constant("zero", np.array(0, np.float32))
        plus = self._constant("plus_one", np.array(1, np.float32))
        minus = self._constant("minus_one", np.array(-1, np.float32))
        self._node("at_least_zero", "GreaterOrEqual", [zero])
        name = self._name("sign")
        condition, self.value = self.value, f"{name}_out"
        inputs = [condition, plus, minus]
        self.nodes.append(helper.make_node("Where", inputs, [self.value], name=name))

    def _affine(self, layer: Affine) -> None:
        if not layer.scale > 0:
            raise ModelError("a common scale must be positive", got=str(layer.scale))
        if layer.shift != 0.0:
            shift = self._constant("scores_shift", np.array(layer.shift, np.float32))
            self._node("shifted", "Sub", [shift])
        scale = self._constant("scores_scale", np.array(layer.scale, np.float32))
        self._node("scaled", "Mul", [scale])
