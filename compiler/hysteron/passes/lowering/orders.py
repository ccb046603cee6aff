"""Where elements lie: the storage brought into the order that a kernel wants."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np

from hysteron.ir.graph import Origin
from hysteron.ops.kernel.transpose import MAX_RANK
from hysteron.passes.lowering.emitter import Emitter, Refused
from hysteron.passes.lowering.storage import kernel, retyped
from hysteron.passes.lowering.values import Floats, Index, Lattice, Value, standard_index
from hysteron.passes.pieces import Channel


def as_map(em: Emitter, value: Value, channels: int, size: tuple[int, int], origin: Origin) -> str:
    """Return the tensor stored as (H, W, C), transposed if it is not already.

    ``value.index`` raveled must list the elements in (C, H, W) order. Raises
    Refused when no axis permutation of the storage gives that order.
    """
    height, width = size
    wanted = standard_index(channels, height, width).ravel()
    actual = value.index.ravel()
    if np.array_equal(wanted, actual):
        return retyped(em, value.tensor, (height, width, channels), origin)
    return retyped(em, _permuted(em, value, wanted, origin), (height, width, channels), origin)


def mapped(
    em: Emitter, value: Lattice, channels: int, size: tuple[int, int], origin: Origin
) -> Lattice:
    """Return the value stored as (H, W, C), its functions following their channels.

    Raises Refused as ``as_map`` does, and when a channel's positions have
    different functions.
    """
    tensor = as_map(em, value, channels, size, origin)
    functions = channel_functions(value, origin)
    pieces = replace(value.pieces, channels=functions)
    index = standard_index(channels, *size)
    return replace(value, tensor=tensor, shape=(*size, channels), index=index, pieces=pieces)


def channel_functions(value: Lattice, origin: Origin) -> tuple[Channel, ...]:
    """Return the function of each entry of the first logical axis, or the one of all."""
    functions = value.pieces.channels
    if len(functions) == 1:
        return functions
    rows = value.index.reshape(value.index.shape[0], -1) % len(functions)
    found = []
    for row in rows:
        first, *others = np.unique(row).tolist()
        if any(functions[at] != functions[first] for at in others):
            raise Refused(f"{origin}: per-position parameters before this node")
        found.append(functions[first])
    return tuple(found)


def stored_like(em: Emitter, value: Lattice, model: Lattice, origin: Origin) -> Lattice:
    """Return ``value`` in the storage order of ``model``; both have one logical shape.

    Raises Refused when the shapes differ or no transpose does it.
    """
    tensor = _tensor_like(em, value, model, origin)
    functions = value.pieces.channels
    if len(functions) > 1:
        spread = np.empty(model.index.size, dtype=np.int64)
        spread[model.index.ravel()] = value.index.ravel() % len(functions)
        rows = spread.reshape(-1, model.channels)
        spread = rows[0] if (rows == rows[:1]).all() else spread
        functions = tuple(functions[at] for at in spread.tolist())
    pieces = replace(value.pieces, channels=functions)
    return replace(value, tensor=tensor, shape=model.shape, index=model.index, pieces=pieces)


def floats_like(em: Emitter, value: Floats, model: Floats, origin: Origin) -> Floats:
    """Return ``value`` in the storage order of ``model``; raises Refused as ``stored_like``."""
    return Floats(_tensor_like(em, value, model, origin), model.shape, model.index)


def _tensor_like(em: Emitter, value: Value, model: Value, origin: Origin) -> str:
    if value.index.shape != model.index.shape:
        raise Refused(f"{origin}: broadcasting between two activations")
    if np.array_equal(value.index, model.index):
        return retyped(em, value.tensor, model.shape, origin)
    return retyped(em, _permuted(em, value, model.index.ravel(), origin), model.shape, origin)


def in_logical_order(em: Emitter, value: Value, origin: Origin) -> str:
    """Return the tensor as a vector stored in the order of the source graph."""
    size = value.index.size
    wanted = np.arange(size, dtype=np.int64)
    if np.array_equal(wanted, value.index.ravel()):
        return retyped(em, value.tensor, (size,), origin)
    return retyped(em, _permuted(em, value, wanted, origin), (size,), origin)


def _permuted(em: Emitter, value: Value, wanted: Index, origin: Origin) -> str:
    """Return the storage with element e at wanted[e]; raises Refused if no transpose does it."""
    actual = value.index.ravel()
    key = (value.tensor, actual.tobytes(), wanted.tobytes())
    if key in em.transposed:
        return em.transposed[key]
    shape = value.shape
    positions = np.arange(actual.size, dtype=np.int64).reshape(shape)
    source = np.empty_like(actual)
    source[wanted] = actual  # old position of each new position
    for perm in permutations(range(len(shape))):
        if np.array_equal(positions.transpose(perm).ravel(), source):
            typed = retyped(em, value.tensor, shape, origin)
            em.transposed[key] = em.one(kernel("transpose", perm=perm), (typed,), origin)
            return em.transposed[key]
    finer = _finer_axes(source)
    if finer is None:
        raise Refused(f"{origin}: the element order before this node is no axis permutation")
    typed = retyped(em, value.tensor, finer[0], origin)
    em.transposed[key] = em.one(kernel("transpose", perm=finer[1]), (typed,), origin)
    return em.transposed[key]


def _finer_axes(source: Index) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Return (shape, perm) that list the storage as ``source`` does, or None.

    Reshapes between transposes split and join axes (channel shuffle, space to
    depth): the order is then one of finer axes, at most those the kernel takes.
    """
    digits: list[tuple[int, int]] = []  # extent and stride in the storage, innermost first
    rest = source
    while rest.size > 1 and len(digits) < MAX_RANK:
        stride = int(rest[1] - rest[0])
        off = np.flatnonzero(rest != rest[0] + stride * np.arange(rest.size, dtype=np.int64))
        run = int(off[0]) if off.size else rest.size
        extent = next(n for n in range(run, 0, -1) if rest.size % n == 0)
        digits.append((extent, stride))
        rest = rest[::extent]
    by_stride = sorted(range(len(digits)), key=lambda at: -digits[at][1])
    shape = tuple(digits[at][0] for at in by_stride)
    perm = tuple(by_stride.index(at) for at in reversed(range(len(digits))))
    positions = np.arange(source.size, dtype=np.int64)
    if int(np.prod(shape, dtype=np.int64)) != source.size:
        return None
    found = positions.reshape(shape).transpose(perm).ravel()
    return (shape, perm) if np.array_equal(found, source) else None
