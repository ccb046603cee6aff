"""How constants become image bytes: the registry of encodings.

Every encoding is total: ``decode`` gives an array for any bytes of the right
length. Sections are padded to a multiple of 8 bytes; padding bits are written
as zero and never read. Bytes are little-endian everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar, Final, Protocol

import numpy as np
import numpy.typing as npt

from hysteron.errors import InternalError, ShapeError
from hysteron.image.cells import Axis, Cells
from hysteron.ir.types import NUMPY, Array, TensorType

Bits = npt.NDArray[np.uint8]
#: Raw cell contents: bit planes (P, *shape) as 0/1, or unsigned integers.
Raw = npt.NDArray[np.unsignedinteger[Any]]

#: Sections and bit rows are padded to this many bytes.
WORD_BYTES: Final = 8
#: Outputs that share one word of the sliced layout.
LANES: Final = 32


def align(count: int, step: int = WORD_BYTES) -> int:
    """Return ``count`` rounded up to a multiple of ``step``."""
    return -(-count // step) * step


class Encoding(Protocol):
    """A bijection between arrays of one type and the cells of a section."""

    name: ClassVar[str]

    def nbytes(self, type_: TensorType) -> int:
        """Return the section length in bytes, a multiple of 8."""

    def cells(self, type_: TensorType) -> Cells:
        """Return where each logical cell lies."""

    def store(self, raw: Raw, type_: TensorType) -> bytes:
        """Return the section of raw cell contents; padding bits are 0."""

    def load(self, data: bytes, type_: TensorType) -> Raw:
        """Return the raw cell contents: bit planes (P, *shape), or unsigned integers."""

    def encode(self, array: Array, type_: TensorType) -> bytes:
        """Return the section of an array of the type's shape; padding bits are 0."""

    def decode(self, data: bytes, type_: TensorType) -> Array:
        """Return the array any ``nbytes`` bytes mean; padding bits are ignored."""

    def describe(self) -> dict[str, object]:
        """Return name and parameters as JSON values."""

    def __hash__(self) -> int:
        """Encodings are frozen."""


def planes_of(array: npt.NDArray[Any], dtype: str) -> Bits:
    """Return the bit planes (P, ...) of values -1/+1 (b1) or -1/0/+1 (t2)."""
    if dtype == "b1":
        return np.asarray(array > 0, dtype=np.uint8)[None]
    return np.stack([array > 0, array < 0]).astype(np.uint8)


def values_of(planes: Raw, dtype: str) -> npt.NDArray[np.int8]:
    """Return the values of bit planes (P, ...): 2b-1 for b1, positive - negative for t2."""
    signed = planes.astype(np.int8)
    if dtype == "b1":
        signs: npt.NDArray[np.int8] = np.where(signed[0] > 0, 1, -1).astype(np.int8)
        return signs
    difference: npt.NDArray[np.int8] = np.subtract(signed[0], signed[1], dtype=np.int8)
    return difference


def plane_count(type_: TensorType) -> int:
    """Return 1 for b1 and 2 for t2; other types have no bit planes."""
    if type_.dtype not in ("b1", "t2"):
        raise ShapeError("this encoding stores bits", got=str(type_), wanted="b1 or t2")
    return 1 if type_.dtype == "b1" else 2


def _checked(array: Array, type_: TensorType) -> Array:
    if array.shape != type_.shape:
        raise ShapeError("constant has another shape", got=str(array.shape), wanted=str(type_))
    return array


def _sized(data: bytes, wanted: int) -> Bits:
    if len(data) != wanted:
        raise ShapeError("section has another length", got=f"{len(data)} B", wanted=f"{wanted} B")
    return np.frombuffer(data, dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class RowBits:
    """Bit rows, each padded to 8 bytes; t2 has all positive rows, then all negative.

    ``outer`` says how many leading axes number the rows: 1 for weights (N, K...),
    -1 for per-channel tables (P, C), whose last axis is the row.
    """

    name: ClassVar[str] = "rows"
    outer: int = 1

    def _matrix(self, type_: TensorType) -> tuple[int, int]:
        outer = self.outer if self.outer >= 0 else max(len(type_.shape) + self.outer, 0)
        return prod(type_.shape[:outer]), prod(type_.shape[outer:])

    def nbytes(self, type_: TensorType) -> int:
        """Return planes x rows x padded row bytes."""
        rows, length = self._matrix(type_)
        return plane_count(type_) * rows * align(-(-length // 8))

    def cells(self, type_: TensorType) -> Cells:
        """Return cell r*K + k at bit k of row r, in each plane."""
        rows, length = self._matrix(type_)
        row_bits = 8 * align(-(-length // 8))
        axes = (Axis(rows, max(row_bits, 1)), Axis(length, 1))
        return Cells(axes, plane_count(type_), rows * row_bits)

    def store(self, raw: Raw, type_: TensorType) -> bytes:
        """Return the packed rows of bit planes (P, *shape)."""
        rows, length = self._matrix(type_)
        planes = raw.reshape(plane_count(type_), rows, length)
        packed = np.packbits(planes, axis=-1, bitorder="little")
        out = np.zeros((len(planes), rows, align(packed.shape[-1])), dtype=np.uint8)
        out[..., : packed.shape[-1]] = packed
        return out.tobytes()

    def load(self, data: bytes, type_: TensorType) -> Raw:
        """Return the bit planes (P, *shape) of the packed rows."""
        rows, length = self._matrix(type_)
        raw = _sized(data, self.nbytes(type_))
        raw = raw.reshape(plane_count(type_), rows, align(-(-length // 8)))
        bits = np.unpackbits(raw, axis=-1, count=length, bitorder="little")
        return bits.reshape(plane_count(type_), *type_.shape)

    def encode(self, array: Array, type_: TensorType) -> bytes:
        """Return the packed rows of an array of the type's shape."""
        return self.store(planes_of(_checked(array, type_), type_.dtype), type_)

    def decode(self, data: bytes, type_: TensorType) -> Array:
        """Return the values of the packed rows."""
        return values_of(self.load(data, type_), type_.dtype)

    def describe(self) -> dict[str, object]:
        """Return name and row rule."""
        return {"name": self.name, "outer_axes": self.outer, "row_pad_bytes": WORD_BYTES}


@dataclass(frozen=True, slots=True)
class TableBits(RowBits):
    """Bit tables (P, C): one padded row for each leading index."""

    name: ClassVar[str] = "bits"
    outer: int = -1


@dataclass(frozen=True, slots=True)
class CheckBits(RowBits):
    """Check bits (words, c) of a code, one dense row: bit n*c + j is bit j of word n."""

    name: ClassVar[str] = "checks"
    outer: int = 0


@dataclass(frozen=True, slots=True)
class Sliced:
    """Weights (N, K...) transposed for bit slicing.

    Outputs go in slices of 32 that restart at each of ``groups`` conv groups.
    A slice is K little-endian uint32 words; bit j of word k is weight k of the
    slice's output j. t2 has the whole positive plane, then the negative one.
    """

    name: ClassVar[str] = "sliced"
    groups: int = 1

    def _extents(self, type_: TensorType) -> tuple[int, int, int]:
        """Return (outputs per group, slices per group, K)."""
        count = type_.shape[0]
        if self.groups < 1 or count % self.groups:
            raise ShapeError("outputs do not divide into groups", got=f"{count} / {self.groups}")
        per_group = count // self.groups
        return per_group, -(-per_group // LANES), prod(type_.shape[1:])

    def nbytes(self, type_: TensorType) -> int:
        """Return planes x groups x slices x K words of 4 bytes, padded to 8."""
        _, slices, length = self._extents(type_)
        return align(plane_count(type_) * self.groups * slices * length * 4)

    def cells(self, type_: TensorType) -> Cells:
        """Return cell o*K + k at bit o%32 of word k of its slice."""
        per_group, slices, length = self._extents(type_)
        slice_bits = max(length, 1) * LANES
        axes = (
            Axis(self.groups, max(slices, 1) * slice_bits),
            Axis(per_group, 1, LANES, slice_bits),
            Axis(length, LANES),
        )
        return Cells(axes, plane_count(type_), self.groups * slices * length * LANES)

    def store(self, raw: Raw, type_: TensorType) -> bytes:
        """Return the transposed words of bit planes (P, *shape)."""
        per_group, slices, length = self._extents(type_)
        planes = raw.reshape(plane_count(type_), self.groups, per_group, length)
        lanes = np.zeros((len(planes), self.groups, slices * LANES, length), dtype=np.uint8)
        lanes[:, :, :per_group] = planes
        lanes = lanes.reshape(len(planes), self.groups, slices, LANES, length).swapaxes(-1, -2)
        data = np.packbits(lanes, axis=-1, bitorder="little").tobytes()
        return data.ljust(self.nbytes(type_), b"\0")

    def load(self, data: bytes, type_: TensorType) -> Raw:
        """Return the bit planes (P, *shape) of the transposed words."""
        per_group, slices, length = self._extents(type_)
        planes = plane_count(type_)
        raw = _sized(data, self.nbytes(type_))[: planes * self.groups * slices * length * 4]
        bits = np.unpackbits(raw, bitorder="little")
        bits = bits.reshape(planes, self.groups, slices, length, LANES).swapaxes(-1, -2)
        bits = bits.reshape(planes, self.groups, slices * LANES, length)[:, :, :per_group]
        return bits.reshape(planes, *type_.shape)

    def encode(self, array: Array, type_: TensorType) -> bytes:
        """Return the transposed words of an array of the type's shape."""
        return self.store(planes_of(_checked(array, type_), type_.dtype), type_)

    def decode(self, data: bytes, type_: TensorType) -> Array:
        """Return the values of the transposed words."""
        return values_of(self.load(data, type_), type_.dtype)

    def describe(self) -> dict[str, object]:
        """Return name, groups and lanes."""
        return {"name": self.name, "groups": self.groups, "lanes": LANES, "word_bytes": 4}


@dataclass(frozen=True, slots=True)
class Plain:
    """Little-endian integers or binary32, row-major; each bit is a cell."""

    name: ClassVar[str] = "plain"

    @staticmethod
    def _dtype(type_: TensorType) -> np.dtype[np.generic]:
        if type_.dtype in ("b1", "t2"):
            raise ShapeError("plain sections hold integers or f32", got=str(type_))
        return np.dtype(NUMPY[type_.dtype]).newbyteorder("<")

    def _raw(self, type_: TensorType) -> np.dtype[np.generic]:
        return np.dtype(f"<u{self._dtype(type_).itemsize}")

    def nbytes(self, type_: TensorType) -> int:
        """Return elements x width, padded to 8."""
        return align(type_.size * self._dtype(type_).itemsize)

    def cells(self, type_: TensorType) -> Cells:
        """Return cell e*width + b at bit b of element e."""
        width = 8 * self._dtype(type_).itemsize
        return Cells((Axis(type_.size, width), Axis(width, 1)), 1, 8 * self.nbytes(type_))

    def store(self, raw: Raw, type_: TensorType) -> bytes:
        """Return the bytes of unsigned integers as wide as the elements."""
        return raw.astype(self._raw(type_)).tobytes().ljust(self.nbytes(type_), b"\0")

    def load(self, data: bytes, type_: TensorType) -> Raw:
        """Return the elements' bytes as unsigned integers."""
        kind = self._raw(type_)
        little = np.frombuffer(_sized(data, self.nbytes(type_)).tobytes(), kind, type_.size)
        raw: Raw = little.astype(kind.newbyteorder("=")).reshape(type_.shape)
        return raw

    def encode(self, array: Array, type_: TensorType) -> bytes:
        """Return the little-endian bytes; the values must fit the type."""
        wanted = self._dtype(type_)
        stored = _checked(array, type_).astype(wanted)
        if not np.array_equal(stored, array, equal_nan=type_.dtype == "f32"):
            raise InternalError(f"constant does not fit {type_}", got=str(array.dtype))
        return stored.tobytes().ljust(self.nbytes(type_), b"\0")

    def decode(self, data: bytes, type_: TensorType) -> Array:
        """Return the elements in native byte order."""
        raw = _sized(data, self.nbytes(type_)).tobytes()
        array = np.frombuffer(raw, dtype=self._dtype(type_), count=type_.size)
        return array.astype(NUMPY[type_.dtype]).reshape(type_.shape)

    def describe(self) -> dict[str, object]:
        """Return the name."""
        return {"name": self.name}


def encoding(name: str, groups: int = 1) -> Encoding:
    """Return the encoding "rows", "sliced", "plain" or "bits".

    ``groups`` is the number of conv groups; only "sliced" depends on it.
    """
    if name == Sliced.name:
        return Sliced(groups)
    known: dict[str, Encoding] = {"rows": RowBits(), "bits": TableBits(), "plain": Plain()}
    if name not in known:
        wanted = ", ".join([*known, Sliced.name])
        raise InternalError(f"unknown encoding '{name}'", wanted=wanted)
    return known[name]
