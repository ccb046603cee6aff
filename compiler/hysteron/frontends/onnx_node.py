"""One ONNX node as the spellings see it: typed attributes, values as inputs."""

from __future__ import annotations

from typing import Final

import numpy as np
from onnx import AttributeProto, NodeProto

from hysteron.errors import ModelError, UnsupportedError
from hysteron.frontends.onnx_file import node_name
from hysteron.frontends.onnx_tensor import to_array
from hysteron.frontends.text import listed, quoted, shown
from hysteron.frontends.value import Value
from hysteron.ir.graph import Origin
from hysteron.ir.types import Array

_A = AttributeProto
#: Attributes that change nothing at inference time.
_WITHOUT_EFFECT: Final = frozenset({"momentum", "consumed_inputs", "storage_order", "seed"})


class NodeView:
    """A node with its inputs looked up. Reading an attribute checks its kind.

    ``opset`` is the version of the node's domain. ``finish`` refuses nodes with
    attributes that no one read, so that none is ignored by mistake.
    """

    def __init__(
        self, node: NodeProto, inputs: list[Value | None], opset: int, file: str = ""
    ) -> None:
        self.node = node
        self.inputs = inputs
        self.opset = opset
        self.origin = Origin(shown(file, 200), shown(node_name(node)), shown(node.op_type))
        self._attributes = {attribute.name: attribute for attribute in node.attribute}
        self._read: set[str] = set()

    def unsupported(self, what: str, *, got: str = "", wanted: str = "") -> UnsupportedError:
        """Return an error that names this node."""
        return UnsupportedError(what, where=str(self.origin), got=got, wanted=wanted)

    def damaged(self, what: str, *, got: str = "", wanted: str = "") -> ModelError:
        """Return a ModelError that names this node."""
        return ModelError(what, where=str(self.origin), got=got, wanted=wanted)

    # -- inputs ---------------------------------------------------------------------------

    def has_input(self, index: int) -> bool:
        """Whether the optional input ``index`` is given."""
        return index < len(self.inputs) and self.inputs[index] is not None

    def input(self, index: int) -> Value:
        """Return a required input; raises ModelError when it is missing."""
        value = self.inputs[index] if index < len(self.inputs) else None
        if value is None:
            raise self.damaged(f"input {index} is missing", got=f"{len(self.inputs)} inputs")
        return value

    def const(self, index: int, what: str) -> Array:
        """Return a required constant input; raises UnsupportedError when it is computed."""
        value = self.input(index)
        if value.array is None:
            raise self.unsupported(
                f"the {what} is computed from the model input", wanted="a constant"
            )
        return value.array

    def const_ints(self, index: int, what: str) -> list[int]:
        """Return a constant integer list given as an input."""
        array = self.const(index, what)
        if array.dtype.kind not in "iu" or array.ndim > 1 or array.size > 64:
            raise self.damaged(f"the {what} must be a list of integers", got=str(array.dtype))
        return [int(item) for item in array.reshape(-1).astype(np.int64)]

    def const_scalar(self, index: int, what: str) -> float:
        """Return a constant number given as an input of one element."""
        array = self.const(index, what)
        if array.size != 1 or array.dtype.kind not in "fiu":
            raise self.damaged(f"the {what} must be one number", got=f"shape {array.shape}")
        return float(array.reshape(-1).astype(np.float64)[0])

    @property
    def outputs_used(self) -> int:
        """Number of outputs up to the last one that has a name."""
        return max((i + 1 for i, name in enumerate(self.node.output) if name), default=0)

    # -- attributes -----------------------------------------------------------------------

    def has(self, name: str) -> bool:
        """Whether the attribute is given."""
        return name in self._attributes

    def integer(self, name: str, default: int | None = None) -> int:
        """Return an integer attribute; raises ModelError when absent without default."""
        attribute = self._get(name, _A.INT)
        if attribute is None and default is None:
            raise self.damaged(f"attribute '{name}' is missing")
        return int(attribute.i if attribute is not None else default or 0)

    def real(self, name: str, default: float) -> float:
        """Return a float attribute: a binary32 number, default included."""
        attribute = self._get(name, _A.FLOAT)
        number = float(np.float32(default)) if attribute is None else attribute.f
        if not np.isfinite(number):
            raise self.damaged(f"attribute '{name}' is not a finite number", got=str(number))
        return number

    def integers(self, name: str) -> list[int] | None:
        """Return an integer list attribute, None when absent."""
        attribute = self._get(name, _A.INTS)
        if attribute is not None and len(attribute.ints) > 64:
            raise self.damaged(f"attribute '{name}' is too long", got=str(len(attribute.ints)))
        return None if attribute is None else list(attribute.ints)

    def text(self, name: str, default: str) -> str:
        """Return a string attribute."""
        attribute = self._get(name, _A.STRING)
        return default if attribute is None else attribute.s.decode("utf-8", "replace")

    def tensor(self, name: str) -> Array | None:
        """Return a tensor attribute, None when absent."""
        attribute = self._get(name, _A.TENSOR)
        return None if attribute is None else to_array(attribute.t, str(self.origin))

    def ignore(self, *names: str) -> None:
        """Declare attributes that do not change the result."""
        self._read.update(names)

    def finish(self) -> None:
        """Raise UnsupportedError for attributes that were given but never read."""
        left = sorted(set(self._attributes) - self._read - _WITHOUT_EFFECT)
        if left:
            raise self.unsupported("attributes are not understood", got=listed(left))

    def _get(self, name: str, kind: int) -> AttributeProto | None:
        self._read.add(name)
        attribute: AttributeProto | None = self._attributes.get(name)
        if attribute is None:
            return None
        if attribute.ref_attr_name or attribute.type != kind:
            raise self.damaged(
                f"attribute {quoted(name)} has the wrong kind",
                got=str(attribute.type),
                wanted=_A.AttributeType.Name(kind),
            )
        return attribute
