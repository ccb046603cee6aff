"""Elementwise ops: exact per-channel functions, binary32 nodes, float comparisons."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from hysteron.exact import Number, Surd, sign
from hysteron.ir.graph import Node
from hysteron.ir.types import Array
from hysteron.passes.lowering.emitter import Emitter, Refused
from hysteron.passes.lowering.floats import float_binary, float_consts, float_sign
from hysteron.passes.lowering.orders import floats_like, stored_like
from hysteron.passes.lowering.storage import kernel, stored, to_floats
from hysteron.passes.lowering.values import (
    Compared,
    Floats,
    Lattice,
    Value,
    channel_params,
)
from hysteron.passes.pieces import Pieces, Segment, as_rational, constant, keep

Operand = Value | Array
ZERO, ONE = Fraction(0), Fraction(1)


def lower_binary(em: Emitter, node: Node, a: Operand, b: Operand, *, real: bool) -> Value:
    """Lower add, sub, mul, div with a constant or between two tensors."""
    kind = node.op.name
    if isinstance(a, np.ndarray):
        assert not isinstance(b, np.ndarray)
        return _with_constant(em, node, b, a, _REVERSED.get(kind, kind), real=real)
    if isinstance(b, np.ndarray):
        return _with_constant(em, node, a, b, kind, real=real)
    if real or not (isinstance(a, Lattice) and isinstance(b, Lattice)):
        left, right = to_floats(em, a, node.origin), to_floats(em, b, node.origin)
        right = floats_like(em, right, left, node.origin)
        out = em.one(
            kernel("float_binary", kind=kind, constant=False),
            (left.tensor, right.tensor),
            node.origin,
        )
        return Floats(out, left.shape, left.index)
    if same_base(a, b):
        rule = _SEGMENT_RULES.get(kind)
        if rule is not None:
            return replace(a, pieces=a.pieces.combine(b.pieces, rule), post=(None,))
    return _integer_sum(em, node, a, b)


_REVERSED = {"sub": "rsub", "div": "rdiv"}
_SEGMENT_RULES: dict[str, Callable[[Segment, Segment], Segment]] = {
    "add": lambda x, y: Segment(x.start, x.slope + y.slope, x.offset + y.offset),
    "sub": lambda x, y: Segment(x.start, x.slope - y.slope, x.offset - y.offset),
}


def same_base(a: Lattice, b: Lattice) -> bool:
    """Return True when both are functions of the same stored integers."""
    return (
        a.tensor == b.tensor
        and a.pool == b.pool
        and a.mean == b.mean == 0
        and a.pad is None
        and b.pad is None
        and np.array_equal(a.index, b.index)
    )


def _with_constant(em: Emitter, node: Node, x: Value, c: Array, kind: str, *, real: bool) -> Value:
    if c.ndim > x.index.ndim:
        if any(size != 1 for size in c.shape[: c.ndim - x.index.ndim]):
            raise Refused(f"{node.origin}: broadcasting enlarges the tensor")
        c = c.reshape(c.shape[c.ndim - x.index.ndim :])
    if np.broadcast_shapes(c.shape, x.index.shape) != x.index.shape:
        raise Refused(f"{node.origin}: broadcasting enlarges the tensor")
    if real or isinstance(x, Floats):
        return float_binary(em, node, to_floats(em, x, node.origin), kind, c)
    params = channel_params(x, c)
    if kind == "rdiv":
        raise Refused(f"{node.origin}: division by an activation")
    if kind == "div" and any(p == 0 for p in params):
        raise Refused(f"{node.origin}: division by zero")
    scale, offset = _LINES[kind](params)
    return affine(x, scale, offset)


_LINES: dict[str, Callable[[list[Fraction]], tuple[list[Fraction], list[Fraction]]]] = {
    "add": lambda p: ([ONE], p),
    "sub": lambda p: ([ONE], [-v for v in p]),
    "rsub": lambda p: ([-ONE], p),
    "mul": lambda p: (p, [ZERO]),
    "div": lambda p: ([1 / v for v in p], [ZERO]),
}


def affine(x: Value, scale: Sequence[Number], offset: Sequence[Number]) -> Value:
    """Return scale * x + offset; one entry per storage channel, or one."""
    if isinstance(x, Compared):
        if any(isinstance(v, Surd) for v in (*scale, *offset)):
            raise Refused("batch normalisation of a float input that is only compared")
        count = max(len(scale), len(offset), len(x.scale), len(x.offset))
        own, shift = _cycled(x.scale, count), _cycled(x.offset, count)
        factors, added = _cycled(_fractions(scale), count), _cycled(_fractions(offset), count)
        return replace(
            x,
            scale=tuple(a * f for a, f in zip(own, factors, strict=True)),
            offset=tuple(o * f + b for o, f, b in zip(shift, factors, added, strict=True)),
        )
    assert isinstance(x, Lattice)
    moved = _turned(x, [sign(s) for s in scale])
    return replace(
        moved,
        pieces=x.pieces.affine(scale, offset),
        pad_value=_on_pad(
            x, lambda c, v: v * scale[c % len(scale)] + offset[c % len(offset)], scale, offset
        ),
    )


def _cycled(values: Sequence[Fraction], count: int) -> list[Fraction]:
    return [values[i % len(values)] for i in range(count)]


def _fractions(values: Sequence[Number]) -> list[Fraction]:
    return [Fraction(v) for v in values if not isinstance(v, Surd)]


def _on_pad(
    x: Lattice, rule: Callable[[int, Number], Number], *lists: Sequence[Number]
) -> tuple[Number, ...]:
    if x.pad is None:
        return ()
    count = max(len(x.pad_value), *(len(values) for values in lists))
    return tuple(rule(c, x.pad_value[c % len(x.pad_value)]) for c in range(count))


def _turned(x: Lattice, signs: list[int]) -> Lattice:
    if x.pool is None:
        return x
    count = max(len(signs), len(x.post))
    post: list[int | None] = []
    for c in range(count):
        before = x.post[c % len(x.post)]
        post.append(None if before is None else before * signs[c % len(signs)])
    return replace(x, post=tuple(post))


def _integer_sum(em: Emitter, node: Node, a: Lattice, b: Lattice) -> Lattice:
    if node.op.name not in ("add", "sub"):
        raise Refused(f"{node.origin}: product of two activations")
    left, right = stored(em, a, node.origin), stored(em, b, node.origin)
    right = stored_like(em, right, left, node.origin)
    lines = _summed_lines(node, left, right)
    ratio = lines[0][0][0] / lines[0][1][0]
    p, q = ratio.numerator, ratio.denominator
    reach = [max(abs(v.pieces.lo), abs(v.pieces.hi)) for v in (left, right)]
    bound = abs(p) * reach[0] + abs(q) * reach[1]
    if bound >= 2**31:
        raise Refused(f"{node.origin}: a sum of scales in the ratio {ratio} exceeds 31 bits")
    out = em.one(kernel("int_add", p=p, q=q), (left.tensor, right.tensor), node.origin)
    channels = tuple((Segment(-bound, s1 / p, o1 + o2),) for (s1, o1), (_, o2) in lines)
    pieces = Pieces(-bound, bound, channels)
    stride = math.gcd(abs(p) * left.stride, abs(q) * right.stride)
    residue = (p * left.residue + q * right.residue) % stride
    return Lattice(out, left.shape, left.index, pieces, stride, residue)


Line = tuple[Fraction, Fraction]


def _summed_lines(node: Node, a: Lattice, b: Lattice) -> list[tuple[Line, Line]]:
    """Return both operands' (slope, offset) per channel; all slopes in one ratio."""
    sign_of_b = -1 if node.op.name == "sub" else 1
    count = max(len(a.pieces.channels), len(b.pieces.channels))
    lines = []
    for left, right in zip(a.pieces.widened(count), b.pieces.widened(count), strict=True):
        own = [as_rational(v) for v in (*left[0][1:], *right[0][1:])]
        if any(v is None for v in own) or not own[0] or not own[2]:
            raise Refused(f"{node.origin}: a sum of tensors with irrational or zero scales")
        s1, o1, s2, o2 = (Fraction(v or 0) for v in own)
        lines.append(((s1, o1), (s2 * sign_of_b, o2 * sign_of_b)))
    if len({x[0] / y[0] for x, y in lines}) > 1:
        raise Refused(f"{node.origin}: a sum of tensors whose scales differ by channel")
    return lines


def lower_batch_norm(
    em: Emitter, node: Node, x: Value, params: tuple[Array, ...], epsilon: float, *, real: bool
) -> Value:
    """Lower gamma * (x - mean) / sqrt(var + epsilon) + beta over logical axis 0."""
    shape = (-1,) + (1,) * (x.index.ndim - 1)
    gamma, beta, mean, var = (p.reshape(shape) for p in params)
    if real or isinstance(x, Floats):
        from hysteron.ops.source.batch_norm import rounded_scale

        floats = to_floats(em, x, node.origin)
        inverse = rounded_scale(
            gamma.ravel().astype(np.float32), var.ravel().astype(np.float32), epsilon
        ).reshape(shape)
        for kind, array in (("sub", mean), ("mul", inverse), ("add", beta)):
            floats = float_binary(em, node, floats, kind, array)
        return floats
    g, b, m, v = (channel_params(x, array) for array in (gamma, beta, mean, var))
    scale: list[Number] = []
    offset: list[Number] = []
    eps = Fraction(epsilon)
    roots: dict[Fraction, Surd] = {}
    for c in range(max(len(g), len(b), len(m), len(v))):
        variance = v[c % len(v)] + eps
        if variance not in roots:
            roots[variance] = Surd.sqrt(variance) / variance
        surd = roots[variance] * g[c % len(g)]
        factor: Number = surd.rational() if surd.is_rational() else surd
        scale.append(factor)
        offset.append(factor * -m[c % len(m)] + b[c % len(b)])
    try:
        return affine(x, scale, offset)
    except Refused as reason:
        raise Refused(f"{node.origin}: {reason}") from reason


def lower_clip(em: Emitter, node: Node, x: Value, lo: float, hi: float, *, real: bool) -> Value:
    """Lower clipping to [lo, hi]; infinite bounds do nothing."""
    if real or isinstance(x, Floats):
        floats = to_floats(em, x, node.origin)
        bounds = em.const(np.array([lo, hi], dtype=np.float32), "f32")
        out = em.one(kernel("float_clip"), (floats.tensor, bounds), node.origin)
        return Floats(out, floats.shape, floats.index)
    lattice = _lattice(node, x)
    pieces, pad = lattice.pieces, lattice.pad_value
    if not math.isinf(lo):
        low = Fraction(lo)
        pieces = pieces.by_sign([low], constant(low), keep, keep)
        pad = tuple(low if sign(v - low) < 0 else v for v in pad)
    if not math.isinf(hi):
        high = Fraction(hi)
        pieces = pieces.by_sign([high], keep, keep, constant(high))
        pad = tuple(high if sign(v - high) > 0 else v for v in pad)
    return replace(lattice, pieces=pieces, pad_value=pad)


def lower_prelu(em: Emitter, node: Node, x: Value, slope: Array, *, real: bool) -> Value:
    """Lower PReLU: slope * x below zero."""
    slope = slope.reshape(slope.shape[max(0, slope.ndim - x.index.ndim) :])
    if real or isinstance(x, Floats):
        floats = to_floats(em, x, node.origin)
        consts = float_consts(em, node, floats, slope)
        out = em.one(kernel("float_prelu"), (floats.tensor, consts), node.origin)
        return Floats(out, floats.shape, floats.index)
    lattice = _lattice(node, x)
    factors = channel_params(lattice, slope)

    def scaled(c: int, seg: Segment) -> Segment:
        factor = factors[c % len(factors)]
        return Segment(seg.start, seg.slope * factor, seg.offset * factor)

    widened = Pieces(
        lattice.pieces.lo,
        lattice.pieces.hi,
        lattice.pieces.widened(max(len(factors), len(lattice.pieces.channels))),
    )
    moved = lattice
    if lattice.pool is not None and any(f < 0 for f in factors):
        moved = replace(lattice, post=(None,))
    pad = _on_pad(
        lattice, lambda c, v: v * factors[c % len(factors)] if sign(v) < 0 else v, factors
    )
    return replace(moved, pieces=widened.by_sign([ZERO], scaled, keep, keep), pad_value=pad)


def lower_sign(em: Emitter, node: Node, x: Value, *, bipolar: bool) -> Value:
    """Lower ``sign`` (0 stays 0) or ``bipolar`` (0 becomes +1)."""
    at_zero = ONE if bipolar else ZERO
    if not isinstance(x, Lattice):
        return float_sign(em, node, x, at_zero)
    pieces = x.pieces.by_sign([ZERO], constant(-ONE), constant(at_zero), constant(ONE))
    pad = tuple(Fraction(sign(v)) if sign(v) else at_zero for v in x.pad_value)
    return replace(x, pieces=pieces, pad_value=pad)


_COMPARISONS = {  # value below, at, above the level
    "lt": (ONE, ZERO, ZERO),
    "le": (ONE, ONE, ZERO),
    "gt": (ZERO, ZERO, ONE),
    "ge": (ZERO, ONE, ONE),
    "eq": (ZERO, ONE, ZERO),
    "ne": (ONE, ZERO, ONE),
}
_SWAPPED = {"lt": "gt", "le": "ge", "gt": "lt", "ge": "le", "eq": "eq", "ne": "ne"}


def lower_compare(em: Emitter, node: Node, a: Operand, b: Operand, kind: str) -> Value:
    """Lower a comparison with a constant; true is 1, false is 0."""
    if isinstance(a, np.ndarray):
        a, b, kind = b, a, _SWAPPED[kind]
    if isinstance(a, np.ndarray) or not isinstance(b, np.ndarray):
        raise Refused(f"{node.origin}: a comparison needs one constant side")
    b = b.reshape(b.shape[max(0, b.ndim - a.index.ndim) :])
    below, at, above = _COMPARISONS[kind]
    if not isinstance(a, Lattice):
        shifted = replace_offset(a, b)
        out = float_sign(em, node, shifted, ZERO)
        pieces = out.pieces.by_sign([ZERO], constant(below), constant(at), constant(above))
        return replace(out, pieces=pieces)
    levels: list[Number] = list(channel_params(a, b))
    pieces = a.pieces.by_sign(levels, constant(below), constant(at), constant(above))
    moved = _turned(a, [-1 if kind in ("lt", "le") else 1])
    if kind in ("eq", "ne"):
        moved = replace(moved, post=(None,) if a.pool else ())
    pad = _on_pad(a, lambda c, v: (at, above, below)[sign(v - levels[c % len(levels)])], levels)
    return replace(moved, pieces=pieces, pad_value=pad)


def replace_offset(a: Compared | Floats, level: Array) -> Compared:
    """Return ``a - level`` as a compared tensor."""
    base = a if isinstance(a, Compared) else Compared(a.tensor, a.shape, a.index)
    moved = affine(base, [ONE], [-v for v in channel_params(base, level)])
    assert isinstance(moved, Compared)
    return moved


def lower_where(em: Emitter, node: Node, c: Operand, a: Operand, b: Operand) -> Value:
    """Lower a choice between constants or functions of the same stored integers."""
    if not isinstance(c, Lattice):
        raise Refused(f"{node.origin}: the condition is not a comparison in the integer tier")
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        rank = c.index.ndim
        chosen = [channel_params(c, v.reshape(v.shape[max(0, v.ndim - rank) :])) for v in (a, b)]
        count = max(map(len, chosen))
        yes, no = ([v[i % len(v)] for i in range(count)] for v in chosen)
        return affine(c, [y - n for y, n in zip(yes, no, strict=True)], list(no))
    yes_part = c.pieces.combine(_branch(node, c, a), _where_true)
    no_part = c.pieces.combine(_branch(node, c, b), _where_false)
    total = yes_part.combine(no_part, _SEGMENT_RULES["add"])
    return replace(c, pieces=total, post=(None,) if c.pool else ())


def _where_true(condition: Segment, seg: Segment) -> Segment:
    return seg if condition.offset == ONE else Segment(seg.start, ZERO, ZERO)


def _where_false(condition: Segment, seg: Segment) -> Segment:
    return seg if condition.offset == ZERO else Segment(seg.start, ZERO, ZERO)


def _branch(node: Node, c: Lattice, value: Operand) -> Pieces:
    if isinstance(value, np.ndarray):
        flat = channel_params(c, value.reshape(value.shape[max(0, value.ndim - c.index.ndim) :]))
        return Pieces(
            c.pieces.lo, c.pieces.hi, tuple((Segment(c.pieces.lo, ZERO, v),) for v in flat)
        )
    if not isinstance(value, Lattice) or not same_base(c, value):
        raise Refused(f"{node.origin}: the branches are not functions of the compared tensor")
    return value.pieces


def _lattice(node: Node, x: Value) -> Lattice:
    if not isinstance(x, Lattice):
        raise Refused(f"{node.origin}: this function of a float input is not supported")
    return x
