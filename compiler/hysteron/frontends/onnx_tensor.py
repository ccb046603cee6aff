"""TensorProto to NumPy, trusting nothing the file says about itself."""

from __future__ import annotations

from typing import Final

import numpy as np
from onnx import TensorProto

from hysteron.errors import ModelError
from hysteron.frontends.text import quoted
from hysteron.ir.types import Array

#: A dimension product above this is damage or an attack, not a model for a microcontroller.
MAX_ELEMENTS: Final = 2**31
#: Largest tensor that constant folding may create.
MAX_FOLDED_BYTES: Final = 64 * 2**20

_T = TensorProto
#: ONNX element type -> (NumPy type, field that holds it when raw_data does not).
ELEMENTS: Final[dict[int, tuple[type[np.generic], str]]] = {
    _T.FLOAT: (np.float32, "float_data"),
    _T.DOUBLE: (np.float64, "double_data"),
    _T.FLOAT16: (np.float16, "int32_data"),
    _T.BOOL: (np.bool_, "int32_data"),
    _T.INT8: (np.int8, "int32_data"),
    _T.UINT8: (np.uint8, "int32_data"),
    _T.INT16: (np.int16, "int32_data"),
    _T.UINT16: (np.uint16, "int32_data"),
    _T.INT32: (np.int32, "int32_data"),
    _T.INT64: (np.int64, "int64_data"),
    _T.UINT32: (np.uint32, "uint64_data"),
    _T.UINT64: (np.uint64, "uint64_data"),
}


def element_name(number: int) -> str:
    """Return the NumPy name of an ONNX element type, or ONNX's own name for others."""
    if number in ELEMENTS:
        return np.dtype(ELEMENTS[number][0]).name
    if number in TensorProto.DataType.values():
        return str(TensorProto.DataType.Name(number)).lower()
    return f"element type {number}"


def checked_size(dims: tuple[int, ...], where: str) -> int:
    """Return the product of ``dims``; raises ModelError for negative or huge dimensions."""
    size = 1
    for dim in dims:
        if dim < 0:
            raise ModelError("negative dimension", where=where, got=str(dim))
        size *= dim
        if size > MAX_ELEMENTS:
            raise ModelError(
                "tensor too large", where=where, got=str(dims[:8]), wanted="at most 2^31 elements"
            )
    return size


def to_array(tensor: TensorProto, where: str) -> Array:
    """Return the tensor's values in its own element type.

    Raises ModelError for external data, unknown element types, data whose
    length does not match the dimensions, and NaN (infinities are left to the
    reader: they are legal clip bounds).
    """
    if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
        raise ModelError(
            "tensor data lies in another file (external data)",
            where=where,
            fix="save the model as one file: onnx.save(onnx.load(path), 'one_file.onnx')",
        )
    if tensor.HasField("segment"):
        raise ModelError("tensor is split into segments", where=where)
    if tensor.data_type not in ELEMENTS:
        raise ModelError(
            "unsupported element type", where=where, got=element_name(tensor.data_type)
        )
    dtype, field = ELEMENTS[tensor.data_type]
    dims = tuple(tensor.dims)
    size = checked_size(dims, where)
    flat = _raw(tensor, dtype) if tensor.HasField("raw_data") else _typed(tensor, dtype, field)
    if flat is None or flat.size != size:
        got = "raw data" if flat is None else f"{flat.size} elements"
        raise ModelError(
            "tensor data does not match its dimensions",
            where=where,
            got=got,
            wanted=f"{size} elements of {np.dtype(dtype).name} for {list(dims[:8])}",
        )
    if np.dtype(dtype).kind == "f" and bool(np.isnan(flat).any()):
        raise ModelError("tensor holds NaN", where=where)
    return flat.reshape(dims)


def _raw(tensor: TensorProto, dtype: type[np.generic]) -> Array | None:
    """Return raw_data as an array, None when its length is no multiple of the element."""
    data = tensor.raw_data
    little = np.dtype(dtype).newbyteorder("<")
    if len(data) % little.itemsize:
        return None
    if dtype is np.bool_:
        truth: Array = np.frombuffer(data, np.uint8) != 0
        return truth
    stored: Array = np.frombuffer(data, little)
    return stored.astype(dtype, copy=False)


def _typed(tensor: TensorProto, dtype: type[np.generic], field: str) -> Array:
    """Return the typed repeated field; float16 is kept there as its bit pattern."""
    wide = np.array(getattr(tensor, field), _FIELD_DTYPES[field])
    if dtype is np.float16:
        return wide.astype(np.uint16).view(np.float16)
    with np.errstate(all="ignore"):
        narrow = wide.astype(dtype)
    if np.dtype(dtype).kind in "iu" and bool((narrow.astype(wide.dtype) != wide).any()):
        raise ModelError(
            "tensor value out of range of its element type", where=f"tensor {quoted(tensor.name)}"
        )
    return narrow


_FIELD_DTYPES: Final = {
    "float_data": np.float32,
    "double_data": np.float64,
    "int32_data": np.int32,
    "int64_data": np.int64,
    "uint64_data": np.uint64,
}
