"""A text form of graphs that prints and parses back to an equal graph.

One line a tensor::

    input v0: f32[1,784] {"dtype": "u8", "scale": "1/255", ...}
    const c0: f32[64,784] = <base64 of the zlib-compressed bytes> float32
    v1: f32[1,64] = source.matmul(v0, c0) {} @ ["m.onnx", "MatMul_0", "MatMul"]
    output v1

Views and labels are bookkeeping and are not part of it.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from fractions import Fraction
from typing import Any

import numpy as np

from hysteron.errors import ModelError
from hysteron.ir.graph import Graph, InputSpec, Node, Origin
from hysteron.ir.op import Op
from hysteron.ir.types import Array, TensorType
from hysteron.ops import FAMILIES, registry

_TYPED = re.compile(r"(\w+): (\w+)\[([\d,]*)\]")
_NODE = re.compile(r"(.*) = (\w+)\.(\w+)\(([\w, ]*)\) (\{.*\}) @ (\[.*\])$")


def print_graph(graph: Graph, weights: bool = False) -> str:
    """Return the text; ``weights`` includes the constants' bytes (needed to parse)."""
    lines = []
    for name in graph.inputs:
        spec = graph.specs.get(name, InputSpec())
        fields = {
            "dtype": spec.dtype,
            "scale": str(spec.scale),
            "zero": str(spec.zero),
            "layout": spec.layout,
        }
        lines.append(f"input {name}: {graph.types[name]} {json.dumps(fields)}")
    for name, array in graph.consts.items():
        data = f" = {_packed(array)} {array.dtype}" if weights else ""
        lines.append(f"const {name}: {graph.types[name]}{data}")
    for node in graph.nodes:
        lines.append(_node_text(graph, node))
    lines += [f"output {name}" for name in graph.outputs]
    return "\n".join(lines) + "\n"


def _node_text(graph: Graph, node: Node) -> str:
    outputs = ", ".join(f"{out}: {graph.types[out]}" for out in node.outputs)
    fields = json.dumps(node.op.attributes())
    origin = json.dumps([node.origin.file, node.origin.node, node.origin.op_type])
    call = f"{_family(node.op)}.{node.op.name}({', '.join(node.inputs)})"
    return f"{outputs} = {call} {fields} @ {origin}"


def parse_graph(text: str) -> Graph:
    """Return the graph a text with weights stands for; raises ModelError with the line."""
    inputs: list[str] = []
    outputs: list[str] = []
    nodes: list[Node] = []
    types: dict[str, TensorType] = {}
    consts: dict[str, Array] = {}
    specs: dict[str, InputSpec] = {}
    for number, line in enumerate(text.splitlines(), 1):
        try:
            if line.startswith("input "):
                name, kind, rest = _typed(line[6:])
                inputs.append(name)
                types[name], specs[name] = kind, _spec(json.loads(rest))
            elif line.startswith("const "):
                name, kind, rest = _typed(line[6:])
                types[name], consts[name] = kind, _unpacked(rest, kind)
            elif line.startswith("output "):
                outputs.append(line[7:].strip())
            elif line.strip():
                nodes.append(_node(line, types))
        except (ValueError, KeyError, TypeError, zlib.error, binascii.Error) as error:
            raise ModelError("not a graph line", where=f"line {number}", got=line[:80]) from error
    return Graph(tuple(inputs), tuple(outputs), tuple(nodes), types, consts, specs=specs)


def _node(line: str, types: dict[str, TensorType]) -> Node:
    match = _NODE.match(line)
    if match is None:
        raise ValueError("no node")
    left, family, name, arguments, fields, origin = match.groups()
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in json.loads(fields).items()}
    op = registry(family)[name](**values)
    outputs = []
    for found in _TYPED.finditer(left):
        types[found[1]] = _type(found[2], found[3])
        outputs.append(found[1])
    reads = tuple(part for part in arguments.split(", ") if part)
    return Node(op, reads, tuple(outputs), Origin(*json.loads(origin)))


def _typed(text: str) -> tuple[str, TensorType, str]:
    match = _TYPED.match(text)
    if match is None:
        raise ValueError("no type")
    return match[1], _type(match[2], match[3]), text[match.end() :].strip()


def _type(dtype: str, dims: str) -> TensorType:
    return TensorType(dtype, tuple(int(d) for d in dims.split(",") if d))


def _spec(fields: dict[str, Any]) -> InputSpec:
    return InputSpec(
        fields["dtype"], Fraction(fields["scale"]), Fraction(fields["zero"]), fields["layout"]
    )


def _packed(array: Array) -> str:
    return base64.b64encode(zlib.compress(np.ascontiguousarray(array).tobytes(), 9)).decode()


def _unpacked(text: str, kind: TensorType) -> Array:
    _, data, dtype = text.split(" ")
    unpacker = zlib.decompressobj()
    wanted = kind.size * np.dtype(dtype).itemsize
    raw = unpacker.decompress(base64.b64decode(data, validate=True), wanted + 1)
    return np.frombuffer(raw, dtype=np.dtype(dtype)).reshape(kind.shape).copy()


def _family(op: Op) -> str:
    for family in FAMILIES:
        if registry(family).get(op.name) is type(op):
            return family
    raise ModelError(f"op '{op.name}' is not registered")
