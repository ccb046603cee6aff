"""The graph: nodes in execution order over named, typed tensors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from hysteron.ir.types import Array, TensorType

if TYPE_CHECKING:
    from hysteron.ir.op import Op


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a node came from: file, node name and operator of the model."""

    file: str = ""
    node: str = ""
    op_type: str = ""

    def __str__(self) -> str:
        return f"{self.node or '?'} ({self.op_type})" if self.op_type else self.node


@dataclass(frozen=True, slots=True)
class Node:
    """One operation. Inputs and outputs are tensor ids of the graph."""

    op: Op
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    origin: Origin = field(default_factory=Origin)


@dataclass(frozen=True, slots=True)
class InputSpec:
    """How a model input is deployed: the model sees ``scale * (q - zero)``.

    ``dtype`` is b1, u8, i8, i16 or f32; ``layout`` is "nchw" (as the model has
    it) or "nhwc" (channels last in the caller's buffer).
    """

    dtype: str = "f32"
    scale: Fraction = Fraction(1)
    zero: Fraction = Fraction(0)
    layout: str = "nchw"


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """Where a tensor of the imported graph lives in a later graph.

    ``index`` has the imported tensor's shape without the batch axis; entry e is
    the flat position of that element in ``tensor``. The imported value equals
    ``offset + scale * stored``. Only exact relations are recorded.
    """

    tensor: str
    index: npt.NDArray[np.int64]
    scale: Fraction = Fraction(1)
    offset: Fraction = Fraction(0)


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """Immutable. ``types`` and ``consts`` are keyed by tensor id.

    Source graphs keep the batch axis (size 1) first in every shape; kernel
    graphs have no batch axis. ``labels`` maps ids to the names used in the
    model file: they go to JSON reports, never into generated code.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    types: Mapping[str, TensorType]
    consts: Mapping[str, Array] = field(default_factory=dict)
    views: Mapping[str, View] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    specs: Mapping[str, InputSpec] = field(default_factory=dict)

    def producer(self, tensor: str) -> Node | None:
        """Return the node that writes ``tensor``, None for inputs and constants."""
        return next((node for node in self.nodes if tensor in node.outputs), None)

    def consumers(self, tensor: str) -> tuple[Node, ...]:
        """Return the nodes that read ``tensor``, in execution order."""
        return tuple(node for node in self.nodes if tensor in node.inputs)

    def with_nodes(self, nodes: Iterable[Node], **changes: object) -> Graph:
        """Return a copy with other nodes (and any other field given by name)."""
        return replace(self, nodes=tuple(nodes), **changes)  # type: ignore[arg-type]
