"""What every operation provides, whatever graph it appears in."""

from __future__ import annotations

from dataclasses import fields
from typing import ClassVar

from hysteron.ir.types import TensorType


class Op:
    """An operation: a frozen dataclass whose fields are its parameters.

    ``name`` equals the stem of the file that defines it.
    """

    name: ClassVar[str] = ""

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        """Return the output types. The only shape rule; raises ShapeError."""
        raise NotImplementedError

    def attributes(self) -> dict[str, object]:
        """Return the fields in declaration order."""
        return {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]
