"""What an ONNX tensor name stands for while a model is read."""

from __future__ import annotations

from dataclasses import dataclass

from hysteron.ir.types import Array


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """A constant (``array``) or a tensor of the source graph (``tensor`` is its id).

    ``elem`` is the element type the model gives it, as a NumPy name; source
    tensors carry real numbers whatever it is. ``name`` is the ONNX name.
    """

    shape: tuple[int, ...]
    elem: str = "float32"
    array: Array | None = None
    tensor: str = ""
    name: str = ""

    @property
    def is_const(self) -> bool:
        """Whether the value is known without running the model."""
        return self.array is not None

    @property
    def rank(self) -> int:
        """Number of axes, the batch axis included."""
        return len(self.shape)


def constant(array: Array, name: str = "") -> Value:
    """Return a constant Value that holds ``array``."""
    return Value(shape=array.shape, elem=array.dtype.name, array=array, name=name)
