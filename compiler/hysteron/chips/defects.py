"""Defects that belong to places: stuck cells, rows, columns, words torn by a loss of power.

Each section fills arrays of its own in the order of its logical cells, so a defect hits the
same weights in every layout of the image.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from hysteron.chips.philox import Stream, threshold
from hysteron.chips.purpose import SectionDraws
from hysteron.memory.geometry import ArrayGeometry
from hysteron.memory.states.base import Levels

Index = npt.NDArray[np.int64]

_EVENTS = {"stuck_at_rate": 0, "row_failure_rate": 1, "column_failure_rate": 2}
_LEVEL, _BURST = 3, 6  # events: the level that a failed place reads, torn words


def torn_words(
    level: Levels, ones: int, values: Mapping[str, float], geometry: ArrayGeometry, stream: Stream
) -> Levels:
    """Return the levels with whole words reading ones: power was lost while they were written.

    ``ones`` is the level that bits of ones mean.
    """
    rate = values["line_burst_rate"]
    if not rate or not level.size:
        return level
    word = np.arange(level.size) // geometry.word_bits
    torn = SectionDraws(stream, int(word[-1]) + 1).below(rate, "defect", _BURST)
    return np.where(torn[word], ones, level).astype(np.int8)


def failed_places(
    level: Levels, levels: int, values: Mapping[str, float], geometry: ArrayGeometry, stream: Stream
) -> Levels:
    """Return the levels as read with stuck cells, failed rows and failed columns."""
    for name, event in _EVENTS.items():
        rate = values[name]
        if rate and level.size:
            place = _places(name, level.size, geometry)
            draws = SectionDraws(stream, int(place.max()) + 1)
            failed = draws.below(rate, "defect", event)
            reads = _level_of(draws.words("defect", event + _LEVEL), levels)
            level = np.where(failed[place], reads[place], level).astype(np.int8)
    return level


def _places(name: str, count: int, geometry: ArrayGeometry) -> Index:
    """Return the number of each cell's place of failure, unique over arrays."""
    cell = np.arange(count)
    if name == "stuck_at_rate":
        return cell
    place = geometry.locate(cell)
    if name == "row_failure_rate":
        return place.array * geometry.rows + place.row
    return place.array * geometry.columns + place.column


def _level_of(words: npt.NDArray[np.uint64], levels: int) -> Levels:
    """Return a level per word, each as likely to 2^-64."""
    out = np.zeros(words.size, dtype=np.int8)
    for level in range(1, levels):
        out += words >= np.uint64(threshold(level / levels))
    return out


def any_defect(values: Mapping[str, float]) -> bool:
    """Return whether some defect was asked for."""
    return any(values[name] for name in (*_EVENTS, "line_burst_rate"))
