"""Which part of an image matters: accuracy lost when only that part has errors."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from hysteron.campaign.statistics import Drop, paired_drop
from hysteron.campaign.trial import Correct
from hysteron.image.layout import ImageLayout

#: Ways to cut an image into parts.
CUTS: Final = ("section", "layer", "role")


@dataclass(frozen=True)
class Part:
    """Sections that have errors together; ``cells`` counts their cells."""

    name: str
    sections: tuple[str, ...]
    cells: int


def parts_of(layout: ImageLayout, sections: Sequence[str], cut: str) -> list[Part]:
    """Return the given sections cut by "section", "layer" or "role", in image order.

    Check bits go with the data that they protect.
    """
    groups: dict[str, list[str]] = {}
    for section in layout.sections:
        if section.name in sections:
            data = layout.section(section.protects) if section.protects else section
            name = {"section": data.name, "layer": f"layer_{data.layer}"}
            groups.setdefault(name.get(cut, data.role), []).append(section.name)
    return [
        Part(name, tuple(members), sum(layout.section(m).cells.count for m in members))
        for name, members in groups.items()
    ]


@dataclass(frozen=True)
class Sensitivity:
    """The drop of one part, and by how much it exceeds the next in rank (None: the last)."""

    part: Part
    chips: int
    drop: Drop
    over_next: Drop | None

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        found = {"part": self.part.name, "cells": self.part.cells, "chips": self.chips}
        found |= {"sections": list(self.part.sections)}
        found |= {"drop": self.drop.mean, "low": self.drop.ci_low, "high": self.drop.ci_high}
        if self.over_next is not None:
            gap = self.over_next
            found["over_next"] = {"mean": gap.mean, "low": gap.ci_low, "high": gap.ci_high}
        return found


def ranked(golden: Correct, found: Mapping[Part, Correct], seed: int) -> list[Sensitivity]:
    """Return the parts by falling drop; ``found`` holds correctness (chips, samples) of each."""
    drops = {part: paired_drop(golden, correct, seed) for part, correct in found.items()}
    order = sorted(found, key=lambda part: -drops[part].mean)
    gaps: list[Drop | None] = [
        difference(found[part], found[after], seed) for part, after in itertools.pairwise(order)
    ]
    return [
        Sensitivity(part, len(found[part]), drops[part], gap)
        for part, gap in zip(order, [*gaps, None], strict=True)
    ]


def difference(worse: Correct, better: Correct, seed: int, rounds: int = 1000) -> Drop:
    """Return how much less accurate ``worse`` is, paired over samples, with a 95 % interval.

    Both are (chips, samples) on the same samples; chips beyond the shorter one are left out.
    The interval is a two-way bootstrap as in ``statistics.paired_drop``.
    """
    chips = min(len(worse), len(better))
    lost = better[:chips].astype(np.float32) - worse[:chips]
    rng = np.random.default_rng(seed)
    samples = lost.shape[1]
    means = np.empty(rounds)
    for number in range(rounds):
        chip = rng.multinomial(chips, np.full(chips, 1 / chips)).astype(np.float32)
        sample = rng.multinomial(samples, np.full(samples, 1 / samples)).astype(np.float32)
        means[number] = chip @ (lost @ sample) / (chips * samples)
    low, high = np.quantile(means, [0.025, 0.975])
    return Drop(float(lost.mean()), float(low), float(high))


def protections(order: Sequence[Sensitivity], wanted: float) -> Iterator[tuple[Part, ...]]:
    """Yield sets of parts to protect, growing by the largest drop per cell.

    The first is the smallest whose left-out drops add up to ``wanted`` at most; drops need
    not add up, so a caller measures each and takes the next when it is not enough.
    """
    best = sorted(order, key=lambda found: -found.drop.mean / found.part.cells)
    left = sum(max(found.drop.mean, 0.0) for found in best)
    for count in range(len(best) + 1):
        if left <= wanted or count == len(best):
            yield tuple(found.part for found in best[:count])
        if count < len(best):
            left -= max(best[count].drop.mean, 0.0)
