"""The two networks of the comparison: an MLP 784-1024-1024-10 and BinaryNet's VGG.

M. Courbariaux et al., Binarized Neural Networks, NIPS 2016. Weights are random signs and
the batch normalisation is random too: times do not depend on them, exactness is tested on
trained models elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SEED = 9
OPSET = 17


@dataclass
class Builder:
    """A chain of ONNX nodes that starts at ``x``."""

    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(SEED))
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    consts: list[onnx.TensorProto] = field(default_factory=list)
    last: str = "x"
    macs: int = 0

    def const(self, array: np.ndarray) -> str:
        """Add a float32 constant; return its name."""
        name = f"c{len(self.consts)}"
        self.consts.append(numpy_helper.from_array(array.astype(np.float32), name))
        return name

    def add(self, kind: str, *inputs: str, **attributes: object) -> None:
        """Append one node after the last."""
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, [self.last, *inputs], [name], **attributes))
        self.last = name

    def weights(self, *shape: int) -> str:
        """Return random signs (0 never occurs)."""
        return self.const(self.rng.choice([-1.0, 1.0], shape))

    def dense(self, k: int, n: int) -> None:
        """MatMul (1, K) x (K, N)."""
        self.macs += k * n
        self.add("MatMul", self.weights(k, n))

    def conv(self, c: int, o: int, side: int) -> None:
        """3 x 3 convolution with zero padding of one pixel."""
        self.macs += 9 * c * o * side * side
        self.add("Conv", self.weights(o, c, 3, 3), pads=[1, 1, 1, 1], kernel_shape=[3, 3])

    def norm(self, n: int, spread: float) -> None:
        """Batch normalisation whose mean has the spread of the sums it follows."""
        gamma = self.rng.uniform(0.5, 1.5, n) * self.rng.choice([-1.0, 1.0], n)
        beta, mean = self.rng.normal(0, 0.1, n), self.rng.normal(0, 0.1 * spread, n)
        var = self.rng.uniform(0.5, 1.5, n) * spread * spread
        self.add("BatchNormalization", *(self.const(a) for a in (gamma, beta, mean, var)))

    def sign(self) -> None:
        """Sign, as +1 at 0 in the compiler and 0 in ONNX (times do not differ)."""
        self.add("Sign")

    def model(self, shape: tuple[int, ...]) -> onnx.ModelProto:
        """Return the checked model with input ``x`` (1, *shape) and output ``y`` (1, 10)."""
        self.nodes[-1].output[0] = "y"
        graph = helper.make_graph(
            self.nodes, "bench",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, *shape])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 10])],
            self.consts,
        )  # fmt: skip
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
        onnx.checker.check_model(model)
        return model


def mlp(input_rms: float) -> tuple[onnx.ModelProto, int]:
    """Return 784-1024-1024-10 and its MACs; ``input_rms`` of the pixels scales the first mean."""
    b = Builder()
    for k, n, rms in ((784, 1024, input_rms), (1024, 1024, 1.0)):
        b.dense(k, n)
        b.norm(n, rms * k**0.5)
        b.sign()
    b.dense(1024, 10)
    b.norm(10, 32.0)
    return b.model((784,)), b.macs


def vgg(width: int = 128) -> tuple[onnx.ModelProto, int]:
    """Return BinaryNet's VGG on 3 x 32 x 32 and its MACs (617 M at width 128)."""
    b = Builder()
    side, channels = 32, 3
    for stage, out in enumerate((width, 2 * width, 4 * width)):
        for half in (0, 1):
            rms = 147.0 if channels == 3 else 1.0  # of uniform bytes
            b.conv(channels, out, side)
            if half:
                b.add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
            b.norm(out, rms * (9 * channels) ** 0.5)
            b.sign()
            channels = out
        side = 32 >> (stage + 1)
    features = channels * side * side
    b.add("Flatten", axis=1)
    for k in (features, 8 * width):
        b.dense(k, 8 * width)
        b.norm(8 * width, k**0.5)
        b.sign()
    b.dense(8 * width, 10)
    b.norm(10, (8 * width) ** 0.5)
    return b.model((3, 32, 32)), b.macs
