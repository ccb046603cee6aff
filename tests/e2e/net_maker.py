"""Writes small ONNX networks with onnx.helper, and checks or damages what becomes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from hysteron.driver.compile import CompiledModel, Options, compile_model
from hysteron.driver.devices import open_device
from hysteron.driver.samples import random_samples
from hysteron.driver.verify import Verification, make_witness, verify
from hysteron.image.layout import build_image, plan_layout
from hysteron.ir.graph import Node
from hysteron.ir.types import Array


class Maker:
    """Appends nodes to the last tensor ``at``; ``shape`` follows it without the batch axis."""

    def __init__(self, shape: Sequence[int], rng: np.random.Generator, prefix: str = "") -> None:
        self.shape, self.rng, self.prefix = list(shape), rng, prefix
        self.at = f"{prefix}x"
        self._source = helper.make_tensor_value_info(self.at, TensorProto.FLOAT, ["N", *shape])
        self._nodes: list[Any] = []
        self._consts: list[Any] = []
        self._opsets = [helper.make_opsetid("", 17)]

    def const(self, value: Any) -> str:
        """Add an initializer."""
        name = f"{self.prefix}c{len(self._consts)}"
        self._consts.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def op(self, kind: str, *more: str, domain: str = "", **attributes: Any) -> Maker:
        """Add a node on the last tensor."""
        number = len(self._nodes)
        out = f"{self.prefix}t{number}"
        name = f"{self.prefix}n{number}"
        self._nodes.append(
            helper.make_node(kind, [self.at, *more], [out], name=name, domain=domain, **attributes)
        )
        self.at = out
        return self

    def conv(
        self,
        outputs: int,
        kernel: Sequence[int],
        weights: Array | None = None,
        pads: Sequence[int] | None = None,
        strides: Sequence[int] | None = None,
        dilations: Sequence[int] | None = None,
        group: int = 1,
    ) -> Maker:
        """Convolve with weights (outputs, in/group, *kernel); default random ±1."""
        axes = len(kernel)
        pads = list(pads or [0] * (2 * axes))
        strides, dilations = list(strides or [1] * axes), list(dilations or [1] * axes)
        if weights is None:
            weights = self.signs(outputs, self.shape[0] // group, *kernel)
        self.op(
            "Conv", self.const(weights), kernel_shape=list(kernel), pads=pads,
            strides=strides, dilations=dilations, group=group,
        )  # fmt: skip
        self.shape = [outputs, *_slid(self.shape[1:], kernel, pads, strides, dilations)]
        return self

    def pool(self, kernel: Sequence[int], strides: Sequence[int], kind: str = "MaxPool") -> Maker:
        """Take the maximum (or the average) over windows."""
        self.op(kind, kernel_shape=list(kernel), strides=list(strides))
        none = [0] * (2 * len(kernel))
        self.shape[1:] = _slid(self.shape[1:], kernel, none, strides, [1] * len(kernel))
        return self

    def pad(self, value: float, amount: int = 1) -> Maker:
        """Surround the picture with a constant."""
        axes = len(self.shape) - 1
        widths = np.array([0, 0, *[amount] * axes] * 2, np.int64)
        self.op("Pad", self.const(widths), self.const(np.float32(value)))
        self.shape[1:] = [size + 2 * amount for size in self.shape[1:]]
        return self

    def batch_norm(
        self, gamma: Any = None, beta: Any = None, mean: Any = None, var: Any = None
    ) -> Maker:
        """Normalize each channel; None stands for random values."""
        size, rng = self.shape[0], self.rng
        drawn = (
            rng.normal(size=size) if gamma is None else gamma,
            rng.normal(size=size) if beta is None else beta,
            rng.normal(size=size) * 4 if mean is None else mean,
            rng.uniform(0.5, 9, size) if var is None else var,
        )
        full = [self.const(np.broadcast_to(v, (size,)).astype(np.float32)) for v in drawn]
        return self.op("BatchNormalization", *full)

    def sign(self, kind: str = "where") -> Maker:
        """Binarize: Sign, Where(>=0), Sign-Add-Sign (Larq), BipolarQuant, or {0,1} ("step")."""
        if kind == "sign":
            return self.op("Sign")
        if kind == "larq":
            return self.op("Sign").op("Add", self.const(np.float32(0.1))).op("Sign")
        if kind == "bipolar":
            self._opsets = [self._opsets[0], helper.make_opsetid("qonnx.custom_op.general", 1)]
            return self.op(
                "BipolarQuant", self.const(np.float32(1)), domain="qonnx.custom_op.general"
            )
        test = f"{self.prefix}test{len(self._nodes)}"
        zero = self.const(np.float32(0))
        self._nodes.append(helper.make_node("GreaterOrEqual", [self.at, zero], [test]))
        self.at = test
        low = 0 if kind == "step" else -1
        return self.op("Where", self.const(np.float32(1)), self.const(np.float32(low)))

    def dense(self, outputs: int, weights: Array | None = None) -> Maker:
        """Flatten and multiply with weights (in, outputs); default random ±1."""
        if len(self.shape) > 1:
            self.op("Flatten", axis=1)
            self.shape = [int(np.prod(self.shape))]
        if weights is None:
            weights = self.signs(self.shape[0], outputs)
        self.shape = [outputs]
        return self.op("MatMul", self.const(weights))

    def join(self, kind: str, other: str, **attributes: Any) -> Maker:
        """Add or concatenate an earlier tensor."""
        return self.op(kind, other, **attributes)

    def signs(self, *shape: int) -> Array:
        """Return random ±1 as float32."""
        return self.rng.choice(np.array([-1, 1], np.float32), shape)

    def model(self, graph: str = "g") -> onnx.ModelProto:
        """Return the network that ends in the last tensor."""
        result = helper.make_tensor_value_info(self.at, TensorProto.FLOAT, None)
        made = helper.make_graph(self._nodes, graph, [self._source], [result], self._consts)
        return helper.make_model(made, opset_imports=self._opsets, ir_version=8)


def _slid(
    sizes: Sequence[int],
    kernel: Sequence[int],
    pads: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
) -> list[int]:
    axes = len(kernel)
    return [
        (sizes[a] + pads[a] + pads[a + axes] - dilations[a] * (kernel[a] - 1) - 1) // strides[a] + 1
        for a in range(axes)
    ]


def compiled_net(model: onnx.ModelProto, declared: str = "uint8", **options: Any) -> CompiledModel:
    """Compile for this machine."""
    return compile_model(model, Options(inputs=(declared,), **options))


def checked(
    compiled: CompiledModel,
    count: int = 16,
    seed: int = 1,
    witness_model: bytes | None = None,
    samples: Mapping[str, Array] | None = None,
) -> Verification:
    """Verify graphs, C and witness on random samples."""
    if samples is None:
        samples = random_samples(compiled.model.graph, count, seed)
    engine = make_witness(witness_model or compiled.model.model_bytes)
    with open_device(compiled) as device:
        return verify(compiled, samples, None, device, engine)


def assert_exact(result: Verification) -> None:
    """Fail with the list of differences."""
    assert result.bit_exact and result.passes_exact and result.unexplained == 0, result.problems


def damaged(
    compiled: CompiledModel,
    consts: Mapping[str, Array] | None = None,
    node: tuple[Node, Node] | None = None,
) -> CompiledModel:
    """Return the program with other constants or one other node, consistently rebuilt.

    The C is generated from the damaged graph, so only the comparison with the
    imported model can see it.
    """
    program = compiled.program
    nodes = program.final.nodes
    if node is not None:
        nodes = tuple(node[1] if n is node[0] else n for n in nodes)
    final = replace(
        program.final, nodes=tuple(nodes), consts={**program.final.consts, **(consts or {})}
    )
    layout = plan_layout(final, program.plan.steps)
    images = build_image(layout, final.consts)
    return replace(compiled, program=replace(program, final=final, layout=layout, images=images))
