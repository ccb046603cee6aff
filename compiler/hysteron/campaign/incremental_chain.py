"""Which programs are chains of dense layers, and what the incremental engine needs of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from hysteron.image.layout import Images, Section, constants_of, section_bytes
from hysteron.image.program import Program
from hysteron.ir.graph import Graph, Node
from hysteron.ir.types import TensorType
from hysteron.ops.kernel._base import KernelOp, Params
from hysteron.ops.kernel.argmax import Argmax
from hysteron.ops.kernel.fixed_head import FixedHead
from hysteron.ops.kernel.int_dense import IntDense
from hysteron.ops.kernel.step import Step
from hysteron.ops.kernel.xnor_dense import XnorDense

#: As in runtime_c/emulation: samples handled together, hidden layers, inputs of a later one.
BLOCK: Final = 256
MOST_LAYERS: Final = 16
MOST_INPUTS: Final = 65533

_ENCODINGS: Final = {"rows", "sliced", "plain", "bits"}

Thresholds = npt.NDArray[np.int32]
Inverts = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Hidden:
    """One hidden layer: its node, sizes and sections; ``weights`` is None for thresholds alone."""

    op: IntDense | XnorDense | Step
    types: tuple[TensorType, ...]
    k: int
    n: int
    weights: Section | None
    thresholds: Section
    inverts: Section

    @property
    def dtype(self) -> str:
        """Return the element type of the inputs."""
        return self.types[0].dtype

    @property
    def sections(self) -> tuple[Section, ...]:
        """Return the sections that the layer reads."""
        steps = (self.thresholds, self.inverts)
        return steps if self.weights is None else (self.weights, *steps)

    def bits_params(self) -> Params:
        """Return the kernel's parameters as compiled."""
        return self.op.params(*self.types)

    def sums_params(self) -> Params:
        """Return the parameters of the same kernel when it gives its sums."""
        if isinstance(self.op, Step):
            return self.bits_params()
        return replace(self.op, out="i32", flips=1).params(*self.types[:2])

    def read_steps(self, images: Mapping[str, bytes]) -> tuple[Thresholds, Inverts]:
        """Return thresholds (flips, n) and inversions (n,) as 0 and 1."""
        t = self.thresholds.encoding.decode(
            section_bytes(self.thresholds, images), self.thresholds.type
        )
        inverted = self.inverts.encoding.decode(
            section_bytes(self.inverts, images), self.inverts.type
        )
        # the channels of thresholds alone repeat over positions
        times = self.n // t.shape[-1]
        return (
            np.ascontiguousarray(np.tile(t[0].astype(np.int32), times)),
            np.ascontiguousarray(np.tile(np.greater(inverted[0], 0), times).astype(np.uint8)),
        )


@dataclass(frozen=True)
class Chain:
    """Hidden layers, the last product, an optional fixed-point head, the winner."""

    source: str
    hidden: tuple[Hidden, ...]
    last: XnorDense
    last_types: tuple[TensorType, ...]
    last_weights: Section
    head: FixedHead | None
    head_types: tuple[TensorType, ...]
    head_sections: tuple[Section, ...]
    winner: Params

    @property
    def scores(self) -> int:
        """Return how many sums the last layer has."""
        return self.last_types[1].shape[0]

    @property
    def classes(self) -> int:
        """Return how many scores the winner is taken of."""
        return self.head_types[0].shape[1] if self.head else self.scores

    def kernel_scratch(self) -> int:
        """Return the scratch bytes that the product's kernels may use."""
        sizes = [self.last.scratch_bytes(*self.last_types)]
        sizes += [layer.op.scratch_bytes(*layer.types) for layer in self.hidden]
        if self.head:
            sizes.append(self.head.scratch_bytes(*self.head_types))
        return max(sizes)


class _NotAChain(Exception):
    """The program has something the engine does not do."""


def chain_of(program: Program) -> Chain | None:
    """Return the program as a chain, None when something in it is not supported.

    Supported: one input of u8, i8, i16 or b1 into ``int_dense``, ``step`` or
    ``xnor_dense``, then ``xnor_dense`` layers, all binary, an integer product as the
    last, at most a ``fixed_head`` before ``argmax``. What the winner does not depend
    on (probabilities, scores) may be anything.
    """
    try:
        return _Walk(program).chain()
    except _NotAChain:
        return None


class _Walk:
    """Follows the winner back to the input."""

    def __init__(self, program: Program) -> None:
        self.graph: Graph = program.final
        self.layout = program.layout
        self.winner = program.output.winner
        # A decoder between memory and layer: campaigns decode first (``decoded``).
        _need(not self.layout.protected)
        known = {
            const
            for node in self.graph.nodes
            if not getattr(node.op, "ALIAS", False)
            for const, *_ in constants_of(node, self.graph.types)
        }
        for section in self.layout.sections:
            _need(section.const in known and section.encoding.name in _ENCODINGS)

    def chain(self) -> Chain:
        """Return the chain. Raises _NotAChain."""
        _need(self.winner is not None)
        node = self.producer(str(self.winner))
        argmax = node.op
        _need(isinstance(argmax, Argmax))
        assert isinstance(argmax, KernelOp)
        winner = argmax.params(*self.types(node))
        node, head = self.producer(node.inputs[0]), None
        if isinstance(node.op, FixedHead):
            head = node
            node = self.producer(node.inputs[0])
        last = node
        _need(isinstance(last.op, XnorDense) and last.op.out == "i32" and self.binary(last))
        assert isinstance(last.op, XnorDense)
        hidden: list[Hidden] = []
        while (tensor := self.named(node.inputs[0])) not in self.graph.inputs:
            node = self.producer(tensor)
            hidden.insert(0, self.hidden(node))
        _need(1 <= len(hidden) <= MOST_LAYERS)
        _need(all(isinstance(layer.op, XnorDense) for layer in hidden[1:]))
        _need(all(layer.k <= MOST_INPUTS for layer in hidden[1:]))
        return Chain(
            tensor, tuple(hidden), last.op, self.types(last), self.section(last.inputs[1]),
            head.op if head and isinstance(head.op, FixedHead) else None,
            self.types(head) if head else (),
            tuple(self.section(const) for const in head.inputs[1:]) if head else (),
            winner,
        )  # fmt: skip

    def hidden(self, node: Node) -> Hidden:
        """Return a node as a hidden layer. Raises _NotAChain."""
        op, types = node.op, self.types(node)
        if isinstance(op, Step):
            _need(op.out == "b1" and types[0].dtype in ("u8", "i8", "i16"))
            size = types[0].size
            steps = [self.section(const) for const in node.inputs[1:]]
            return Hidden(op, types, size, size, None, *steps)
        if not isinstance(op, IntDense | XnorDense):
            raise _NotAChain
        _need(op.out == "b1" and types[1].dtype == "b1")
        _need(isinstance(op, IntDense) or self.binary(node))
        n, k = types[1].shape
        weights, *steps = (self.section(const) for const in node.inputs[1:])
        return Hidden(op, types, k, n, weights, *steps)

    def binary(self, node: Node) -> bool:
        """Return whether inputs and weights are one bit each."""
        return all(self.graph.types[tensor].dtype == "b1" for tensor in node.inputs[:2])

    def named(self, tensor: str) -> str:
        """Return the tensor under its first shape."""
        node = self.graph.producer(tensor)
        while node is not None and getattr(node.op, "ALIAS", False):
            tensor = node.inputs[0]
            node = self.graph.producer(tensor)
        return tensor

    def producer(self, tensor: str) -> Node:
        """Return the node that computes a tensor. Raises _NotAChain for inputs."""
        node = self.graph.producer(self.named(tensor))
        if node is None:
            raise _NotAChain
        return node

    def types(self, node: Node) -> tuple[TensorType, ...]:
        """Return the types of a node's inputs."""
        return tuple(self.graph.types[tensor] for tensor in node.inputs)

    def section(self, const: str) -> Section:
        """Return the section of a constant. Raises _NotAChain when it has none."""
        if const not in self.layout.by_const:
            raise _NotAChain
        return self.layout.by_const[const]


def _need(condition: bool) -> None:
    if not condition:
        raise _NotAChain


def read_cells(section: Section, images: Images) -> bytes:
    """Return a weight section's logical cells, one bit each, cell c at bit c%8 of byte c//8."""
    planes = section.encoding.load(section_bytes(section, images), section.type)
    return np.packbits(planes.reshape(-1), bitorder="little").tobytes()
