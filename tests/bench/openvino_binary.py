"""OpenVINO's BinaryConvolution: the network as it runs there fastest, checked before it is timed.

What decides whether the answer is right (found by trying, OpenVINO 2026.4, CPU plugin):

* Weight bits are the OIHW array in row-major order, 1 for +1, the first in the *lowest* bit of
  a byte, although OpenVINO's own u1 constants are read from the highest. A ``Constant`` made
  of a ``Tensor`` shares its memory unless told not to: once NumPy frees it, weights are noise.
* ``pad_value`` 0 leaves padded taps out, so ONNX's zero padding is exact.
* A FakeQuantize becomes bits only with two levels, outputs in {0, 1} and one threshold per
  channel as both input limits. With outputs {-1, 1} it stays float, and an AVX-512 machine
  then has no reorder to bits ("could not create reorder primitive").
* Its input limits must be two constants: shared, the convolution does not write bits itself.
* It tests ``x > threshold``: half-integer thresholds make the sign of 0 ours (+1) in float32.

The first layer of a byte input is an int8 convolution (2x faster than float32 on the MLP).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, floor, isqrt
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from hysteron.driver.compile import CompiledModel
from hysteron.interpreter.imported import run_imported

Array = np.ndarray
_SCORE_TOLERANCE = 1e-5  # of float32 batch normalisation after exact sums


@dataclass
class Layer:
    """A convolution (dense layers too: kernel = map) and what follows it up to the next one."""

    weights: Array  # OIHW, -1 or +1
    pad: int
    pool: int = 1
    scale: Array | None = None  # batch normalisation as scale * x + shift, float64, per channel
    shift: Array | None = None
    sign: bool = False


def layers_of(model: onnx.ModelProto, channels: int) -> list[Layer]:
    """Read a chain of ``nets.py`` (Conv, MatMul, MaxPool, BatchNormalization, Sign)."""
    consts = {c.name: numpy_helper.to_array(c) for c in model.graph.initializer}
    layers: list[Layer] = []
    for node in model.graph.node:
        given = [consts[name] for name in node.input[1:]]
        fields = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        if node.op_type == "Conv":
            layers.append(Layer(given[0], fields["pads"][0]))
        elif node.op_type == "MatMul":
            k, n = given[0].shape
            side = isqrt(k // channels)
            layers.append(Layer(given[0].T.reshape(n, channels, side, side), 0))
        elif node.op_type == "MaxPool":
            layers[-1].pool = fields["kernel_shape"][0]
        elif node.op_type == "BatchNormalization":
            gamma, beta, mean, var = (a.astype(np.float64) for a in given)
            layers[-1].scale = gamma / np.sqrt(var + fields.get("epsilon", 1e-5))
            layers[-1].shift = beta - mean * layers[-1].scale
        elif node.op_type == "Sign":
            layers[-1].sign = True
        channels = len(layers[-1].weights)
    return layers


def _per_channel(values: Array) -> Array:
    return values.reshape(1, -1, 1, 1).astype(np.float32)


def _bits(source: Any, thresholds: Array, rising: Array) -> Any:
    """Return u1: ``x > threshold`` where ``rising``, else its opposite, per channel."""
    from openvino import opset13 as op

    limits = (thresholds, thresholds, 1 - rising, rising)  # a constant each, else nothing fuses
    return op.fake_quantize(source, *(op.constant(_per_channel(a)) for a in limits), 2)


def _sign(source: Any, layer: Layer) -> Any:
    """Return Sign(scale * x + shift) of integer sums, +1 at 0."""
    assert layer.scale is not None and layer.shift is not None
    roots, rising = -layer.shift / layer.scale, 1 * (layer.scale > 0)
    edges = [ceil(r) - 0.5 if up else floor(r) + 0.5 for r, up in zip(roots, rising, strict=True)]
    return _bits(source, np.array(edges), rising)


def _convolution(source: Any, layer: Layer, binary: bool) -> Any:
    from openvino import Tensor, Type, opset1, opset13
    from openvino.op import Constant

    w, pads = layer.weights, [layer.pad, layer.pad]
    if not binary:
        limits = (opset13.constant(np.float32([v])) for v in (0, 255, 0, 255))
        source = opset13.fake_quantize(source, *limits, 256)
        signs = opset13.convert(opset13.constant(w.astype(np.int8)), "f32")
        kernel = opset13.multiply(signs, opset13.constant(np.ones((len(w), 1, 1, 1), np.float32)))
        return opset13.convolution(source, kernel, [1, 1], pads, pads, [1, 1])
    packed = np.packbits(w.ravel() > 0, bitorder="little")
    kernel = Constant(Tensor(packed, list(w.shape), Type.u1), shared_memory=False)
    return opset1.binary_convolution(
        source, kernel, [1, 1], pads, pads, [1, 1], "xnor-popcount", 0.0
    )


def _compiled(layers: list[Layer], x: Array, binary: bool, whole: bool) -> Any:
    """Compile all ``layers``, or up to the integer sums of the last unless ``whole``."""
    import openvino as ov
    from openvino import opset13 as op

    entry = value = op.parameter(list(x.shape), ov.Type.f32)
    if binary:
        value = _bits(value, np.zeros(x.shape[1]), np.ones(x.shape[1]))
    for layer in layers:
        value = _convolution(value, layer, binary)
        if layer is layers[-1] and not whole:
            break
        if layer.pool > 1:
            size = [layer.pool, layer.pool]
            value = op.max_pool(value, size, [1, 1], [0, 0], [0, 0], size).output(0)
        if layer.sign:
            value, binary = _sign(value, layer), True
        else:
            for function, factor in ((op.multiply, layer.scale), (op.add, layer.shift)):
                assert factor is not None
                value = function(value, op.constant(_per_channel(factor)))
    settings = {
        "INFERENCE_NUM_THREADS": 1,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",
    }
    return ov.Core().compile_model(ov.Model([value], [entry], "bench"), "CPU", settings)


def _kernels(compiled: Any) -> str:
    """Return the names of the convolutions' kernels with their counts."""
    infos = [node.get_rt_info() for node in compiled.get_runtime_model().get_ordered_ops()]
    used = Counter(
        info["primitiveType"].astype(str)
        for info in infos
        if info["layerType"].astype(str).endswith("Convolution")
    )
    return ", ".join(f"{count} {name}" for name, count in used.most_common())


def _check(layers: list[Layer], x: Array, oracle: CompiledModel, q: Array) -> Array:
    """Compare the sums of every layer with the interpreter's; return its scores.

    ``q`` is the sample as the oracle takes it. Raises RuntimeError at the first difference.
    """
    graph, binary = oracle.model.graph, q.dtype == np.int8
    run = run_imported(graph, oracle.tiers, {graph.inputs[0]: q}, keep="all")
    names = [n.outputs[0] for n in graph.nodes if n.op.name in ("conv", "matmul")]
    for number, (name, _) in enumerate(zip(names, layers, strict=True), 1):
        got = _compiled(layers[:number], x, binary, whole=False)([x])[0]
        wrong = int(np.count_nonzero(got.ravel() != run.values[name].val.ravel()))
        if wrong:
            raise RuntimeError(f"layer {number}: {wrong} of {got.size} sums are wrong, not timed")
    return run.values[run.logits].val.ravel()


def openvino_binary_engine(
    model: onnx.ModelProto, oracle: CompiledModel, sample: Array, repeats: int
) -> tuple[str, Callable[[], float]]:
    """Return the kernels that run and OpenVINO with every result checked.

    ``sample`` is int8 signs or bytes. Raises ImportError when openvino is not installed,
    RuntimeError when any sum, the class or a score differs from the interpreter's.
    """
    import openvino as ov

    x = (sample if sample.ndim == 4 else sample[:, :, None, None]).astype(np.float32)
    layers = layers_of(model, x.shape[1])
    scores = _check(layers, x, oracle, sample)
    compiled = _compiled(layers, x, sample.dtype == np.int8, whole=True)
    request = compiled.create_infer_request()
    request.set_input_tensor(ov.Tensor(x))

    def infer() -> Array:
        return request.infer(share_outputs=True)[0].ravel()

    for _ in range(2):  # a second inference must not differ either
        error = float(np.abs(infer() - scores).max())
        if error > _SCORE_TOLERANCE or infer().argmax() != scores.argmax():
            raise RuntimeError(f"scores differ from the interpreter's by {error:.1e}, not timed")

    def seconds() -> float:
        start = time.perf_counter()
        for _ in range(repeats):
            infer()
        return (time.perf_counter() - start) / repeats

    return f"{_kernels(compiled)}; {len(layers)} layers checked", seconds
