"""Pictures of a campaign: accuracy against what varies, with its spread over chips."""

from __future__ import annotations

import io
import math
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from hysteron.campaign.statistics import Summary

#: Okabe and Ito's palette, told apart by colour-blind readers too.
COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
GREY: Final = "#666666"
_COLUMNS: Final = 3
_LOG_SPAN: Final = 30.0
_LABEL: Final = 38  # characters of a line in a legend
_MEAN: Final = "mean over chips, 95 % interval"


@dataclass(frozen=True)
class Series:
    """One line: what it is, and (x, summary) pairs in ascending x."""

    label: str
    points: Sequence[tuple[float, Summary]]


@dataclass(frozen=True)
class Chart:
    """Accuracy against one quantity; a panel per value of a second one, a line per memory.

    ``joined`` False leaves the points unconnected, where their order along x means nothing.
    """

    name: str
    title: str
    x_label: str
    panels: Sequence[tuple[str, Sequence[Series]]]
    golden: float
    joined: bool = True


def chart_figure(chart: Chart) -> Any:
    """Return a matplotlib figure: mean with interval, 5 % quantile, worst chip, no errors."""
    from matplotlib.figure import Figure

    count = len(chart.panels)
    columns = 2 if count == 4 else min(count, _COLUMNS)
    rows = -(-count // columns)
    size = (6.8, 4.4) if count == 1 else (3.4 * columns + 0.4, 2.7 * rows + 1.1)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes in grid.flat[count:]:
        axes.set_visible(False)
    for axes, (heading, lines) in zip(grid.flat, chart.panels, strict=False):
        _panel(axes, chart, lines)
        if count > 1:
            axes.set_title(heading, fontsize=9)
    _scale(grid.flat[0], [x for _, lines in chart.panels for s in lines for x, _ in s.points])
    for axes in grid.flat[max(count - columns, 0) : count]:  # the lowest of each column
        axes.tick_params(labelbottom=True)
        axes.set_xlabel(chart.x_label, fontsize=9)
    figure.suptitle(chart.title, fontsize=11)
    figure.supylabel("accuracy (%)", fontsize=10)
    _legend(figure, grid.flat[0], 2 if size[0] < 8 else 4)
    return figure


def _legend(figure: Any, axes: Any, columns: int) -> None:
    """Put the legend below everything; what all lines share is told once, in grey."""
    from matplotlib.lines import Line2D

    handles, labels = axes.get_legend_handles_labels()
    if _MEAN not in labels:
        handles.append(Line2D([], [], color=GREY, marker="o", markersize=4))
        labels.append(_MEAN)
    handles.append(Line2D([], [], color=GREY, marker="v", markersize=4, linestyle=":", linewidth=1))
    labels.append("5 % quantile over chips")
    figure.legend(
        handles,
        [_wrapped(label) for label in labels],
        loc="outside lower center",
        ncols=columns,
        fontsize=8,
        frameon=False,
    )


def _panel(axes: Any, chart: Chart, lines: Sequence[Series]) -> None:
    axes.axhline(100 * chart.golden, color=GREY, linestyle="--", linewidth=1, label="no errors")
    for number, series in enumerate(lines):
        colour = COLOURS[number % len(COLOURS)]
        x = [at for at, _ in series.points]
        found = [summary for _, summary in series.points]
        low, high = ([100 * getattr(s, end) for s in found] for end in ("ci_low", "ci_high"))
        mean, q05, worst = ([100 * getattr(s, f) for s in found] for f in ("mean", "q05", "worst"))
        join = "-" if chart.joined else ""
        dots = ":" if chart.joined else ""
        if chart.joined:
            axes.fill_between(x, low, high, color=colour, alpha=0.25, linewidth=0)
        axes.errorbar(
            x, mean, [_gaps(mean, low), _gaps(high, mean)], color=colour, linestyle=join,
            marker="o", markersize=4, capsize=2, elinewidth=1,
            label=series.label or _MEAN,
        )  # fmt: skip
        axes.plot(x, q05, color=colour, marker="v", markersize=4, linestyle=dots, linewidth=1)
        if len(lines) == 1:
            axes.plot(x, worst, "x", color=GREY, markersize=4, label="worst chip drawn")
    axes.grid(alpha=0.25)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _wrapped(text: str, width: int = _LABEL) -> str:
    return "\n".join(textwrap.wrap(re.sub(r",\s*", ", ", text), width, break_on_hyphens=False))


def _gaps(upper: Sequence[float], lower: Sequence[float]) -> list[float]:
    return [max(high - low, 0.0) for high, low in zip(upper, lower, strict=True)]


def _scale(axes: Any, values: Sequence[float]) -> None:
    """Use a logarithmic axis where values span more than one and a half decades."""
    positive = [value for value in values if value > 0]
    if not positive or min(values) < 0 or max(positive) < _LOG_SPAN * min(positive):
        return
    if min(values) > 0:
        axes.set_xscale("log")
    else:
        axes.set_xscale("symlog", linthresh=min(positive))


@dataclass(frozen=True)
class Bar:
    """One bar: a drop in accuracy with its interval, as fractions of 1."""

    label: str
    drop: float
    low: float
    high: float


def bars_figure(title: str, x_label: str, bars: Sequence[Bar]) -> Any:
    """Return a matplotlib figure of horizontal bars, the first on top, with intervals."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.8, 1.6 + 0.32 * len(bars)), layout="constrained")
    axes = figure.add_subplot()
    drops = [100 * bar.drop for bar in bars]
    low = _gaps(drops, [100 * bar.low for bar in bars])
    high = _gaps([100 * bar.high for bar in bars], drops)
    axes.barh(range(len(bars)), drops, xerr=[low, high], color=COLOURS[0], ecolor=GREY, capsize=2)
    axes.set_yticks(range(len(bars)), [bar.label for bar in bars], fontsize=8)
    axes.invert_yaxis()
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.set_xlabel(x_label, fontsize=10)
    axes.set_title(title, fontsize=11)
    axes.grid(axis="x", alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


@dataclass(frozen=True)
class Trade:
    """One candidate of a trade-off: its cost, the accuracy it keeps, and its standing."""

    label: str
    cost: float
    accuracy: float
    on_front: bool
    chosen: bool


def trade_figure(
    title: str, x_label: str, y_label: str, wanted: float, found: Sequence[Trade]
) -> Any:
    """Return a matplotlib figure of accuracy against cost: all points, the front, the choice."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.8, 4.6), layout="constrained")
    axes = figure.add_subplot()
    others = [trade for trade in found if not trade.on_front]
    front = sorted((trade for trade in found if trade.on_front), key=lambda trade: trade.cost)
    axes.axhline(100 * wanted, color=GREY, linestyle="--", linewidth=1, label="wanted")
    axes.plot(
        [t.cost for t in others], [100 * t.accuracy for t in others], "o", color=COLOURS[5],
        markersize=4, label="dominated",
    )  # fmt: skip
    axes.plot(
        [t.cost for t in front], [100 * t.accuracy for t in front], "o-", color=COLOURS[0],
        markersize=5, label="Pareto front",
    )  # fmt: skip
    for trade in found:
        if trade.chosen:
            axes.plot(
                [trade.cost], [100 * trade.accuracy], "*", color=COLOURS[1], markersize=15,
                label=_wrapped(f"cheapest that keeps it: {trade.label}"),
            )  # fmt: skip
    _scale(axes, [trade.cost for trade in found])
    axes.set_xlabel(_wrapped(x_label, 2 * _LABEL), fontsize=9)
    axes.set_ylabel(_wrapped(y_label), fontsize=9)
    axes.set_title(title, fontsize=11)
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=2, fontsize=8, frameon=False)
    return figure


def rendered(figure: Any, kind: str) -> bytes:
    """Return a figure as "png" or "svg" bytes, the same for the same figure."""
    import matplotlib

    buffer = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "hysteron"}):
        metadata = {"Date": None} if kind == "svg" else None
        figure.savefig(buffer, format=kind, dpi=150, metadata=metadata)
    return buffer.getvalue()


def finite(values: Sequence[float | None]) -> bool:
    """Return True when every value is a finite number: only then is it an axis."""
    return all(value is not None and math.isfinite(value) for value in values)
