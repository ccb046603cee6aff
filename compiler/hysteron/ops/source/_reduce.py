"""Reductions over axes: shapes, order and element maps."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

Index = tuple[int, ...]


def normal(axes: Index, rank: int) -> Index:
    """Return sorted non-negative axes."""
    return tuple(sorted(axis % rank for axis in axes))


def reduced_shape(shape: Index, axes: Index, keepdims: bool) -> Index:
    """Return the output shape."""
    gone = normal(axes, len(shape))
    if keepdims:
        return tuple(1 if axis in gone else dim for axis, dim in enumerate(shape))
    return tuple(dim for axis, dim in enumerate(shape) if axis not in gone)


def terms(shape: Index, axes: Index) -> int:
    """Return how many elements one output adds up."""
    return int(np.prod([shape[axis] for axis in normal(axes, len(shape))], dtype=np.int64))


def members(index: Index, shape: Index, axes: Index, keepdims: bool) -> Iterator[Index]:
    """Yield the input elements of one output element, in no promised order."""
    gone = normal(axes, len(shape))
    kept = iter(index)
    base: list[int] = []
    for axis in range(len(shape)):
        if axis in gone:
            base.append(0)
            if keepdims:
                next(kept)
        else:
            base.append(next(kept))
    for position in product(*(range(shape[axis]) for axis in gone)):
        cell = list(base)
        for axis, value in zip(gone, position, strict=True):
            cell[axis] = value
        yield tuple(cell)


def ascending_sum(x: npt.NDArray[np.float32], axes: Index, keepdims: bool) -> Any:
    """Add up in binary32, one accumulator, spatial axes ascending, channels innermost."""
    gone = normal(axes, x.ndim)
    order = [axis for axis in gone if axis != 1] + ([1] if 1 in gone else [])
    kept = [axis for axis in range(x.ndim) if axis not in gone]
    shape = tuple(x.shape[axis] for axis in kept)
    rows = x.transpose(order + kept).reshape((-1, *shape))
    acc = np.zeros(shape, dtype=np.float32)
    for row in rows:
        acc += row
    return acc.reshape(reduced_shape(x.shape, axes, keepdims))
