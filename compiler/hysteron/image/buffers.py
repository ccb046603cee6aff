"""Activation buffers: how a batch of tensors lies in memory at run time.

b1 is one flat little-endian bit string, padded with zeros to a multiple of 8
bytes; t2 is its positive plane, then its negative plane; other types are plain
little-endian elements. Buffers start and end on 8-byte boundaries.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hysteron.errors import InputError
from hysteron.image.encodings import align, plane_count, planes_of, values_of
from hysteron.ir.types import NUMPY, Array, TensorType

Bytes = npt.NDArray[np.uint8]


def content_bytes(type_: TensorType) -> int:
    """Return the bytes one tensor's elements take, bit planes padded to 8 bytes each."""
    if type_.dtype in ("b1", "t2"):
        return plane_count(type_) * align(-(-type_.size // 8))
    return type_.size * np.dtype(NUMPY[type_.dtype]).itemsize


def buffer_bytes(type_: TensorType) -> int:
    """Return the bytes one tensor's buffer takes, a multiple of 8."""
    return align(content_bytes(type_))


def pack_buffer(batch: Array, type_: TensorType) -> Bytes:
    """Return (n, content_bytes) bytes of a batch (n, *shape) of exact values.

    Raises InputError when the batch has another shape or values outside the type.
    """
    if batch.shape[1:] != type_.shape:
        raise InputError(
            "input has another shape", got=str(batch.shape), wanted=f"(n, *{type_.shape})"
        )
    flat = np.ascontiguousarray(batch).reshape(len(batch), type_.size)
    if type_.dtype not in ("b1", "t2"):
        return _plain(flat, type_)
    allowed = (-1, 1) if type_.dtype == "b1" else (-1, 0, 1)
    if not np.isin(flat, allowed).all():
        raise InputError(f"input does not fit {type_}", wanted=f"values {allowed}")
    planes = planes_of(flat, type_.dtype)
    packed = np.packbits(planes, axis=-1, bitorder="little")
    out = np.zeros((len(flat), len(planes), align(packed.shape[-1])), dtype=np.uint8)
    out[..., : packed.shape[-1]] = packed.swapaxes(0, 1)
    return out.reshape(len(flat), content_bytes(type_))


def _plain(flat: Array, type_: TensorType) -> Bytes:
    """Return the little-endian bytes of a batch (n, size) of plain elements."""
    wanted = NUMPY[type_.dtype]
    if flat.dtype != wanted:
        with np.errstate(invalid="ignore", over="ignore"):
            stored = flat.astype(wanted)
        if not np.array_equal(stored, flat, equal_nan=type_.dtype == "f32"):
            raise InputError(f"input does not fit {type_}", got=str(flat.dtype))
        flat = stored
    little = flat.astype(flat.dtype.newbyteorder("<"), copy=False)
    return little.view(np.uint8).reshape(len(flat), content_bytes(type_))


def unpack_buffer(data: Bytes, type_: TensorType) -> Array:
    """Return the batch (n, *shape) that bytes (n, >= content_bytes) hold; total."""
    count = len(data)
    data = np.ascontiguousarray(data[:, : content_bytes(type_)])
    if type_.dtype not in ("b1", "t2"):
        little = np.dtype(NUMPY[type_.dtype]).newbyteorder("<")
        plain = data.view(little).astype(NUMPY[type_.dtype])
        return plain.reshape(count, *type_.shape)
    raw = data.reshape(count, plane_count(type_), align(-(-type_.size // 8))).swapaxes(0, 1)
    bits = np.unpackbits(raw, axis=-1, count=type_.size, bitorder="little")
    return values_of(bits, type_.dtype).reshape(count, *type_.shape)
