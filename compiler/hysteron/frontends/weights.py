"""Weights of products: the optional snapping to one magnitude a channel."""

from __future__ import annotations

import numpy as np

from hysteron.frontends.emitter import Emitter
from hysteron.frontends.value import Value, constant


def snapped(graph: Emitter, weights: Value, axis: int) -> Value:
    """Return constant weights, snapped where ``weight_tolerance`` allows.

    ``axis`` is the output channel axis; a vector is one channel. The non-zero
    weights of a channel whose magnitudes differ by at most ``tolerance *
    largest`` all take their mean magnitude; the number of changed weights is
    added to the graph's count.
    """
    tolerance, array = graph.options.weight_tolerance, weights.array
    if tolerance <= 0.0 or array is None or array.dtype.kind != "f" or array.size == 0:
        return weights
    rows = array[None] if array.ndim == 1 else np.moveaxis(array, axis, 0)
    flat = np.array(rows, np.float64).reshape(rows.shape[0], -1)
    magnitude = np.abs(flat)
    live = magnitude > 0
    largest = np.max(magnitude, axis=1, initial=0.0)
    smallest = np.min(magnitude, axis=1, initial=np.inf, where=live)
    close = (largest > 0) & (largest - smallest <= tolerance * largest)
    mean = magnitude.sum(axis=1) / np.maximum(live.sum(axis=1), 1)
    level = np.where(largest == smallest, largest, mean).astype(array.dtype).astype(np.float64)
    changed = np.where(close[:, None], np.sign(flat) * level[:, None], flat)
    count = int((changed != flat).sum())
    if count == 0:
        return weights
    shaped = changed.astype(array.dtype).reshape(rows.shape)
    result = shaped[0] if array.ndim == 1 else np.moveaxis(shaped, 0, axis)
    graph.weights_snapped += count
    graph.snapped_weights[weights.name] = np.ascontiguousarray(result)
    return constant(graph.snapped_weights[weights.name], weights.name)
