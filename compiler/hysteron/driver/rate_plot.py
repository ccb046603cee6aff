"""Pictures of memories: an error rate along its main condition, and the equal-area study."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from hysteron.errors import InputError
from hysteron.memory.ecc_study import Row
from hysteron.memory.ecc_study import figure as equal_area_figure
from hysteron.memory.technology import Technology

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS: Final = (".png", ".svg", ".pdf")
_LOGARITHMIC: Final = 50.0  # ranges wider than this get equal steps of the logarithm


def rate_curve(technology: Technology, points: int) -> list[tuple[float, float]]:
    """Return (value, mean error rate) along ``plot_axis``, other conditions at their defaults.

    Raises InputError for a technology without such an axis.
    """
    axis = technology.plot_axis
    if axis is None:
        raise InputError(
            "nothing to plot: no condition changes the error rate", got=technology.name
        )
    (condition,) = (c for c in technology.conditions if c.name == axis)
    low, high = condition.low, condition.high
    wide = low > 0 and high / low > _LOGARITHMIC
    values = np.geomspace(low, high, points) if wide else np.linspace(low, high, points)
    levels = technology.cell_levels[0]
    inside = np.clip(values, low, high)  # the last point of a geometric range may round out
    return [(float(v), technology.channel(levels, {axis: float(v)}).error_rate()) for v in inside]


def save_rate_plot(technology: Technology, path: Path) -> None:
    """Write the curve as PNG, SVG or PDF by the name's ending. Raises InputError."""
    _check_format(path)
    curve = rate_curve(technology, 60)
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.add_subplot()
    axes.semilogy([v for v, _ in curve], [max(rate, 1e-18) for _, rate in curve])
    axes.set(xlabel=technology.plot_axis, ylabel="error rate per cell", title=technology.title)
    axes.grid(alpha=0.3)
    _save(figure, path)


def save_equal_area_plot(rows: Sequence[Row], path: Path) -> None:
    """Write the equal-area study's figure like ``save_rate_plot``. Raises InputError."""
    _check_format(path)
    _save(equal_area_figure(rows), path)


def _check_format(path: Path) -> None:
    if path.suffix.lower() not in FORMATS:
        raise InputError("unknown picture format", got=path.suffix, wanted=", ".join(FORMATS))


def _save(figure: Figure, path: Path) -> None:
    try:
        figure.savefig(path, dpi=150)
    except OSError as error:
        got = error.strerror or str(error)
        raise InputError("cannot write the plot", where=str(path), got=got) from error
