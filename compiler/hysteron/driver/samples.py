"""Seeded samples for checks that need no data set."""

from __future__ import annotations

import numpy as np

from hysteron.ir.graph import Graph, InputSpec
from hysteron.ir.types import LIMITS, NUMPY, Array


def random_samples(graph: Graph, count: int, seed: int) -> dict[str, Array]:
    """Return q arrays for every input, uniform over the declared type (floats: normal).

    Shapes are the deployed ones, batch first. The same seed gives the same data.
    """
    rng = np.random.default_rng(seed)
    samples: dict[str, Array] = {}
    for name in graph.inputs:
        spec = graph.specs.get(name, InputSpec())
        shape = (count, *graph.types[name].shape[1:])
        if spec.dtype == "f32":
            samples[name] = rng.standard_normal(shape).astype(np.float32)
        elif spec.dtype == "b1":
            samples[name] = rng.choice(np.array([-1, 1], dtype=np.int8), size=shape)
        else:
            low, high = LIMITS[spec.dtype]
            samples[name] = rng.integers(low, high + 1, shape).astype(NUMPY[spec.dtype])
    return samples
