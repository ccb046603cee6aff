"""Declared inputs: ``NAME:TYPE[,scale=S][,zero=Z][,layout=nchw|nhwc]`` and sample files."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np

from hysteron.errors import InputError
from hysteron.frontends.text import listed, quoted, shown
from hysteron.ir.graph import Graph, InputSpec
from hysteron.ir.types import LIMITS, NUMPY, Array

#: Declared type -> element encoding.
TYPES: Final = {"b1": "b1", "uint8": "u8", "int8": "i8", "int16": "i16", "float32": "f32"}
LAYOUTS: Final = ("nchw", "nhwc")
_MAX_DIGITS: Final = 40


def parse_inputs(texts: tuple[str, ...], graph: Graph) -> dict[str, InputSpec]:
    """Return tensor id -> InputSpec for every graph input; float32 where undeclared.

    The name may be left out when the model has one input. Raises InputError
    for unknown names (listing the known ones), repeats and malformed text.
    """
    ids = {graph.labels.get(tensor, tensor): tensor for tensor in graph.inputs}
    specs: dict[str, InputSpec] = {}
    for text in texts:
        name, body = _split_name(text, ids)
        if name not in ids:
            raise InputError(
                f"unknown input {quoted(name)}", fix=f"known inputs: {listed(list(ids), 20)}"
            )
        tensor = ids[name]
        if tensor in specs:
            raise InputError(f"input {quoted(name)} is declared twice")
        spec = parse_spec(body)
        if spec.layout == "nhwc" and len(graph.types[tensor].shape) < 3:
            raise InputError(
                "layout=nhwc needs a map",
                where=f"input {quoted(name)}",
                got=str(graph.types[tensor]),
            )
        specs[tensor] = spec
    return {tensor: specs.get(tensor, InputSpec()) for tensor in graph.inputs}


def parse_spec(text: str) -> InputSpec:
    """Return the InputSpec of ``TYPE[,scale=S][,zero=Z][,layout=L]``.

    >>> parse_spec("uint8,scale=1/255").scale
    Fraction(1, 255)
    """
    kind, *options = [part.strip() for part in text.split(",")]
    if kind not in TYPES:
        raise InputError(f"unknown input type {quoted(kind)}", fix=f"known: {', '.join(TYPES)}")
    given: dict[str, str] = {}
    for option in options:
        key, _, value = option.partition("=")
        if key not in ("scale", "zero", "layout") or not value:
            raise InputError(
                f"unknown input option {quoted(option)}", fix="known: scale=S, zero=Z, layout=L"
            )
        if given.setdefault(key, value) != value:
            raise InputError(f"input option {key} is given twice")
    scale, zero = exact(given.get("scale", "1"), "scale"), exact(given.get("zero", "0"), "zero")
    layout = given.get("layout", "nchw")
    if scale <= 0:
        raise InputError("input scale must be positive", got=given["scale"])
    if layout not in LAYOUTS:
        raise InputError(f"unknown layout {quoted(layout)}", fix=f"known: {', '.join(LAYOUTS)}")
    if kind == "float32" and (scale != 1 or zero != 0):
        raise InputError("a float32 input has no scale or zero", fix="leave them out")
    return InputSpec(TYPES[kind], scale, zero, layout)


def exact(text: str, what: str) -> Fraction:
    """Return ``1/255``, ``0.5`` or ``1e-3`` as the exact rational it spells."""
    numbers = text.split("/")
    try:
        if len(text) > _MAX_DIGITS or len(numbers) > 2:
            raise ValueError
        if any(abs(int(n.lower().partition("e")[2] or 0)) > 300 for n in numbers):
            raise ValueError
        parts = [Fraction(number) for number in numbers]
        return parts[0] / parts[1] if len(parts) == 2 else parts[0]
    except (ValueError, ZeroDivisionError):
        raise InputError(
            f"{what} is not a number", got=quoted(text), wanted="1/255, 0.5 or 1e-3"
        ) from None


def load_npy(path: str | os.PathLike[str]) -> Array:
    """Return the array in an ``.npy`` file, by memory map where that is possible.

    Raises InputError for missing, truncated and foreign files and for object
    arrays (which could run code when loaded).
    """
    where = shown(os.fspath(path), 200)
    try:
        with Path(path).open("rb") as file:
            magic = file.read(6)
        if magic != b"\x93NUMPY":
            raise InputError("not an .npy file", where=where, wanted="a NumPy array file")
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError as err:
        raise InputError(
            "cannot open the array", where=where, got=err.strerror or str(err)
        ) from err
    except (ValueError, EOFError, SyntaxError, OverflowError, MemoryError) as err:
        raise InputError("the .npy file is damaged", where=where, got=str(err)[:120]) from err
    if array.dtype.kind not in "fiub":
        raise InputError("the array does not hold numbers", where=where, got=str(array.dtype))
    return np.asarray(array)


def quantize_input(array: Array, spec: InputSpec, shape: tuple[int, ...] | None = None) -> Array:
    """Return the samples as the declared type holds them (b1 as int8 -1/+1).

    ``array`` has samples on axis 0 and either integers in the declared type's
    range or floats that each equal ``float32(scale * (q - zero))`` for some q.
    ``shape`` is the graph input's type shape (1, ...): samples may have it
    (channels last when the spec says nhwc) or be flat. Anything else raises
    InputError naming the first offending index and value.
    """
    samples = array if shape is None else _shaped(array, spec, shape)
    if samples.dtype.kind == "b":
        samples = samples.astype(np.int8)
    if samples.dtype.kind not in "fiu":
        raise InputError("samples are not numbers", got=str(array.dtype))
    if spec.dtype == "f32":
        return _floats(samples)
    if samples.dtype.kind == "f":
        return _from_floats(samples, spec)
    return _from_integers(samples, spec)


def _split_name(text: str, ids: dict[str, str]) -> tuple[str, str]:
    """Split NAME:TYPE,...; names may contain colons and commas themselves."""
    for name in sorted(ids, key=len, reverse=True):
        if text.startswith(f"{name}:"):
            return name, text[len(name) + 1 :]
    if text.split(",")[0].strip() in TYPES or ":" not in text:
        if len(ids) == 1:
            return next(iter(ids)), text
        raise InputError(
            f"which input is {quoted(text)} for?", fix=f"known inputs: {listed(list(ids), 20)}"
        )
    head = text.split(",")[0] if ":" in text.split(",")[0] else text
    name, _, _ = head.rpartition(":")
    return name, text[len(name) + 1 :]


def _shaped(array: Array, spec: InputSpec, shape: tuple[int, ...]) -> Array:
    want = shape[1:]
    if spec.layout == "nhwc" and len(want) > 1:
        want = (*want[1:], want[0])
    size = int(np.prod(want, dtype=np.int64))
    if array.ndim >= 1 and array.shape[1:] in (want, (size,)):
        return array.reshape(array.shape[0], *want)
    raise InputError(
        "samples have the wrong shape",
        got=str(array.shape),
        wanted=" or ".join(
            dict.fromkeys(str(("N", *dims)).replace("'", "") for dims in (want, (size,)))
        ),
    )


def _at(samples: Array, bad: Array) -> str:
    """Return the index and value of the first bad element."""
    index = tuple(int(i) for i in np.unravel_index(int(np.argmax(bad)), bad.shape))
    return f"{samples[index]} at index {index}"


def _floats(samples: Array) -> Array:
    values = samples.astype(np.float32)
    if bool(np.isnan(values).any()):
        raise InputError("samples hold NaN", got=_at(samples, np.isnan(values)))
    changed = values.astype(np.float64) != samples.astype(np.float64)
    if bool(changed.any()):
        raise InputError(
            "samples are not binary32 numbers",
            got=_at(samples, changed),
            wanted="float32 values",
            fix="save the array as float32",
        )
    return values


def _from_integers(samples: Array, spec: InputSpec) -> Array:
    low, high = LIMITS[spec.dtype]
    bad = np.less(samples, low) | np.greater(samples, high)
    if spec.dtype == "b1":
        bad |= samples == 0
    if bool(bad.any()):
        raise InputError(
            "sample out of range of the declared type",
            got=_at(samples, bad),
            wanted="-1 or +1" if spec.dtype == "b1" else f"{low} to {high}",
        )
    return samples.astype(NUMPY[spec.dtype])


def _from_floats(samples: Array, spec: InputSpec) -> Array:
    """Look each value up in the table of float32(scale * (q - zero)), all q."""
    low, high = LIMITS[spec.dtype]
    codes = np.array([q for q in range(low, high + 1) if spec.dtype != "b1" or q], np.int64)
    levels = [nearest_float32(spec.scale * (int(q) - spec.zero)) for q in codes]
    table = np.array(levels, np.float64)
    unique, first = np.unique(table, return_index=True)
    if unique.size < table.size:
        raise InputError("several values of the input type share one float32", got=str(spec.scale))
    wide = samples.astype(np.float64)
    place = np.clip(np.searchsorted(unique, wide), 0, unique.size - 1)
    bad = unique[place] != wide
    if bool(bad.any()):
        raise InputError(
            "sample is not a value of the declared input",
            got=_at(samples, bad),
            wanted=f"float32({spec.scale} * (q - {spec.zero})) for an integer q in [{low}, {high}]",
        )
    return codes[first][place].astype(NUMPY[spec.dtype])


def nearest_float32(value: Fraction) -> float:
    """Return the binary32 number nearest to an exact rational, ties to even.

    >>> nearest_float32(Fraction(1, 10)) == float(np.float32(0.1))
    True
    """
    if value == 0:
        return 0.0
    sign, size = (-1, -value) if value < 0 else (1, value)
    exponent = size.numerator.bit_length() - size.denominator.bit_length()
    exponent -= size < Fraction(2) ** exponent  # now 2^exponent <= size
    unit = Fraction(2) ** (max(exponent, -126) - 23)
    rounded = round(size / unit) * unit  # round() takes ties to even
    if rounded >= Fraction(2) ** 128:
        raise InputError("input value beyond float32", got=str(float(value)))
    return sign * float(rounded)


def to_model_layout(samples: Array, spec: InputSpec) -> Array:
    """Return quantised samples with the axes of the model: channels first again for nhwc."""
    return np.moveaxis(samples, -1, 1) if spec.layout == "nhwc" and samples.ndim > 2 else samples
