"""MatMul and Gemm: a matrix product with constant weights on the right."""

from __future__ import annotations

import math

import numpy as np

from hysteron.frontends.emitter import Emitter
from hysteron.frontends.onnx_node import NodeView
from hysteron.frontends.onnx_ops import onnx_op
from hysteron.frontends.value import Value, constant
from hysteron.frontends.weights import snapped
from hysteron.ops.source.add import Add
from hysteron.ops.source.matmul import MatMul
from hysteron.ops.source.mul import Mul
from hysteron.ops.source.transpose import Transpose


@onnx_op("MatMul")
def matmul(node: NodeView, graph: Emitter) -> Value:
    """``x @ W``; ``W @ x`` becomes the transpose of ``x' @ W'``."""
    left, right = node.input(0), node.input(1)
    if right.is_const:
        return _times(node, graph, left, snapped(graph, right, axis=-1))
    if not left.is_const:
        raise node.unsupported("both factors depend on the model input", wanted="constant weights")
    if right.rank < 3:
        raise node.unsupported(
            "constant on the left of a two-dimensional activation mixes samples",
            wanted="the constant on the right",
        )
    weights = _matrix(node, snapped(graph, left, axis=-2))
    weights = weights if left.rank == 1 else _turned(weights)
    swap = (*range(right.rank - 2), right.rank - 1, right.rank - 2)
    turned = graph.emit(Transpose(perm=swap), right)
    product = graph.emit(Transpose(perm=swap), graph.emit(MatMul(), turned, weights))
    if left.rank > 1:
        return product
    return graph.reshape(product, product.shape[:-2] + product.shape[-1:])


@onnx_op("Gemm")
def gemm(node: NodeView, graph: Emitter) -> Value:
    """``alpha * A' @ B' + beta * C``; alpha stays apart so that binary weights stay binary."""
    x, weights = node.input(0), node.input(1)
    node.const(1, "weight matrix")
    alpha, beta = node.real("alpha", 1.0), node.real("beta", 1.0)
    if node.integer("transA", 0):
        raise node.unsupported("transA of an activation mixes samples", wanted="transA = 0")
    if x.rank != 2 or weights.rank != 2:
        raise node.damaged("Gemm needs two matrices", got=f"{x.shape}, {weights.shape}")
    transposed = bool(node.integer("transB", 0))
    weights = snapped(graph, weights, axis=0 if transposed else 1)
    y = _times(node, graph, x, _turned(weights) if transposed else weights)
    if alpha != 1.0:
        y = graph.emit(Mul(), y, graph.const(alpha))
    if not node.has_input(2) or beta == 0.0:
        return y
    bias = node.input(2)
    if bias.array is not None and beta != 1.0:
        # binary32 times binary32 is exact in binary64
        bias = constant(bias.array.astype(np.float64) * beta)
    elif beta != 1.0:
        bias = graph.elementwise(Mul(), bias, graph.const(beta))
    return graph.elementwise(Add(), y, bias)


def _turned(weights: Value) -> Value:
    """Return the transpose of a constant matrix."""
    assert weights.array is not None
    return constant(weights.array.T)


def _matrix(node: NodeView, weights: Value) -> Value:
    """Return constant weights as a matrix: vectors become columns, unit axes go."""
    assert weights.array is not None
    if weights.rank == 2:
        return weights
    if weights.rank == 1:
        return constant(weights.array.reshape(-1, 1))
    if weights.rank == 0 or math.prod(weights.shape[:-2]) != 1:
        raise node.unsupported("weights with a batch axis", got=f"shape {weights.shape}")
    return constant(weights.array.reshape(weights.shape[-2:]))


def _times(node: NodeView, graph: Emitter, x: Value, weights: Value) -> Value:
    """Emit ``x @ weights`` and give the result the shape NumPy's rules ask for."""
    if x.rank < 2:
        raise node.unsupported("the activation has no axis besides the batch")
    y = graph.emit(MatMul(), x, _matrix(node, weights))
    if weights.rank == 1:
        return graph.reshape(y, y.shape[:-1])
    return graph.widened(y, weights.rank)
