"""Concatenation and padding."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np

from hysteron.exact import sign
from hysteron.ir.graph import Node
from hysteron.passes.lowering.emitter import Emitter, Refused, flat_index
from hysteron.passes.lowering.orders import as_map, channel_functions, in_logical_order
from hysteron.passes.lowering.storage import (
    PACKED,
    kernel,
    rounded,
    stored,
    three_valued,
    to_floats,
    widened,
)
from hysteron.passes.lowering.values import Compared, Floats, Lattice, Value, standard_index
from hysteron.passes.pieces import Channel, Pieces, as_rational


def lower_concat(em: Emitter, node: Node, parts: list[Value], *, real: bool) -> Value:
    """Join along the channels of maps or the elements of vectors."""
    axis = node.op.axis % (parts[0].index.ndim + 1) - 1  # type: ignore[attr-defined]
    if axis != 0:
        raise Refused(f"{node.origin}: concatenation along an axis other than the channels")
    if real or any(isinstance(p, Floats) for p in parts):
        floats = [to_floats(em, p, node.origin) for p in parts]
        tensor, shape, index = _joined(em, node, list(floats))
        return Floats(tensor, shape, index)
    bases: list[Lattice] = []
    for part in parts:
        if not isinstance(part, Lattice) or part.pad is not None:
            raise Refused(f"{node.origin}: concatenation of a padded or float tensor")
        bases.append(stored(em, part, node.origin))
    dtypes = {em.types[base.tensor].dtype for base in bases}
    if len(dtypes) > 1:
        common = three_valued if dtypes <= set(PACKED) else widened
        bases = [common(em, base, node.origin) for base in bases]
    tensor, shape, index = _joined(em, node, list(bases))
    low, high = min(b.pieces.lo for b in bases), max(b.pieces.hi for b in bases)
    channels: list[Channel] = []
    for base in bases:
        functions = replace(base.pieces, channels=channel_functions(base, node.origin))
        spread = functions.widened(base.index.shape[0])
        channels += [(channel[0]._replace(start=low),) for channel in spread]
    if all(channel == channels[0] for channel in channels):
        channels = channels[:1]
    stride, residue = bases[0].stride, bases[0].residue
    if any((b.stride, b.residue) != (stride, residue) for b in bases):
        stride, residue = 1, 0
    return Lattice(tensor, shape, index, Pieces(low, high, tuple(channels)), stride, residue)


def _joined(em: Emitter, node: Node, parts: list[Value]) -> tuple[str, tuple[int, ...], np.ndarray]:
    ranks = {p.index.ndim for p in parts}
    if ranks == {1}:
        ids = tuple(in_logical_order(em, p, node.origin) for p in parts)
        size = sum(p.index.size for p in parts)
        return em.one(kernel("concat", axis=0), ids, node.origin), (size,), flat_index((size,))
    maps = []
    for p in parts:
        view = p.moved(p.index[:, None, :]) if p.index.ndim == 2 else p
        channels, height, width = view.index.shape
        maps.append(as_map(em, view, channels, (height, width), node.origin))
    total = sum(p.index.shape[0] for p in parts)
    out = em.one(kernel("concat", axis=2), tuple(maps), node.origin)
    index = standard_index(total, height, width)
    return out, (height, width, total), index[:, 0, :] if ranks == {2} else index


def lower_pad(em: Emitter, node: Node, x: Value) -> Value:
    """Keep constant padding pending for the convolution that follows."""
    op = node.op
    pads: tuple[int, ...] = tuple(op.pads)  # type: ignore[attr-defined]
    rank = len(pads) // 2
    begin, end = pads[:rank], pads[rank:]
    if not any(pads):
        return x
    if any(begin[:2]) or any(end[:2]) or rank not in (3, 4) or min(pads) < 0:
        raise Refused(f"{node.origin}: padding of the batch or channel axis, or cropping")
    if rank == 3:
        amount = (0, begin[2], 0, end[2])
    else:
        amount = (begin[2], begin[3], end[2], end[3])
    if not isinstance(x, Lattice):
        return _padded_floats(em, node, x, amount, op.value)  # type: ignore[attr-defined]
    value = Fraction(op.value)  # type: ignore[attr-defined]
    if x.pad is not None:
        if any(sign(v - value) for v in x.pad_value):
            raise Refused(f"{node.origin}: two pads with different values")
        amount = tuple(a + b for a, b in zip(amount, x.pad, strict=True))  # type: ignore[assignment]
    if x.pool is not None or x.mean or _is_step(x):
        x = stored(em, x, node.origin)
    return replace(x, pad=amount, pad_value=(value,))


def padded_in_floats(em: Emitter, node: Node, x: Lattice) -> Floats:
    """Return a lattice with a pending pad in binary32: the pad is rounded as its lattice is."""
    assert x.pad is not None
    base = stored(em, replace(x, pad=None, pad_value=()), node.origin)
    line, value = base.pieces.uniform_affine(), as_rational(x.pad_value[0])
    if line is None or value is None or any(sign(v - value) for v in x.pad_value):
        raise Refused(f"{node.origin}: a pad of several values before a real-tier node")
    (slope, offset), ends = line, (base.pieces.lo, base.pieces.hi)
    den = math.lcm(slope.denominator, offset.denominator)
    values = [*(slope * n + offset for n in ends), value]
    if den >= 2**24 or any(abs(v * den) >= 2**24 for v in values):
        raise Refused(f"{node.origin}: a pad before a real-tier node that binary32 rounds twice")
    floats = to_floats(em, base, node.origin)
    out = _padded_floats(em, node, floats, x.pad, float(rounded(value)))
    assert isinstance(out, Floats)
    return out


def _padded_floats(
    em: Emitter, node: Node, x: Floats | Compared, amount: tuple[int, int, int, int], value: float
) -> Value:
    if isinstance(x, Compared) and (set(x.scale), set(x.offset)) != ({Fraction(1)}, {Fraction(0)}):
        raise Refused(f"{node.origin}: padding of a rescaled float input")
    one_d = x.index.ndim == 2
    view = x.moved(x.index[:, None, :]) if one_d else x
    channels, height, width = view.index.shape
    top, left, bottom, right = amount
    fields = {"pad_top": top, "pad_left": left, "pad_bottom": bottom, "pad_right": right}
    const = em.const(np.array([value], dtype=np.float32), "f32")
    tensor = as_map(em, view, channels, (height, width), node.origin)
    out = em.one(kernel("float_pad", **fields), (tensor, const), node.origin)
    shape = (height + top + bottom, width + left + right, channels)
    index = standard_index(channels, shape[0], shape[1])
    return replace(x, tensor=out, shape=shape, index=index[:, 0, :] if one_d else index)


def _is_step(x: Lattice) -> bool:
    return (
        x.pad is None
        and any(len(channel) > 1 for channel in x.pieces.channels)
        and all(sign(seg.slope) == 0 for channel in x.pieces.channels for seg in channel)
    )
