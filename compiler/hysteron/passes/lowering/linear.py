"""matmul and conv: binary or ternary weights to integer kernels, others to binary32."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from hysteron.exact import sign
from hysteron.ir.graph import Node
from hysteron.ir.types import LIMITS, Array
from hysteron.ops.source.conv import Conv
from hysteron.passes.lowering.emitter import Emitter, Refused, flat_index
from hysteron.passes.lowering.movement import padded_in_floats
from hysteron.passes.lowering.orders import as_map, in_logical_order
from hysteron.passes.lowering.storage import (
    kernel,
    recoded,
    retyped,
    stored,
    to_floats,
    widened,
    window_fields,
)
from hysteron.passes.lowering.values import (
    Floats,
    Index,
    Lattice,
    Value,
    Window,
    standard_index,
)
from hysteron.passes.pieces import Pieces, Segment

Codes = npt.NDArray[np.int8]


@dataclass(frozen=True)
class Weights:
    """Weights as codes -1, 0, +1 times one positive scale per output channel."""

    codes: Codes
    scales: list[Fraction]

    @property
    def dtype(self) -> str:
        """b1 when no code is 0, else t2."""
        return "t2" if (self.codes == 0).any() else "b1"


def few_level(weights: Array) -> Weights | None:
    """Return (O, ...) weights as codes and scales, None when they are not.

    Needs every output channel in {-a, 0, +a} with |w| bit-equal within it.
    """
    rows = np.abs(weights.reshape(weights.shape[0], -1))
    largest = rows.max(axis=1)
    if not ((rows == largest[:, None]) | (rows == 0)).all():
        return None
    scales = [Fraction(a) if a else Fraction(1) for a in largest.tolist()]
    return Weights(np.sign(weights).astype(np.int8), scales)


@dataclass(frozen=True)
class Operand:
    """A stored integer input: value = slope * n + offset for the whole tensor."""

    value: Lattice
    slope: Fraction
    offset: Fraction
    dtype: str

    @property
    def reach(self) -> int:
        """Largest |n| by encoding."""
        return max(abs(self.value.pieces.lo), abs(self.value.pieces.hi))


def integer_operand(em: Emitter, value: Value, node: Node) -> Operand:
    """Return a lattice value as a stored operand with one scale; raises Refused."""
    if not isinstance(value, Lattice):
        raise Refused(f"{node.origin}: expected an integer-tier input")
    base = stored(em, value, node.origin)
    line = base.pieces.uniform_affine()
    if line is None:
        base = recoded(em, base, node.origin)
        line = base.pieces.uniform_affine()
    if line is None:
        raise Refused(f"{node.origin}: the input's scale differs between its channels")
    if em.types[base.tensor].dtype == "i32":
        base = _narrowed(em, base, node)
    return Operand(base, line[0], line[1], em.types[base.tensor].dtype)


def _narrowed(em: Emitter, base: Lattice, node: Node) -> Lattice:
    """Store sums whose range fits as i16, which the integer kernels read."""
    low, high = LIMITS["i16"]
    if base.pieces.lo < low or base.pieces.hi > high:
        raise Refused(
            f"{node.origin}: the input's integers reach {base.pieces.lo} to {base.pieces.hi}, "
            "beyond the 16 bits that integer layers read"
        )
    return replace(base, tensor=em.one(kernel("narrow"), (base.tensor,), node.origin))


def lower_matmul(em: Emitter, node: Node, x: Value, w: Array, *, real: bool) -> Value:
    """Lower ``x @ w``; leading axes of x become positions of a 1x1 convolution."""
    rows = np.ascontiguousarray(w.T)
    if x.index.ndim > 1 and x.index[..., 0].size > 1:
        positions = x.index.reshape(-1, x.index.shape[-1])
        moved = x.moved(positions.T[:, None, :])
        op = Conv(strides=(1, 1), pads=(0, 0, 0, 0), dilations=(1, 1), group=1)
        fake = replace(node, op=op)
        out = lower_conv(em, fake, moved, rows[:, :, None, None], real=real)
        index = out.index.reshape(rows.shape[0], -1).T
        return out.moved(index.reshape(*x.index.shape[:-1], rows.shape[0]))
    out_index = flat_index((*x.index.shape[:-1], rows.shape[0]))
    if real:
        return _float_dense(em, node, x, rows, out_index)
    operand = integer_operand(em, x, node)
    weights = _weights(node, rows)
    w_id = em.const(_reordered(weights.codes, operand.value.index.ravel()), weights.dtype)
    tensor = retyped(em, operand.value.tensor, (rows.shape[1],), node.origin)
    name = "xnor_dense" if operand.dtype in ("b1", "t2") else "int_dense"
    acc = em.one(kernel(name, out="i32", flips=1, layout="rows"), (tensor, w_id), node.origin)
    k = rows.shape[1]
    stride = 2 if operand.dtype == "b1" and weights.dtype == "b1" else 1
    pieces = _accumulator_pieces(operand, weights, k * operand.reach)
    return Lattice(acc, (rows.shape[0],), out_index, pieces, stride, k % stride)


def lower_conv(em: Emitter, node: Node, x: Value, w: Array, *, real: bool) -> Value:
    """Lower a 1-D or 2-D convolution; raises Refused with the reason."""
    op = node.op
    assert isinstance(op, Conv)
    one_d = w.ndim == 3
    window, group = _window(op, w), op.group
    if one_d:
        w = w[:, :, None, :]
        x = x.moved(x.index[:, None, :])
    taps = np.ascontiguousarray(w.transpose(0, 2, 3, 1))
    channels, height, width = x.index.shape
    if real:
        return _float_conv(em, node, x, taps, window, group, one_d)
    operand = integer_operand(em, x, node)
    weights = _weights(node, taps)
    pads, pad_code = _padding(node, operand, window)
    operand = _widened_for(em, node, operand, pad_code)
    base = operand.value
    window = Window(window.kernel, window.stride, pads, window.dilation)
    if operand.value.pad is not None:
        height = base.index.shape[1]
        width = base.index.shape[2]
    tensor = as_map(em, base, channels, (height, width), node.origin)
    w_id = em.const(weights.codes, weights.dtype)
    name = "xnor_conv" if operand.dtype in ("b1", "t2") else "int_conv"
    fields = {**window_fields(window), "pad_value": pad_code, "groups": group}
    op_out = kernel(name, out="i32", flips=1, layout="rows", **fields)
    acc = em.one(op_out, (tensor, w_id), node.origin)
    out_h, out_w = window.out_size(height, width)
    k = int(np.prod(taps.shape[1:]))
    bits = operand.dtype == "b1" and weights.dtype == "b1"
    masked = pad_code == 0 and operand.dtype in ("b1", "t2") and any(pads)
    stride, residue = _parity(bits, masked, taps.shape[3], k)
    pieces = _accumulator_pieces(operand, weights, k * max(operand.reach, abs(pad_code)))
    out_c = taps.shape[0]
    index = standard_index(out_c, out_h, out_w)
    return Lattice(acc, (out_h, out_w, out_c), _squeezed(index, one_d), pieces, stride, residue)


def _parity(bits: bool, masked: bool, channels: int, k: int) -> tuple[int, int]:
    """Return (stride, residue) of the accumulator lattice.

    k terms of +-1 have the parity of k. Under a zero pad the number of valid
    taps varies, each bringing ``channels`` terms: the parity is fixed only when
    that number is even.
    """
    if not bits or (masked and channels % 2):
        return 1, 0
    return 2, 0 if masked else k % 2


def _accumulator_pieces(operand: Operand, weights: Weights, reach: int) -> Pieces:
    """Return value = a * (slope * acc + offset * sum(codes)) per output channel."""
    sums = weights.codes.reshape(weights.codes.shape[0], -1).sum(axis=1, dtype=np.int64)
    channels = [
        (Segment(-reach, a * operand.slope, a * operand.offset * int(s)),)
        for a, s in zip(weights.scales, sums.tolist(), strict=True)
    ]
    if all(channel == channels[0] for channel in channels):
        channels = channels[:1]
    return Pieces(-reach, reach, tuple(channels))


def _weights(node: Node, rows: Array) -> Weights:
    weights = few_level(rows)
    if weights is None:
        raise Refused(f"{node.origin}: weights have more than the levels -a, 0, +a in a channel")
    return weights


def _reordered(rows: Array, order: Index) -> Array:
    out = np.empty_like(rows)
    out[:, order] = rows
    return out


def _window(op: Conv, w: Array) -> Window:
    if w.ndim == 3:
        begin, end = op.pads
        return Window((1, w.shape[2]), (1, op.strides[0]), (0, begin, 0, end), (1, op.dilations[0]))
    top, left, bottom, right = op.pads
    return Window(
        (w.shape[2], w.shape[3]),
        (op.strides[0], op.strides[1]),
        (top, left, bottom, right),
        (op.dilations[0], op.dilations[1]),
    )


def _padding(node: Node, operand: Operand, window: Window) -> tuple[tuple[int, int, int, int], int]:
    """Return the pads and the stored integer that stands for the pad value."""
    pads, real = window.pads, Fraction(0)
    pending = operand.value.pad
    if pending is not None:
        values = operand.value.pad_value
        if any(sign(v - values[0]) for v in values):
            raise Refused(f"{node.origin}: the pad value differs between channels")
        own = Fraction(values[0]) if not hasattr(values[0], "rational") else values[0].rational()
        if any(window.pads) and own != 0:
            raise Refused(f"{node.origin}: a zero pad around a pad of {own}")
        pads = tuple(a + b for a, b in zip(window.pads, pending, strict=True))  # type: ignore[assignment]
        real = own
    if not any(pads):
        return pads, 0
    if operand.slope == 0:  # a constant tensor: its integers say nothing
        if real != operand.offset:
            raise Refused(
                f"{node.origin}: a tensor that is always {operand.offset} padded by {real}"
            )
        return pads, 0
    code = (real - operand.offset) / operand.slope
    low, high = LIMITS[operand.dtype]
    if code.denominator == 1 and not low <= code <= high:
        low, high = LIMITS["i16"]  # _widened_for stores the input so
    if code.denominator != 1 or not low <= code <= high:
        raise Refused(
            f"{node.origin}: pad value {real} is no level of the padded tensor "
            f"(levels {operand.offset} + {operand.slope} * n)"
        )
    return pads, int(code)


def _widened_for(em: Emitter, node: Node, operand: Operand, code: int) -> Operand:
    """Return the operand in a type that holds the pad's integer: i16 where 8 bits do not."""
    low, high = LIMITS[operand.dtype]
    if low <= code <= high:
        return operand
    base = _narrowed(em, widened(em, operand.value, node.origin), node)
    return replace(operand, value=base, dtype="i16")


def _squeezed(index: Index, one_d: bool) -> Index:
    return index[:, 0, :] if one_d else index


def _float_dense(em: Emitter, node: Node, x: Value, rows: Array, out_index: Index) -> Floats:
    # The sum runs in the model's own element order, so the input must be stored so.
    tensor = in_logical_order(em, to_floats(em, x, node.origin), node.origin)
    weights, dtype = _float_weights(rows)
    out = em.one(kernel("float_dense"), (tensor, em.const(weights, dtype)), node.origin)
    return Floats(out, (rows.shape[0],), out_index)


def _float_weights(rows: Array) -> tuple[Array, str]:
    if ((rows == 1) | (rows == -1)).all():
        return rows.astype(np.int8), "b1"
    return rows.astype(np.float32), "f32"


def _float_conv(
    em: Emitter, node: Node, x: Value, taps: Array, window: Window, group: int, one_d: bool
) -> Floats:
    if isinstance(x, Lattice) and x.pad is not None:
        floats = padded_in_floats(em, node, x)
    else:
        floats = to_floats(em, x, node.origin)
    channels, height, width = floats.index.shape
    tensor = as_map(em, floats, channels, (height, width), node.origin)
    weights, dtype = _float_weights(taps)
    op = kernel("float_conv", **window_fields(window), groups=group)
    out = em.one(op, (tensor, em.const(weights, dtype)), node.origin)
    out_h, out_w = window.out_size(height, width)
    shape = (out_h, out_w, taps.shape[0])
    index = standard_index(taps.shape[0], out_h, out_w)
    return Floats(out, shape, _squeezed(index, one_d))
