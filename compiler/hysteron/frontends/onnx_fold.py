"""Constant folding in the model's own element types.

Evaluation is ``onnx.reference``'s, one node at a time, from a list of operators
whose output size is bounded *before* they run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from onnx import ModelProto, NodeProto

from hysteron.errors import HysteronError
from hysteron.frontends.onnx_node import NodeView
from hysteron.frontends.onnx_tensor import ELEMENTS, MAX_FOLDED_BYTES
from hysteron.frontends.value import Value, constant
from hysteron.ir.types import Array

_Bound = Callable[[NodeView, Sequence[Array]], int]


def _like_input(node: NodeView, arrays: Sequence[Array]) -> int:
    return max(a.size for a in arrays)


def _broadcast(node: NodeView, arrays: Sequence[Array]) -> int:
    return math.prod(np.broadcast_shapes(*(a.shape for a in arrays)))


def _total(node: NodeView, arrays: Sequence[Array]) -> int:
    return sum(a.size for a in arrays)


def _expand(node: NodeView, arrays: Sequence[Array]) -> int:
    target = tuple(int(d) for d in arrays[1].reshape(-1))
    return math.prod(np.broadcast_shapes(arrays[0].shape, target))


def _tile(node: NodeView, arrays: Sequence[Array]) -> int:
    return arrays[0].size * math.prod(max(0, int(d)) for d in arrays[1].reshape(-1))


def _fill(node: NodeView, arrays: Sequence[Array]) -> int:
    return math.prod(abs(int(d)) for d in arrays[0].reshape(-1))


def _range(node: NodeView, arrays: Sequence[Array]) -> int:
    start, limit, delta = (float(a.reshape(-1)[0]) for a in arrays)
    if not all(map(math.isfinite, (start, limit, delta))) or delta == 0:
        raise node.damaged("Range needs finite numbers and a step other than 0")
    return max(0, math.ceil((limit - start) / delta))


def _gather(node: NodeView, arrays: Sequence[Array]) -> int:
    data, index = arrays[:2]
    return index.size * max(1, data.size // max(1, min(data.shape, default=1)))


def _matmul(node: NodeView, arrays: Sequence[Array]) -> int:
    left, right = arrays[:2]
    if left.ndim > 2 or right.ndim > 2:
        raise node.unsupported("a product of constants with more than two axes is not folded")
    inner = max(1, left.shape[-1]) if left.ndim else 1
    return (left.size // inner) * (right.size // inner)


def _padded(node: NodeView, arrays: Sequence[Array]) -> int:
    pads = node.integers("pads") if len(arrays) < 2 else [int(p) for p in arrays[1].reshape(-1)]
    widest = max((abs(p) for p in pads or [0]), default=0)
    return math.prod(d + 2 * widest for d in arrays[0].shape)


#: Operator -> bound on its number of output elements. What is not here is not folded.
FOLDABLE: Final[dict[str, _Bound]] = {
    **dict.fromkeys(
        (
            *("Abs", "ArgMax", "ArgMin", "Cast", "Ceil", "Clip", "Dropout", "Elu", "Erf", "Exp"),
            *("Flatten", "Floor", "HardSigmoid", "HardSwish", "Identity", "IsInf", "IsNaN"),
            *("LeakyRelu", "Log", "LogSoftmax", "Neg", "Not", "Reciprocal", "ReduceL1", "ReduceL2"),
            *("ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "Relu"),
            *("ReduceSumSquare", "Reshape", "Round", "Selu", "Shape", "Sigmoid", "Sign", "Size"),
            *("Slice", "Softmax", "Softplus", "Split", "Sqrt", "Squeeze", "Tanh", "Transpose"),
            *("Unsqueeze", "BatchNormalization", "DequantizeLinear", "CumSum"),
        ),
        _like_input,
    ),
    **dict.fromkeys(
        (
            *("Add", "And", "Div", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"),
            *("Max", "Min", "Mod", "Mul", "Or", "PRelu", "Pow", "Sub", "Sum", "Where", "Xor"),
        ),
        _broadcast,
    ),
    "Concat": _total,
    "ConstantOfShape": _fill,
    "Expand": _expand,
    "Gather": _gather,
    "MatMul": _matmul,
    "Pad": _padded,
    "Range": _range,
    "Tile": _tile,
}

#: onnx.reference starts at this version; earlier ones mean the same.
_EVALUATED_FROM: Final = {"DequantizeLinear": 19}


def fold(node: NodeView, opsets: dict[str, int]) -> tuple[Value, ...] | None:
    """Return the outputs of a node whose inputs are all constant, None if not foldable.

    Raises UnsupportedError above 64 MiB and ModelError when evaluation fails
    or a result is NaN.
    """
    if node.node.op_type not in FOLDABLE or node.node.domain not in ("", "ai.onnx"):
        return None
    arrays = [value.array for value in node.inputs if value is not None and value.array is not None]
    _check_size(node, arrays)
    try:
        results = _evaluate(node.node, [v.array if v else None for v in node.inputs], opsets)
    except (MemoryError, HysteronError):
        raise
    except Exception as err:
        raise node.damaged(
            "constant expression cannot be evaluated", got=f"{type(err).__name__}: {err}"[:200]
        ) from err
    for array in results:
        if array.dtype.kind == "f" and bool(np.isnan(array).any()):
            raise node.damaged("constant expression evaluates to NaN")
    return tuple(constant(array) for array in results)


def _check_size(node: NodeView, arrays: Sequence[Array]) -> None:
    if not arrays:
        return
    try:
        size = FOLDABLE[node.node.op_type](node, arrays)
    except (ValueError, IndexError, TypeError) as err:
        raise node.damaged("constants do not fit together", got=str(err)[:200]) from err
    widest = _item_bytes(node, arrays)
    if size * widest > MAX_FOLDED_BYTES:
        raise node.unsupported(
            "constant expression too large",
            got=f"{size} elements",
            wanted=f"at most {MAX_FOLDED_BYTES >> 20} MiB",
        )


def _item_bytes(node: NodeView, arrays: Sequence[Array]) -> int:
    """Return the size of one output element; where inputs mix types, that of the data."""
    op_type = node.node.op_type
    if op_type == "Cast":
        target = ELEMENTS.get(node.integer("to"))
        return 8 if target is None else np.dtype(target[0]).itemsize
    if op_type == "ConstantOfShape":
        return 8 if node.has("value") else 4
    if op_type == "DequantizeLinear":
        return 4
    if FOLDABLE[op_type] is _broadcast or op_type == "Range":
        return max(array.dtype.itemsize for array in arrays)
    return arrays[0].dtype.itemsize


def _evaluate(
    node: NodeProto, arrays: Sequence[Array | None], opsets: dict[str, int]
) -> list[Array]:
    """Run one node in onnx.reference (imported late: most models fold nothing)."""
    from onnx.reference import ReferenceEvaluator

    model = ModelProto(ir_version=8)
    version = max(opsets[""], _EVALUATED_FROM.get(node.op_type, 1))
    model.opset_import.add(domain="", version=version)
    copy = model.graph.node.add()
    copy.CopyFrom(node)
    copy.domain = ""
    del copy.input[:], copy.output[:]
    copy.input.extend("" if a is None else f"i{k}" for k, a in enumerate(arrays))
    copy.output.extend(f"o{k}" if name else "" for k, name in enumerate(node.output))
    feeds = {f"i{k}": array for k, array in enumerate(arrays) if array is not None}
    for name in feeds:
        model.graph.input.add(name=name)
    for name in copy.output:
        if name:
            model.graph.output.add(name=name)
    with np.errstate(all="ignore"):
        results = ReferenceEvaluator(model).run(None, feeds)
    return [np.asarray(result) for result in results]
