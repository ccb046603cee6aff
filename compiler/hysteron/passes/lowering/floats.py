"""Binary32 helpers: constants in storage order, comparisons of floats."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from hysteron.ir.graph import Node
from hysteron.ir.types import Array
from hysteron.passes.lowering.emitter import Emitter, Refused
from hysteron.passes.lowering.storage import kernel, retyped, shared_channels
from hysteron.passes.lowering.values import Compared, Floats, Lattice
from hysteron.passes.pieces import Pieces, Segment


def float_consts(em: Emitter, node: Node, x: Floats | Compared, logical: Array) -> str:
    """Add a broadcast constant in storage order: (1,), (C,) or the full shape."""
    spread = np.broadcast_to(logical, x.index.shape)
    flat = np.zeros(x.index.size, dtype=np.float32)
    single = spread.astype(np.float32)
    if (single.astype(spread.dtype) != spread).any():
        raise Refused(f"{node.origin}: a constant of the real tier is not a binary32 number")
    flat[x.index.ravel()] = single.ravel()
    rows = flat.reshape(-1, x.channels)
    if (flat == flat[0]).all():
        array = flat[:1]
    elif (rows == rows[:1]).all():
        array = rows[0]
    else:
        array = flat.reshape(x.shape)
    return em.const(np.ascontiguousarray(array), "f32")


def float_binary(em: Emitter, node: Node, x: Floats, kind: str, logical: Array) -> Floats:
    """Emit one binary32 operation with a constant operand."""
    const = float_consts(em, node, x, logical)
    out = em.one(kernel("float_binary", kind=kind), (x.tensor, const), node.origin)
    return Floats(out, x.shape, x.index)


def float_sign(em: Emitter, node: Node, x: Compared | Floats, at_zero: Fraction) -> Lattice:
    """Take the sign of scale * x + offset by comparing x with a binary32 threshold.

    With at_zero 0 the result is three-valued where some float gives exactly 0.
    """
    base = x if isinstance(x, Compared) else Compared(x.tensor, x.shape, x.index)
    count = max(len(base.scale), len(base.offset))
    if count not in (1, base.channels):
        raise Refused(f"{node.origin}: per-position parameters on a float input")
    roots, slopes = [], []
    for c in range(count):
        slope = base.scale[c % len(base.scale)]
        offset = base.offset[c % len(base.offset)]
        slopes.append((slope > 0) - (slope < 0))
        roots.append(-offset / slope if slope else offset)
    ternary = at_zero == 0 and any(
        (s == 0 and r == 0) or (s != 0 and _up(r, strict=False) != _up(r, strict=True))
        for s, r in zip(slopes, roots, strict=True)
    )
    channels, shape = base.channels, base.shape
    if count == 1:
        channels, shape = shared_channels(base.index.size)
    planes = [_plane(roots, slopes, count, channels, positive=True, with_zero=at_zero == 1)]
    if ternary:
        planes.append(_plane(roots, slopes, count, channels, positive=False, with_zero=False))
    t = np.stack([p[0] for p in planes])[:, None, :]
    inv = np.stack([p[1] for p in planes])
    op = kernel("float_step", out="t2" if ternary else "b1", flips=1)
    source = retyped(em, base.tensor, shape, node.origin)
    out = em.one(op, (source, em.const(t, "f32"), em.const(inv, "b1")), node.origin)
    out = retyped(em, out, base.shape, node.origin)
    pieces = Pieces(-1, 1, ((Segment(-1, Fraction(1), Fraction(0)),),))
    return Lattice(out, base.shape, base.index, pieces, 1 if ternary else 2, 0 if ternary else 1)


def _plane(
    roots: list[Fraction],
    slopes: list[int],
    count: int,
    channels: int,
    *,
    positive: bool,
    with_zero: bool,
) -> tuple[Array, Array]:
    """Thresholds and inversions of [value > 0] (or >= 0, or < 0)."""
    t = np.zeros(channels, dtype=np.float32)
    inv = np.full(channels, -1, dtype=np.int8)
    for c in range(channels):
        root, slope = roots[c % count], slopes[c % count] * (1 if positive else -1)
        if slope == 0:  # the value is the constant ``root``
            side = (root > 0) - (root < 0)
            is_set = side == (1 if positive else -1) or (side == 0 and with_zero)
            # NaN inputs are refused, so every x is >= -inf.
            t[c], inv[c] = -np.inf, -1 if is_set else 1
            continue
        # value > 0: x > root, or NOT x >= root for a falling line.
        strict = (slope > 0) != with_zero
        t[c] = _up(root, strict=strict)
        inv[c] = -1 if slope > 0 else 1
    return t, inv


def _up(root: Fraction, *, strict: bool) -> np.float32:
    """Return the smallest binary32 number >= root (> root when strict)."""
    try:
        guess = np.float32(float(root))
    except OverflowError:
        guess = np.float32(np.inf if root > 0 else -np.inf)
    infinity = np.float32(np.inf)

    def below(value: np.float32) -> bool:
        if np.isinf(value):
            return bool(value < 0)
        exact = Fraction(float(value))
        return exact < root or (strict and exact == root)

    while not below(guess) and guess != -infinity:
        guess = np.nextafter(guess, -infinity)
    while below(guess):
        guess = np.nextafter(guess, infinity)
    return guess
