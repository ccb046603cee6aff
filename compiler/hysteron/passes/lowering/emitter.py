"""Collects kernel nodes while a source graph is lowered."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from hysteron.errors import HysteronError, UnsupportedError
from hysteron.ir.graph import Graph, Node, Origin, View
from hysteron.ir.op import Op
from hysteron.ir.types import Array, TensorType
from hysteron.passes.lowering.values import Floats, Index, Lattice, Value


class Refused(Exception):
    """A node that cannot be lowered exactly; collected, then raised together."""


class Emitter:
    """Builds the kernel graph: fresh ids, inferred types, recorded views."""

    def __init__(self, source: Graph) -> None:
        self.source = source
        self.nodes: list[Node] = []
        self.types: dict[str, TensorType] = {}
        self.consts: dict[str, Array] = {}
        self.views: dict[str, View] = {}
        self.reasons: list[str] = []
        self.stored: dict[int, tuple[Lattice, Lattice]] = {}
        self.floats: dict[int, tuple[Value, Floats]] = {}
        self.transposed: dict[tuple[str, bytes, bytes], str] = {}
        self._count = 0

    def const(self, array: Array, dtype: str) -> str:
        """Add a constant and return its id."""
        name = f"w{self._count}"
        self._count += 1
        self.consts[name] = array
        self.types[name] = TensorType(dtype, tuple(array.shape))
        return name

    def emit(self, op: Op, inputs: tuple[str, ...], origin: Origin) -> tuple[str, ...]:
        """Append a node and return its output ids; shape errors become reasons."""
        try:
            types = op.infer(*(self.types[name] for name in inputs))
        except HysteronError as error:
            raise Refused(f"{origin}: {error.message()}") from error
        outputs = []
        for kind in types:
            name = f"t{self._count}"
            self._count += 1
            self.types[name] = kind
            outputs.append(name)
        self.nodes.append(Node(op, inputs, tuple(outputs), origin))
        return tuple(outputs)

    def one(self, op: Op, inputs: tuple[str, ...], origin: Origin) -> str:
        """Append a node with a single output and return its id."""
        (output,) = self.emit(op, inputs, origin)
        return output

    def view(
        self, imported: str, tensor: str, index: Index, scale: Fraction, offset: Fraction
    ) -> None:
        """Record where an imported tensor lives."""
        self.views[imported] = View(tensor, index, scale, offset)

    def raise_reasons(self) -> None:
        """Raise UnsupportedError naming every reason collected so far."""
        if self.reasons:
            shown = "; ".join(self.reasons[:4]) + ("; ..." if len(self.reasons) > 4 else "")
            raise UnsupportedError(
                f"{len(self.reasons)} part(s) of the model cannot be compiled exactly: {shown}",
                fix="see 'hysteron inspect' for the whole list",
                reasons=tuple(self.reasons),
            )


def flat_index(shape: tuple[int, ...]) -> Index:
    """Return the row-major index of a shape."""
    return np.arange(int(np.prod(shape, dtype=np.int64)), dtype=np.int64).reshape(shape)
