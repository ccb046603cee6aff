"""Pooling, means and sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from hysteron.exact import sign
from hysteron.ir.graph import Node
from hysteron.passes.lowering.emitter import Emitter, Refused, flat_index
from hysteron.passes.lowering.orders import as_map, mapped
from hysteron.passes.lowering.storage import kernel, pool_fields, stored, to_floats
from hysteron.passes.lowering.values import (
    Compared,
    Floats,
    Lattice,
    Value,
    Window,
    standard_index,
)
from hysteron.passes.pieces import Pieces, Segment


def pool_window(
    kernel_size: Sequence[int],
    strides: Sequence[int],
    pads: Sequence[int],
    dilations: Sequence[int],
) -> Window:
    """Return a 1-D or 2-D ONNX window over a (H, W, C) map."""
    if len(kernel_size) == 1:
        return Window(
            (1, kernel_size[0]), (1, strides[0]), (0, pads[0], 0, pads[1]), (1, dilations[0])
        )
    return Window(
        (kernel_size[0], kernel_size[1]),
        (strides[0], strides[1]),
        (pads[0], pads[1], pads[2], pads[3]),
        (dilations[0], dilations[1]),
    )


def _map_shape(value: Value) -> tuple[int, int, int]:
    shape = value.index.shape
    return (shape[0], 1, shape[1]) if len(shape) == 2 else (shape[0], shape[1], shape[2])


def _pooled_index(value: Value, window: Window) -> tuple[tuple[int, int, int], np.ndarray]:
    channels, height, width = _map_shape(value)
    out_h, out_w = window.out_size(height, width)
    index = standard_index(channels, out_h, out_w)
    if value.index.ndim == 2:
        index = index[:, 0, :]
    return (out_h, out_w, channels), index


def lower_max_pool(em: Emitter, node: Node, x: Value, window: Window, *, real: bool) -> Value:
    """Lower max pooling: deferred on lattices, so that bits can be pooled instead."""
    channels, height, width = _map_shape(x)
    shape, index = _pooled_index(x, window)
    if not isinstance(x, Lattice) or real:
        floats = x if isinstance(x, Compared) else to_floats(em, x, node.origin)
        if isinstance(floats, Compared):
            if any(s <= 0 for s in floats.scale) or len(floats.scale) > 1 or len(floats.offset) > 1:
                raise Refused(f"{node.origin}: max pooling of a rescaled float input")
        tensor = as_map(em, floats, channels, (height, width), node.origin)
        op = kernel("float_pool", kind="max", **pool_fields(window))
        out = em.one(op, (tensor,), node.origin)
        if isinstance(floats, Compared):
            return replace(floats, tensor=out, shape=shape, index=index)
        return Floats(out, shape, index)
    if x.pool is not None or x.mean:
        x = stored(em, x, node.origin)
    if x.pad is not None:
        raise Refused(f"{node.origin}: padding between a layer and a max pooling")
    x = mapped(em, x, channels, (height, width), node.origin)
    directions = tuple(x.pieces.direction(channel) for channel in x.pieces.channels)
    return replace(
        x,
        shape=shape,
        index=index,
        pool=window,
        pool_direction=directions,
        post=(1,),
    )


def lower_average(
    em: Emitter, node: Node, x: Value, window: Window, include_pad: bool, *, real: bool
) -> Value:
    """Lower average pooling: an integer sum whose scale carries the division."""
    channels, height, width = _map_shape(x)
    shape, index = _pooled_index(x, window)
    taps = window.kernel[0] * window.kernel[1]
    if real or isinstance(x, Floats):
        floats = to_floats(em, x, node.origin)
        if include_pad and any(window.pads):
            raise Refused(f"{node.origin}: count_include_pad with pads in the real tier")
        tensor = as_map(em, floats, channels, (height, width), node.origin)
        op = kernel("float_pool", kind="mean", **pool_fields(window))
        return Floats(em.one(op, (tensor,), node.origin), shape, index)
    if any(window.pads) and not include_pad:
        raise Refused(f"{node.origin}: an average whose divisor varies along the border")
    base = _summable(em, node, x)
    base = mapped(em, base, channels, (height, width), node.origin)
    if any(window.pads) and any(sign(c[0].offset) for c in base.pieces.channels):
        raise Refused(f"{node.origin}: padding an average over values that are not centred")
    out = em.one(kernel("sum_pool", **pool_fields(window)), (base.tensor,), node.origin)
    return _summed(base, out, shape, index, taps, taps)


def _summable(em: Emitter, node: Node, x: Value) -> Lattice:
    if not isinstance(x, Lattice):
        raise Refused(f"{node.origin}: a mean of a float input")
    base = stored(em, x, node.origin)
    if base.pad is not None:
        raise Refused(f"{node.origin}: padding before a mean")
    return base


def _stored_integers(em: Emitter, node: Node, x: Lattice) -> Lattice | None:
    """Return x as stored integers with an affine function, None when it has none."""
    if x.pad is not None:
        raise Refused(f"{node.origin}: padding before a mean")
    try:
        return stored(em, x, node.origin)
    except Refused:
        return None


def _summed(
    base: Lattice,
    tensor: str,
    shape: tuple[int, ...],
    index: np.ndarray,
    taps: int,
    divisor: int,
) -> Lattice:
    low, high = base.pieces.lo * taps, base.pieces.hi * taps
    channels = tuple(
        (
            Segment(
                low,
                channel[0].slope * Fraction(1, divisor),
                channel[0].offset * Fraction(taps, divisor),
            ),
        )
        for channel in base.pieces.channels
    )
    stride = base.stride
    return Lattice(
        tensor, shape, index, Pieces(low, high, channels), stride, base.residue * taps % stride
    )


def lower_reduce(
    em: Emitter,
    node: Node,
    x: Value,
    axes: Sequence[int],
    keepdims: bool,
    *,
    mean: bool,
    real: bool,
) -> Value:
    """Lower a mean or sum over logical axes (batch axis already removed).

    Over all positions of a map it becomes one window; a non-affine function is
    kept pending for the fixed-point head.
    """
    spatial = tuple(range(1, x.index.ndim))
    if tuple(sorted(axes)) != spatial or x.index.ndim not in (2, 3):
        raise Refused(f"{node.origin}: a reduction over axes other than all positions of a map")
    channels, height, width = _map_shape(x)
    taps = height * width
    window = Window((height, width), (1, 1), (0, 0, 0, 0), (1, 1))
    index = flat_index((channels,) + (1,) * (len(spatial) if keepdims else 0))
    if real or isinstance(x, Floats):
        floats = to_floats(em, x, node.origin)
        tensor = as_map(em, floats, channels, (height, width), node.origin)
        op = kernel("float_pool", kind="mean" if mean else "sum", **pool_fields(window))
        return Floats(em.one(op, (tensor,), node.origin), (1, 1, channels), index)
    if not isinstance(x, Lattice):
        raise Refused(f"{node.origin}: a mean of a float input")
    divisor = taps if mean else 1
    base = _stored_integers(em, node, x)
    if base is not None:
        base = mapped(em, base, channels, (height, width), node.origin)
        out = em.one(kernel("sum_pool", **pool_fields(window)), (base.tensor,), node.origin)
        return _summed(base, out, (1, 1, channels), index, taps, divisor)
    scaled = x.pieces.affine([Fraction(1, divisor)], [Fraction(0)])
    x = replace(x, pieces=scaled)
    if x.pool is None:
        x = mapped(em, x, channels, (height, width), node.origin)
    elif not np.array_equal(x.index.ravel(), standard_index(channels, height, width).ravel()):
        raise Refused(f"{node.origin}: a mean of a pooled function in another element order")
    return replace(x, mean=taps, index=index, shape=(height, width, channels))
