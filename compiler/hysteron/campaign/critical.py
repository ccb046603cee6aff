"""The single wrong cells that lose the most samples, found by running the C on each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hysteron.campaign.executors import Executor, Task
from hysteron.campaign.run import Meter
from hysteron.campaign.trial import Condition, Correct, Fixed, Trial
from hysteron.chips.draw import Faults, SectionFaults
from hysteron.chips.export import SCHEMA
from hysteron.image.layout import ImageLayout, Section

#: Flips of the first stage, and its flips x samples: minutes rather than days.
MOST_FLIPS: Final = 100_000
MOST_ANSWERS: Final = 60_000_000
#: Flips that go on to the second stage, per flip asked for.
_KEPT: Final = 20
_BATCH: Final = 64
_SCREEN: Final = 256


@dataclass(frozen=True, slots=True, order=True)
class Flip:
    """Plane ``plane`` of a logical cell inverted."""

    section: str
    cell: int
    plane: int = 0

    def condition(self) -> Condition:
        """Return the condition under which every chip has this wrong cell and no other."""
        wrong = SectionFaults(np.array([self.cell]), np.array([1 << self.plane], dtype=np.uint8))
        return Condition(f"{self.section}/{self.cell}/{self.plane}", Fixed({self.section: wrong}))


def place(section: Section, flip: Flip) -> str:
    """Return where a flip is: the element's index, and the bit of an integer (0: lowest)."""
    width = section.cells.count // max(section.type.size, 1)
    index = np.unravel_index(flip.cell // width, section.type.shape)
    element = "[" + ", ".join(str(int(at)) for at in index) + "]"
    return element if section.type.dtype in ("b1", "t2") else f"{element} bit {flip.cell % width}"


@dataclass(frozen=True, slots=True)
class Critical:
    """A flip with the samples that it turns wrong and those that it happens to mend."""

    flip: Flip
    lost: int
    won: int

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        flip = self.flip
        found: dict[str, Any] = {"section": flip.section, "cell": flip.cell, "plane": flip.plane}
        return found | {"lost": self.lost, "won": self.won, "net": self.lost - self.won}


@dataclass(frozen=True)
class Search:
    """The worst flips, and how they were searched.

    ``flips`` of ``of`` possible ones were tried on ``samples`` samples. ``exhaustive`` says
    that this was every flip on every sample; otherwise the best of the trial were run on all.
    """

    worst: Sequence[Critical]
    flips: int
    of: int
    samples: int
    exhaustive: bool

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        how = {"tried": self.flips, "possible": self.of, "screen_samples": self.samples}
        how["exhaustive"] = self.exhaustive
        return {**how, "flips": [one.as_dict() for one in self.worst]}


def critical_flips(
    trial: Trial,
    golden: Correct,
    sections: Sequence[str],
    count: int,
    executor: Executor,
    meter: Meter | None = None,
    most: tuple[int, int] = (MOST_FLIPS, MOST_ANSWERS),
) -> Search:
    """Return the ``count`` single flips that lose the most samples net.

    Ties go to the earlier section and cell. ``most`` bounds flips and flips x samples of the
    first stage; what fits is searched exhaustively.
    """
    meter = meter or Meter()
    layout, total = trial.program.layout, int(trial.labels.size)
    possible = sum(_bits(layout, name) for name in sections)
    screen = total if possible * total <= most[1] else min(total, _SCREEN)
    limit = min(possible, most[0], max(most[1] // screen, count))
    flips = choose_flips(layout, sections, limit, trial.seed)
    picked = np.linspace(0, total - 1, screen).round().astype(np.int64)
    inputs = {name: array[picked] for name, array in trial.inputs.items()}
    part = Trial(trial.program, inputs, trial.labels[picked], trial.seed)
    found = _run(part, golden[picked], flips, executor, meter)
    if screen < total:
        kept = {one.flip for one in found[: _KEPT * count]}
        found = _run(trial, golden, [f for f in flips if f in kept], executor, meter)
    return Search(
        found[:count], len(flips), possible, screen, len(flips) == possible and screen == total
    )


def choose_flips(layout: ImageLayout, sections: Sequence[str], limit: int, seed: int) -> list[Flip]:
    """Return up to ``limit`` flips in image order: whole sections while they fit.

    Small sections are taken whole; larger ones share what is left and are sampled.
    """
    sizes = {name: _bits(layout, name) for name in sections}
    share: dict[str, int] = {}
    left = limit
    for number, name in enumerate(sorted(sizes, key=lambda name: sizes[name])):
        share[name] = min(sizes[name], left // (len(sizes) - number))
        left -= share[name]
    rng = np.random.default_rng(seed)
    flips: list[Flip] = []
    for name in sections:
        cells = layout.section(name).cells.count
        bits: npt.NDArray[np.int64] = np.arange(sizes[name])
        if share[name] < sizes[name]:
            bits = np.sort(rng.choice(sizes[name], share[name], replace=False))
        flips += [Flip(name, int(bit % cells), int(bit // cells)) for bit in bits]
    return flips


def _bits(layout: ImageLayout, name: str) -> int:
    cells = layout.section(name).cells
    return cells.count * cells.planes


def _run(
    trial: Trial,
    golden: Correct,
    flips: Sequence[Flip],
    executor: Executor,
    meter: Meter,
) -> list[Critical]:
    """Return every flip's losses, the worst first."""
    meter.skip(-len(flips))  # they were not expected

    def tasks() -> Iterator[Task]:
        for start in range(0, len(flips), _BATCH):
            yield start, [flip.condition() for flip in flips[start : start + _BATCH]]

    found: list[Critical | None] = [None] * len(flips)
    for start, answers in executor.run(trial, tasks()):
        for number, flip in enumerate(flips[start : start + _BATCH], start):
            correct = answers[flip.condition().key]
            lost, won = int((golden & ~correct).sum()), int((~golden & correct).sum())
            found[number] = Critical(flip, lost, won)
        meter.advance(len(answers))
    whole = [one for one in found if one is not None]
    return sorted(whole, key=lambda one: one.won - one.lost)  # stable: ties in image order


def joined(flips: Sequence[Flip]) -> Faults:
    """Return all flips as the wrong cells of one chip."""
    planes: dict[str, dict[int, int]] = {}
    for flip in flips:
        cells = planes.setdefault(flip.section, {})
        cells[flip.cell] = cells.get(flip.cell, 0) ^ 1 << flip.plane
    return {
        name: SectionFaults(
            np.array(sorted(cells), dtype=np.int64),
            np.array([cells[cell] for cell in sorted(cells)], dtype=np.uint8),
        )
        for name, cells in planes.items()
    }


def fault_list(layout: ImageLayout, flips: Sequence[Flip]) -> bytes:
    """Return the flips as a fault list that ``chips.export.load_faults`` reads."""
    listed = {
        name: {"cell": found.cell.tolist(), "planes": found.planes.tolist()}
        for name, found in joined(flips).items()
    }
    about = {"drawn": "critical bits, all at once"}
    record = {"schema": SCHEMA, "layout_id": layout.layout_id.hex(), "chip": about}
    return (json.dumps({**record, "faults": listed}) + "\n").encode()
