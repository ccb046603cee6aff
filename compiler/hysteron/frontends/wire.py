"""The answer of the import worker: JSON header and raw arrays, nothing executable.

Layout: magic, header length (8 bytes, little-endian), header, blob. The header
names offsets into the blob. The parent trusts none of it: ops are rebuilt from
the registry, types are inferred again, every offset is checked.
"""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any, Final

import numpy as np

from hysteron.errors import HysteronError, ModelError
from hysteron.ir.graph import Graph, Node, Origin
from hysteron.ir.op import Op
from hysteron.ir.types import Array, TensorType
from hysteron.ops import registry

MAGIC: Final = b"HYSTIMP1"
_DTYPES: Final = {
    np.dtype(name).str: np.dtype(name)
    for name in (
        *("float16", "float32", "float64", "int8", "int16", "int32", "int64"),
        *("uint8", "uint16", "uint32", "uint64"),
    )
}


def encode(header: dict[str, Any], blobs: list[bytes | memoryview]) -> list[bytes | memoryview]:
    """Return the chunks to write for a header and its blobs."""
    text = json.dumps(header).encode("ascii")
    return [MAGIC, len(text).to_bytes(8, "little"), text, *blobs]


def encode_graph(graph: Graph, model: bytes, notes: list[str]) -> list[bytes | memoryview]:
    """Return the chunks of a successful import."""
    blobs: list[bytes | memoryview] = [model]
    consts, position = {}, len(model)
    for name, array in graph.consts.items():
        little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        consts[name] = [array.dtype.newbyteorder("<").str, list(array.shape), position]
        blobs.append(little.tobytes())
        position += little.nbytes
    header = {
        "model": len(model),
        "notes": notes,
        "inputs": graph.inputs,
        "outputs": graph.outputs,
        "types": {name: list(kind.shape) for name, kind in graph.types.items()},
        "labels": dict(graph.labels),
        "consts": consts,
        "nodes": [_encode_node(node) for node in graph.nodes],
    }
    return encode(header, blobs)


def encode_error(error: HysteronError) -> list[bytes | memoryview]:
    """Return the chunks of a refusal."""
    header = {**error.as_dict(), "reasons": list(getattr(error, "reasons", ()))}
    return encode({"error": header}, [])


def decode(data: bytearray) -> tuple[dict[str, Any], memoryview]:
    """Return header and blob; raises ModelError when the answer is cut off."""
    view = memoryview(data).toreadonly()
    start = len(MAGIC) + 8
    if len(data) < start or bytes(view[: len(MAGIC)]) != MAGIC:
        raise ModelError("the model could not be read: the import worker gave no answer")
    end = start + int.from_bytes(view[len(MAGIC) : start], "little")
    if end > len(data):
        raise ModelError("the model could not be read: the import worker's answer is cut off")
    header = json.loads(bytes(view[start:end]))
    if not isinstance(header, dict):
        raise ValueError("header is no object")
    return header, view[end:]


def decode_graph(header: dict[str, Any], blob: memoryview) -> Graph:
    """Return the graph of a successful answer, every part of it checked.

    Raises ValueError, TypeError or KeyError when the answer is malformed and
    ShapeError when types do not follow from the ops.
    """
    consts = {name: _decode_const(spec, blob) for name, spec in header["consts"].items()}
    types = {n: TensorType("f32", _dims(shape)) for n, shape in header["types"].items()}
    nodes = tuple(_decode_node(item) for item in header["nodes"])
    inputs, outputs = _names(header["inputs"]), _names(header["outputs"])
    known = set(inputs) | set(consts)
    for node in nodes:
        if not known.issuperset(node.inputs) or known.intersection(node.outputs):
            raise ValueError("nodes are not in execution order")
        if node.op.infer(*(types[i] for i in node.inputs)) != tuple(types[o] for o in node.outputs):
            raise ValueError("types do not follow from the operation")
        known.update(node.outputs)
    if not known.issuperset(outputs) or known != set(types):
        raise ValueError("tensors without a writer")
    if any(types[name].shape != array.shape for name, array in consts.items()):
        raise ValueError("constant and type differ")
    labels = {str(k): str(v) for k, v in header["labels"].items() if k in types}
    return Graph(inputs, outputs, nodes, types, consts, labels=labels)


def _encode_node(node: Node) -> list[Any]:
    origin = [node.origin.file, node.origin.node, node.origin.op_type]
    return [node.op.name, node.op.attributes(), node.inputs, node.outputs, origin]


def _decode_node(item: list[Any]) -> Node:
    name, attributes, inputs, outputs, origin = item
    kind = registry("source")[name]
    return Node(
        _decode_op(kind, attributes), _names(inputs), _names(outputs), Origin(*_names(origin))
    )


def _decode_op(kind: type[Op], attributes: dict[str, Any]) -> Op:
    """Rebuild an op; every field must have the type its dataclass declares."""
    values = {}
    for declared in fields(kind):  # type: ignore[arg-type]
        value = attributes[declared.name]
        values[declared.name] = _field(str(declared.type), value)
    if len(values) != len(attributes):
        raise ValueError("unknown op field")
    return kind(**values)


def _field(declared: str, value: Any) -> Any:
    if declared.startswith("tuple"):
        return _dims(value, lowest=-(2**31))
    wanted = {"int": int, "float": float, "bool": bool}.get(declared, str)
    if type(value) is not wanted:
        raise ValueError(f"op field is not of type {declared}")
    return value


def _dims(value: Any, lowest: int = 0) -> tuple[int, ...]:
    if not isinstance(value, list) or not all(type(d) is int and d >= lowest for d in value):
        raise ValueError("not a list of integers")
    return tuple(value)


def _names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ValueError("not a list of names")
    return tuple(value)


def _decode_const(spec: list[Any], blob: memoryview) -> Array:
    text, shape, offset = spec
    dtype, dims = _DTYPES[text], _dims(shape)
    size = TensorType("f32", dims).size
    if type(offset) is not int or not 0 <= offset <= len(blob) - size * dtype.itemsize:
        raise ValueError("constant lies outside the answer")
    array = np.frombuffer(blob, dtype, size, offset).reshape(dims).copy()  # aligned, and apart
    array.flags.writeable = False
    return array
