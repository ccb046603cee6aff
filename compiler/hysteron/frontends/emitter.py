"""The source graph under construction: ids, types, constants, labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from hysteron.errors import ModelError, ShapeError, UnsupportedError
from hysteron.frontends.onnx_tensor import MAX_ELEMENTS
from hysteron.frontends.value import Value, constant
from hysteron.ir.graph import Graph, Node, Origin
from hysteron.ir.op import Op
from hysteron.ir.types import Array, TensorType
from hysteron.ops.source.reshape import Reshape

MAX_RANK: Final = 8


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """``sign_zero`` is None (as the model says), "+1" or "-1"; see ``load_model``."""

    file: str = "model"
    sign_zero: str | None = None
    weight_tolerance: float = 0.0


class Emitter:
    """Collects typed nodes. Every activation keeps the batch axis first, size 1."""

    def __init__(self, options: ImportOptions, batch: int | None) -> None:
        self.options = options
        self.batch = batch  # size the file gives the batch axis, None where it is symbolic
        self.origin = Origin()
        self.nodes: list[Node] = []
        self.types: dict[str, TensorType] = {}
        self.consts: dict[str, Array] = {}
        self.labels: dict[str, str] = {}
        self.inputs: list[str] = []
        self.signs_overridden = 0
        self.weights_snapped = 0
        self.snapped_weights: dict[str, Array] = {}  # by model name, in the model's layout
        self._const_ids: dict[int, tuple[str, Array]] = {}

    def add_input(self, name: str, shape: tuple[int, ...], elem: str) -> Value:
        """Add a graph input and return its value."""
        tensor = self._new_tensor(TensorType("f32", shape))
        self.inputs.append(tensor)
        self.labels[tensor] = name
        return Value(shape=shape, elem=elem, tensor=tensor, name=name)

    def emit(self, op: Op, *values: Value, elem: str = "float32", any_elem: bool = False) -> Value:
        """Append ``op`` and return its (only) output.

        Activations must be float32 unless ``any_elem``. Raises ModelError when
        shapes do not fit and UnsupportedError when samples would be mixed.
        """
        if not any_elem:
            self._require_floats(values)
        ids = tuple(self._operand(value) for value in values)
        try:
            (kind,) = op.infer(*(self.types[i] for i in ids))
        except ShapeError as err:
            raise ModelError(
                "shapes do not fit", where=str(self.origin), got=err.message()
            ) from err
        if not kind.shape or kind.shape[0] != 1:
            raise UnsupportedError(
                "the result does not keep the batch as its first axis",
                where=str(self.origin),
                got=f"shape {list(kind.shape)}",
                wanted="[1, ...]",
            )
        if kind.size > MAX_ELEMENTS or len(kind.shape) > MAX_RANK:
            raise ModelError("tensor too large", where=str(self.origin), got=str(kind))
        tensor = self._new_tensor(kind)
        self.nodes.append(Node(op, ids, (tensor,), self.origin))
        return Value(shape=kind.shape, elem=elem, tensor=tensor)

    def elementwise(self, op: Op, *values: Value, elem: str = "float32") -> Value:
        """Emit a broadcasting op after giving all activations the same rank.

        NumPy broadcasting aligns shapes at the right, so an activation of lower
        rank would have its batch axis matched with a later one.
        """
        rank = max(value.rank for value in values)
        padded = [v if v.is_const else self.widened(v, rank) for v in values]
        return self.emit(op, *padded, elem=elem, any_elem=True)

    def widened(self, value: Value, rank: int) -> Value:
        """Return ``value`` with axes of size 1 in front, up to ``rank`` axes."""
        return self.reshape(value, (1,) * (rank - value.rank) + value.shape)

    def reshape(self, value: Value, shape: Sequence[int]) -> Value:
        """Return ``value`` in another shape of as many elements, unchanged if it has it."""
        target = tuple(shape)
        if target == value.shape:
            return value
        if math.prod(target) != math.prod(value.shape):
            raise ModelError(
                "reshape changes the number of elements",
                where=str(self.origin),
                got=f"{list(value.shape)} to {list(target)}",
            )
        if value.array is not None:
            return constant(value.array.reshape(target))
        if not target or target[0] != 1:
            raise UnsupportedError(
                "the result does not keep the batch as its first axis",
                where=str(self.origin),
                got=f"shape {list(target)}",
                wanted="[1, ...]",
            )
        return self.emit(Reshape(shape=target), value, elem=value.elem, any_elem=True)

    def const(self, array: Array | float) -> Value:
        """Return a constant; Python numbers become float32."""
        return constant(np.asarray(array, np.float32) if isinstance(array, float | int) else array)

    def label(self, value: Value, name: str) -> Value:
        """Return ``value`` under the model's ``name``; the first name of a tensor stays."""
        if value.tensor:
            self.labels.setdefault(value.tensor, name)
        return Value(value.shape, value.elem, value.array, value.tensor, name)

    def graph(self, outputs: tuple[str, ...]) -> Graph:
        """Return what was collected."""
        return Graph(
            inputs=tuple(self.inputs),
            outputs=outputs,
            nodes=tuple(self.nodes),
            types=self.types,
            consts=self.consts,
            labels=self.labels,
        )

    def _new_tensor(self, kind: TensorType) -> str:
        tensor = f"v{len(self.types) - len(self.consts)}"
        self.types[tensor] = kind
        return tensor

    def _require_floats(self, values: Sequence[Value]) -> None:
        wrong = sorted({v.elem for v in values if not v.is_const and v.elem != "float32"})
        if wrong:
            raise UnsupportedError(
                "arithmetic on activations that are not float32",
                where=str(self.origin),
                got=", ".join(wrong),
                wanted="float32 (Cast first)",
            )

    def _operand(self, value: Value) -> str:
        """Return the id of an operand; constants enter the graph at their first use."""
        if value.array is None:
            return value.tensor
        known = self._const_ids.get(id(value.array))
        if known is not None:
            return known[0]
        if value.array.dtype.kind == "f" and not bool(np.isfinite(value.array).all()):
            raise ModelError(
                "a constant holds infinity or NaN", where=str(self.origin), wanted="finite numbers"
            )
        ident = f"c{len(self.consts)}"
        self._const_ids[id(value.array)] = (ident, value.array)
        is_bool = value.array.dtype.kind == "b"
        self.consts[ident] = value.array.astype(np.float32) if is_bool else value.array
        self.types[ident] = TensorType("f32", value.array.shape)
        if value.name:
            self.labels.setdefault(ident, value.name)
        return ident
