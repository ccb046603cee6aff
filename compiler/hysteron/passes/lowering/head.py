"""The output of a model: raw integers where classes share a scale, else fixed point."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, lcm

import numpy as np

from hysteron.exact import Number, nearest_integer
from hysteron.ir.graph import Origin
from hysteron.passes.lowering.emitter import Emitter, Refused
from hysteron.passes.lowering.storage import kernel, pooled_integers, retyped, stored, to_floats
from hysteron.passes.lowering.values import Lattice, Value
from hysteron.passes.pieces import Channel, Pieces, as_rational

#: Headroom of the int32 result: |logit| stays below 2^30 for every image.
_OUT_BITS = 30


@dataclass(frozen=True)
class Head:
    """How the output tensor reads: logit = ``lsb`` * integer + a common offset.

    ``kind`` is "integer" (exact), "fixed" (``error_lsb`` is a proven bound of
    |integer - logit / lsb|) or "float" (binary32 logits).
    """

    kind: str
    tensor: str
    classes: int
    lsb: float = 1.0
    error_lsb: float = 0.0


def lower_head(em: Emitter, value: Value, origin: Origin) -> Head:
    """Emit the output tensor, shape (classes,) in logical order."""
    classes = value.index.size
    if not isinstance(value, Lattice):
        floats = to_floats(em, value, origin)
        _in_order(value, origin)
        return Head("float", retyped(em, floats.tensor, (classes,), origin), classes)
    if value.pad is not None:
        raise Refused(f"{origin}: padding at the output")
    base = value
    if not value.mean:
        base = _integers(em, value, origin)
        common = _common_line(base)
        if common is not None and em.types[base.tensor].dtype == "i32":
            _in_order(base, origin)
            tensor = retyped(em, base.tensor, (classes,), origin)
            return Head("integer", tensor, classes, float(common))
    return _fixed(em, base, origin)


def _in_order(value: Value, origin: Origin) -> None:
    if not np.array_equal(value.index.ravel(), np.arange(value.index.size)):
        raise Refused(f"{origin}: the output is not in storage order")


def _integers(em: Emitter, value: Lattice, origin: Origin) -> Lattice:
    if value.pool is None:
        return value
    return stored(em, value, origin)


def _common_line(base: Lattice) -> Fraction | None:
    """Return the one positive scale of all classes, if offsets agree too."""
    line = base.pieces.uniform_affine()
    return line[0] if line is not None and line[0] > 0 else None


def _fixed(em: Emitter, value: Lattice, origin: Origin) -> Head:
    pooled = value
    if value.pool is not None:
        pooled = pooled_integers(em, value, origin)
    taps = max(1, value.mean)
    channels = value.channels if value.mean else value.index.size
    if not value.mean and value.channels != value.index.size:
        raise Refused(f"{origin}: the output has more than one position per channel")
    _in_order(replace(value, index=value.index.reshape(-1)), origin)
    functions = pooled.pieces.widened(channels)
    exact = _exact_integers(functions, pooled.pieces, taps)
    design = exact or _fixed_point(functions, pooled.pieces, taps)
    tensor = retyped(em, pooled.tensor, (taps, channels), origin)
    consts = (
        em.const(design.m, "i32"),
        em.const(design.d, "i32"),
        em.const(design.breaks, "i32"),
    )
    op = kernel("fixed_head", shift=design.shift, dshift=design.dshift)
    out = em.one(op, (tensor, *consts), origin)
    kind = "integer" if exact else "fixed"
    return Head(kind, out, channels, design.lsb, design.error_lsb)


@dataclass(frozen=True)
class _Design:
    m: np.ndarray
    d: np.ndarray
    breaks: np.ndarray
    shift: int
    dshift: int
    lsb: float
    error_lsb: float


def _tables(
    functions: tuple[Channel, ...], scale_m: Number, scale_d: Number, hi: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    groups = max(len(channel) for channel in functions)
    shape = (groups, len(functions))
    m, d = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    breaks = np.full((groups - 1, len(functions)), hi + 1, dtype=np.int64)
    for c, channel in enumerate(functions):
        for g in range(groups):
            seg = channel[min(g, len(channel) - 1)]
            m[g, c] = nearest_integer(seg.slope * scale_m)
            d[g, c] = nearest_integer(seg.offset * scale_d)
            if 0 < g < len(channel):
                breaks[g - 1, c] = seg.start
    return m, d, breaks


def _exact_integers(functions: tuple[Channel, ...], pieces: Pieces, taps: int) -> _Design | None:
    """Use integers without any error when all coefficients share a small denominator."""
    values = [as_rational(v) for ch in functions for seg in ch for v in (seg.slope, seg.offset)]
    if any(v is None for v in values):
        return None
    rationals = [v for v in values if v is not None]
    unit = lcm(*(v.denominator for v in rationals))
    largest = max((abs(v) for v in rationals), default=Fraction(0)) * unit
    reach = max(abs(pieces.lo), abs(pieces.hi), 1)
    if largest * (reach + 1) * taps >= 2**_OUT_BITS:
        return None
    m, d, breaks = _tables(functions, Fraction(unit), Fraction(unit), pieces.hi)
    return _Design(
        m.astype(np.int32), d.astype(np.int32), breaks.astype(np.int32), 0, 0, 1 / unit, 0.0
    )


def _fixed_point(functions: tuple[Channel, ...], pieces: Pieces, taps: int) -> _Design:
    """Choose the LSB so that the int32 result cannot overflow, and bound the error.

    Integer result r = (sum(m*n) + sum(d)*2^dshift + half) >> shift with
    m = round(slope * 2^shift / lsb) and d = round(offset * 2^(shift-dshift) / lsb).
    |r - logit/lsb| <= (taps*reach/2 + taps*2^dshift/2) / 2^shift + 1/2.
    """
    reach = max(abs(pieces.lo), abs(pieces.hi), 1)
    top = max(
        (abs(float(seg.slope)) * reach + abs(float(seg.offset)) for ch in functions for seg in ch),
        default=0.0,
    )
    slope = max((abs(float(seg.slope)) for ch in functions for seg in ch), default=0.0)
    total = Fraction(top if top > 0 else 1.0) * taps
    # lsb = 2^-e, the finest power of two with total / lsb < 2^30.
    e = _OUT_BITS - 1 - _log2_ceil(total)
    # m below 2^30 and sum(m*n) below 2^62.
    shift = max(0, min(30, 29 - _log2_ceil(Fraction(slope or 1.0) * Fraction(2) ** e)))
    offset = max((abs(float(seg.offset)) for ch in functions for seg in ch), default=0.0)
    dshift = max(0, _log2_ceil(Fraction(offset or 1.0) * Fraction(2) ** (e + shift)) - 29)
    m, d, breaks = _tables(
        functions, Fraction(2) ** (e + shift), Fraction(2) ** (e + shift - dshift), pieces.hi
    )
    error = Fraction(taps * (reach + 2**dshift), 2 ** (shift + 1)) + Fraction(1, 2)
    return _Design(
        m.astype(np.int32),
        d.astype(np.int32),
        breaks.astype(np.int32),
        shift,
        dshift,
        float(Fraction(2) ** -e),
        float(ceil(error * 4) / 4),
    )


def _log2_ceil(value: Fraction) -> int:
    """Return the smallest k with value <= 2^k, for value > 0."""
    k = value.numerator.bit_length() - value.denominator.bit_length()
    while Fraction(2) ** k < value:
        k += 1
    while Fraction(2) ** (k - 1) >= value:
        k -= 1
    return k
