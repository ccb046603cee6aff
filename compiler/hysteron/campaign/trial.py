"""What a campaign asks of every chip, and under which conditions."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hysteron.chips.source import Source
from hysteron.codegen.emit import tool_version
from hysteron.image.program import Program
from hysteron.ir.types import Array

Correct = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Condition:
    """One point of the grid: ``key`` names it in the store, ``source`` draws its chips."""

    key: str
    source: Source


@dataclass(frozen=True, eq=False)
class Trial:
    """What every chip is asked: deployed samples by input id, and the right classes."""

    program: Program
    inputs: Mapping[str, Array]
    labels: npt.NDArray[np.int64]
    seed: int

    def identity(self) -> str:
        """Return the digest of everything that decides a result besides condition and chip."""
        digest = hashlib.sha256(tool_version().encode())
        digest.update(self.program.layout.layout_id)
        digest.update(self.program.model_sha256.encode())
        for region in self.program.layout.regions:
            digest.update(self.program.images[region])
        for name, array in sorted(self.inputs.items()):
            digest.update(f"{name}{array.dtype}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        digest.update(self.labels.tobytes() + str(self.seed).encode())
        return digest.hexdigest()
