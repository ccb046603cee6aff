"""Tensor types: an element encoding and a logical shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from hysteron.errors import ShapeError

Array = npt.NDArray[np.generic]

#: Element encodings. b1 is one bit (0 means -1, 1 means +1); t2 is two bits, a
#: positive and a negative plane, value = positive - negative (11 reads as 0).
DTYPES: Final = ("b1", "t2", "u8", "i8", "i16", "i32", "f32")

#: NumPy type in which the interpreter holds one element of each encoding.
NUMPY: Final[dict[str, type[np.generic]]] = {
    "b1": np.int8,
    "t2": np.int8,
    "u8": np.uint8,
    "i8": np.int8,
    "i16": np.int16,
    "i32": np.int32,
    "f32": np.float32,
}

#: Smallest and largest integer of each integer encoding.
LIMITS: Final[dict[str, tuple[int, int]]] = {
    "b1": (-1, 1),
    "t2": (-1, 1),
    "u8": (0, 255),
    "i8": (-128, 127),
    "i16": (-32768, 32767),
    "i32": (-(2**31), 2**31 - 1),
}


@dataclass(frozen=True, slots=True)
class TensorType:
    """Element encoding and logical shape; packing never shows in the shape."""

    dtype: str
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise ShapeError(f"unknown dtype '{self.dtype}'", wanted=", ".join(DTYPES))
        if any(dim < 0 for dim in self.shape):
            raise ShapeError("negative dimension", got=str(self.shape))

    @property
    def size(self) -> int:
        """Number of elements."""
        total = 1
        for dim in self.shape:
            total *= dim
        return total

    def __str__(self) -> str:
        return f"{self.dtype}[{','.join(map(str, self.shape))}]"
