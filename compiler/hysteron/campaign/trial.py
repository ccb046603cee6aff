"""What a campaign asks of every chip, and under which conditions."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from hysteron.campaign.store import canonical
from hysteron.chips.draw import Faults
from hysteron.chips.source import Marginal, Source
from hysteron.chips.trajectory import Trajectory
from hysteron.codegen.emit import tool_version
from hysteron.image.layout import ImageLayout
from hysteron.image.program import Program
from hysteron.ir.types import Array

Correct = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Condition:
    """One point of the grid: ``key`` names it in the store, ``source`` draws its chips."""

    key: str
    source: Source


@dataclass(frozen=True)
class Fixed:
    """A source that gives every chip the same wrong cells."""

    wrong: Faults

    @property
    def sections(self) -> tuple[str, ...]:
        """Return the sections with a wrong cell."""
        return tuple(self.wrong)

    def faults(
        self, layout: ImageLayout, images: Mapping[str, bytes], seed: int, chip: int
    ) -> Faults:
        """Return the wrong cells."""
        return self.wrong


#: The chip without a wrong cell.
ERROR_FREE: Final = Condition("error-free", Fixed({}))


@dataclass(frozen=True)
class Within:
    """A source whose errors are kept in some sections only; the others are right.

    Sections are drawn apart, so each keeps the very cells it has under ``source``.
    """

    source: Source
    sections: tuple[str, ...]

    def faults(
        self, layout: ImageLayout, images: Mapping[str, bytes], seed: int, chip: int
    ) -> Faults:
        """Return the wrong cells of the kept sections."""
        drawn = self.source.faults(layout, images, seed, chip)
        return {name: found for name, found in drawn.items() if name in self.sections}


def within(condition: Condition, sections: Sequence[str]) -> Condition:
    """Return the condition with errors in these sections only."""
    kept = tuple(name for name in condition.source.sections if name in sections)
    key = canonical({"of": condition.key, "within": sorted(kept)})
    source = condition.source
    if isinstance(source, Marginal):
        return Condition(key, Marginal({name: source.channels[name] for name in kept}))
    if isinstance(source, Trajectory):  # keeps the sense errors of these sections, too
        return Condition(key, replace(source, parts={name: source.parts[name] for name in kept}))
    return Condition(key, Within(source, kept))


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
