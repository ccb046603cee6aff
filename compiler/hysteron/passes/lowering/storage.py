"""Turns a pending lattice tensor into stored integers, and moves storage around."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hysteron.exact import Number
from hysteron.ir.graph import Origin
from hysteron.ir.op import Op
from hysteron.ops import registry
from hysteron.passes.lowering.emitter import Emitter, Refused
from hysteron.passes.lowering.values import (
    Floats,
    Lattice,
    Value,
    Window,
)
from hysteron.passes.pieces import Pieces, Segment, as_rational
from hysteron.passes.steps import Plane, StepFunction, step_function, threshold_arrays

BIT_RANGE = (-1, 1)
PACKED = ("b1", "t2")


def kernel(name: str, **fields: object) -> Op:
    """Return a kernel op by name."""
    return registry("kernel")[name](**fields)


def window_fields(window: Window) -> dict[str, int]:
    """Return a window as the field names kernel ops use (no kernel size)."""
    top, left, bottom, right = window.pads
    return {
        "stride_h": window.stride[0],
        "stride_w": window.stride[1],
        "pad_top": top,
        "pad_left": left,
        "pad_bottom": bottom,
        "pad_right": right,
        "dilation_h": window.dilation[0],
        "dilation_w": window.dilation[1],
    }


def pool_fields(window: Window) -> dict[str, int]:
    """Return a window with its kernel size as kernel op fields."""
    return {"kernel_h": window.kernel[0], "kernel_w": window.kernel[1], **window_fields(window)}


def retyped(em: Emitter, tensor: str, shape: tuple[int, ...], origin: Origin) -> str:
    """Return the tensor under another shape; the bytes stay where they are."""
    if em.types[tensor].shape == shape:
        return tensor
    return em.one(kernel("reshape", shape=shape), (tensor,), origin)


def stored(em: Emitter, value: Lattice, origin: Origin) -> Lattice:
    """Return ``value`` as stored integers with an affine function per channel.

    A step function becomes packed bits (b1 or t2). Raises Refused when the
    function is neither affine nor a step function.
    """
    cached = em.stored.get(id(value))
    if cached is not None:
        return cached[1]
    result = _stored(em, value, origin)
    em.stored[id(value)] = (value, result)
    return result


def _stored(em: Emitter, value: Lattice, origin: Origin) -> Lattice:
    if value.mean:
        raise Refused(
            f"{origin}: the mean of a non-affine function is only supported at the output"
        )
    affine = all(len(channel) == 1 for channel in value.pieces.channels)
    if value.pool is None and affine:
        return value
    try:
        step = step_function(value.pieces, value.stride, value.residue)
    except ValueError as reason:
        if affine:
            return pooled_integers(em, value, origin)
        raise Refused(f"{origin}: {reason}") from reason
    if value.pool is None:
        return _coded(value, _emit_step(em, value, step, origin), step)
    tensor = _emit_pooled_step(em, value, step, origin)
    return replace(
        _coded(value, tensor, step), pool=None, pool_direction=(), post=(), shape=value.shape
    )


def recoded(em: Emitter, value: Lattice, origin: Origin) -> Lattice:
    """Store bits that stand for different values per channel in one common code.

    Channels in {0, 1} beside channels in {-1, 1} become three-valued. Returns
    ``value`` itself when its channels share no two or three levels.
    """
    try:
        step = step_function(value.pieces, value.stride, value.residue)
    except ValueError:
        return value
    if len(set(step.low)) > 1 or len(set(step.high)) > 1:
        return value
    return _coded(value, _emit_step(em, value, step, origin), step)


def _coded(value: Lattice, tensor: str, step: StepFunction) -> Lattice:
    channels = []
    for low, high in zip(step.low, step.high, strict=True):
        half = (high - low) / 2
        channels.append((Segment(BIT_RANGE[0], half, low + half),))
    return replace(
        value,
        tensor=tensor,
        pieces=Pieces(*BIT_RANGE, tuple(channels)),
        stride=1 if step.ternary else 2,
        residue=0 if step.ternary else 1,
    )


def _constants(
    em: Emitter, planes: list[list[Plane]], flips: int, channels: int, pieces: Pieces
) -> tuple[str, str]:
    t, inv = threshold_arrays(planes, flips, channels, pieces.lo, pieces.hi)
    return em.const(t, "i16" if t.dtype == np.int16 else "i32"), em.const(inv, "b1")


def _emit_step(em: Emitter, value: Lattice, step: StepFunction, origin: Origin) -> str:
    planes = [list(row) for row in zip(*step.planes, strict=True)]
    if _is_identity(em, value, planes):
        return value.tensor
    channels, shape = _step_channels(value, len(step.planes))
    tensor = retyped(em, value.tensor, shape, origin)
    consts = _constants(em, planes, step.flips, channels, value.pieces)
    op = kernel("step", out="t2" if step.ternary else "b1", flips=step.flips)
    return retyped(em, em.one(op, (tensor, *consts), origin), value.shape, origin)


def _is_identity(em: Emitter, value: Lattice, planes: list[list[Plane]]) -> bool:
    """Return True when the bits stored already are the one plane wanted."""
    if em.types[value.tensor].dtype != "b1" or len(planes) != 1:
        return False
    return all(p.flips in ((0,), (1,)) and not p.start for p in planes[0])


def _step_channels(value: Lattice, functions: int) -> tuple[int, tuple[int, ...]]:
    size = int(np.prod(value.shape, dtype=np.int64))
    if functions == 1:
        return shared_channels(size)
    if functions == value.channels:
        return value.channels, value.shape
    return size, (size,)


def shared_channels(size: int) -> tuple[int, tuple[int, ...]]:
    """Return (C, shape) for a tensor whose elements share one threshold.

    C is the largest divisor of the size up to 64: few copies in the image, and
    still whole words of output bits at a time.
    """
    channels = max(c for c in range(1, 65) if size % c == 0)
    return channels, (size // channels, channels)


def _emit_pooled_step(em: Emitter, value: Lattice, step: StepFunction, origin: Origin) -> str:
    """Threshold, then pool the bits: see docs/semantics.md, 'Max-pool on bits'."""
    pool = value.pool
    assert pool is not None
    if step.ternary:
        return _ternary_after_pool(em, value, step, origin)
    count = max(len(step.planes), len(value.pool_direction), len(value.post))
    outer: list[bool] = []
    rows: list[list[Plane]] = []
    monotone = all(d is not None for d in value.pool_direction)
    flips = 1 if monotone else step.flips
    width = step.flips if monotone else 1
    for c in range(count):
        (plane,) = step.planes[c % len(step.planes)]
        rising = value.pool_direction[c % len(value.pool_direction)]
        if monotone:
            row, invert = _planes_of_accumulator(plane, rising == 1, width)
        else:
            direction = value.post[c % len(value.post)]
            if direction is None:
                raise Refused(
                    f"{origin}: max pooling between two functions that both rise and fall"
                )
            row, invert = [plane], False
            if direction < 0:  # min = NOT OR NOT
                row, invert = [Plane(plane.flips, not plane.start)], True
        rows.append(row)
        outer.append(invert)
    planes = [[rows[c][p] for c in range(count)] for p in range(width)]
    channels = value.channels
    if count not in (1, channels):
        raise Refused(f"{origin}: per-position parameters before a max pooling")
    bits: tuple[str, ...] = (value.tensor,)
    if not _is_identity(em, value, planes):
        consts = _constants(em, planes, flips, channels, value.pieces)
        op = kernel("step", out="b1x2" if width == 2 else "b1", flips=flips)
        bits = em.emit(op, (value.tensor, *consts), origin)
    inv = np.array([1 if outer[c % count] else -1 for c in range(channels)], dtype=np.int8)
    return em.one(kernel("bit_pool", **pool_fields(pool)), (*bits, em.const(inv, "b1")), origin)


def _planes_of_accumulator(plane: Plane, rising: bool, width: int) -> tuple[list[Plane], bool]:
    """Return OR-pooled planes of n and the final inversion.

    Rising: step(max n) = start XOR_f [max n >= T_f] and [max n >= T] is the OR
    of [n >= T]. Falling: the pooled n is the minimum and [min n >= T] is the
    NOT of the OR of [n < T].
    """
    row = []
    for f in range(width):
        flips = (plane.flips[f],) if f < len(plane.flips) else ()
        row.append(Plane(flips, not rising))
    return row, plane.start ^ (not rising and width % 2 == 1)


def _ternary_after_pool(em: Emitter, value: Lattice, step: StepFunction, origin: Origin) -> str:
    pooled = pooled_integers(em, value, origin)
    return _emit_step(em, pooled, step, origin)


def pooled_integers(em: Emitter, value: Lattice, origin: Origin) -> Lattice:
    """Pool the stored integers themselves (max where f rises, min where it falls)."""
    pool = value.pool
    assert pool is not None
    directions = set(value.pool_direction)
    if len(directions) != 1 or None in directions:
        raise Refused(f"{origin}: max pooling of channels of which some rise and some fall")
    kind = "max" if directions == {1} else "min"
    tensor = value.tensor
    if em.types[tensor].dtype in PACKED:
        tensor = widened(em, value, origin).tensor
    out = em.one(kernel("max_pool_int", kind=kind, **pool_fields(pool)), (tensor,), origin)
    return replace(value, tensor=out, pool=None, pool_direction=(), post=())


def widened(em: Emitter, value: Lattice, origin: Origin) -> Lattice:
    """Return the same integers stored as i32: a sum over windows of one element."""
    if em.types[value.tensor].dtype == "i32":
        return value
    shape = em.types[value.tensor].shape  # value.shape may be that of a pending pool
    size = int(np.prod(shape, dtype=np.int64))
    tensor = retyped(em, value.tensor, (1, size // value.channels, value.channels), origin)
    one = Window((1, 1), (1, 1), (0, 0, 0, 0), (1, 1))
    out = em.one(kernel("sum_pool", **pool_fields(one)), (tensor,), origin)
    return replace(value, tensor=retyped(em, out, shape, origin))


def three_valued(em: Emitter, value: Lattice, origin: Origin) -> Lattice:
    """Return stored bits (b1) as t2, -1 and +1 in the two planes; t2 as it is."""
    if em.types[value.tensor].dtype == "t2":
        return value
    channels, shape = shared_channels(int(np.prod(value.shape, dtype=np.int64)))
    planes = [[Plane((1,), False)], [Plane((0,), True)]]  # n >= 1, and not n >= 0
    consts = _constants(em, planes, 1, channels, value.pieces)
    tensor = retyped(em, value.tensor, shape, origin)
    out = em.one(kernel("step", out="t2", flips=1), (tensor, *consts), origin)
    return replace(value, tensor=retyped(em, out, value.shape, origin))


def to_floats(em: Emitter, value: Value, origin: Origin) -> Floats:
    """Return the tensor in binary32: fl(num * n - zero_num) / fl(den), or per channel."""
    if isinstance(value, Floats):
        return value
    cached = em.floats.get(id(value))
    if cached is not None:
        return cached[1]
    if not isinstance(value, Lattice):
        result = Floats(value.tensor, value.shape, value.index)
    else:
        result = _lattice_to_floats(em, value, origin)
    em.floats[id(value)] = (value, result)
    return result


def _lattice_to_floats(em: Emitter, value: Lattice, origin: Origin) -> Floats:
    base = stored(em, value, origin)
    if base.pad is not None:
        raise Refused(f"{origin}: padding before a real-tier node that is not a convolution")
    if (line := base.pieces.uniform_affine()) is None:
        base = recoded(em, base, origin)  # channels that are constant have a slope of 0
        line = base.pieces.uniform_affine()
    if line is not None:
        slope, offset = line
        den = int(np.lcm.reduce([slope.denominator, offset.denominator], dtype=object))
        num, zero = int(slope * den), int(-offset * den)
        reach = max(abs(num * n - zero) for n in (base.pieces.lo, base.pieces.hi))
        if max(den, reach) < 2**24:
            op = kernel("to_float", num=num, den=den, zero_num=zero)
            return Floats(em.one(op, (base.tensor,), origin), base.shape, base.index)
    lines = base.pieces.widened(max(base.channels, len(base.pieces.channels)))
    scale = np.array([rounded(c[0].slope) for c in lines], dtype=np.float32)
    consts = [em.const(scale, "f32")]
    if any(c[0].offset != 0 for c in lines):
        consts.append(em.const(np.array([_zero(c[0], origin) for c in lines]), "i32"))
    tensor = base.tensor
    if len(lines) > base.channels:
        tensor = retyped(em, tensor, (len(lines),), origin)
    out = em.one(kernel("to_float", num=1, den=1, zero_num=0), (tensor, *consts), origin)
    return Floats(retyped(em, out, base.shape, origin), base.shape, base.index)


def _zero(line: Segment, origin: Origin) -> int:
    """Return the integer at which the line is 0."""
    slope, offset = as_rational(line.slope), as_rational(line.offset)
    if slope and offset is not None:
        ratio = -offset / slope
        if ratio.denominator == 1 and abs(ratio) < 2**31:
            return int(ratio)
    raise Refused(f"{origin}: per-channel offsets before a real-tier node")


def rounded(value: Number) -> np.float32:
    """Return ``value`` rounded once to binary32 (nearest, ties to even)."""
    from hysteron.ops.source._rounding import to_binary32

    return to_binary32(value)
