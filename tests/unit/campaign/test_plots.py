"""Pictures of campaigns are readable: nothing overlaps, every line is named."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from hysteron.campaign.plots import (
    Bar,
    Chart,
    Series,
    Trade,
    bars_figure,
    chart_figure,
    rendered,
    trade_figure,
)
from hysteron.campaign.statistics import Summary, summarize


def _summary(correct: int) -> Summary:
    return summarize([correct, correct - 1, correct - 3, correct - 4], 100)


def _chart(panels: int, lines: int, x: tuple[float, ...]) -> Chart:
    def series(number: int) -> Series:
        label = (
            f"weights=hfo2-rram-1t1r,thresholds=hfo2-rram-2t2r,inverts=a-{number}"
            if lines > 1
            else ""
        )
        return Series(label, [(at, _summary(90 - 5 * n)) for n, at in enumerate(x)])

    made = [(f"pulse = {n}", [series(i) for i in range(lines)]) for n in range(panels)]
    return Chart("accuracy", "net, 4 chips", "write current [uA]\nsecond line", made, 0.95)


@pytest.mark.parametrize(("panels", "lines"), [(1, 1), (1, 3), (2, 1), (4, 2), (7, 6)])
def test_no_text_of_a_chart_lies_on_another(panels: int, lines: int) -> None:
    figure = chart_figure(_chart(panels, lines, (1.0, 2.0, 3.0)))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer: Any = canvas.get_renderer()
    legend = figure.legends[0].get_window_extent(renderer)
    boxes = [legend, figure._suptitle.get_window_extent(renderer)]
    shown = [axes for axes in figure.axes if axes.get_visible()]
    boxes += [axes.get_tightbbox(renderer) for axes in shown]
    for one, other in itertools.combinations(boxes, 2):
        assert not one.overlaps(other)
    assert all(figure.bbox.x1 >= box.x1 and figure.bbox.y1 >= box.y1 for box in boxes)
    assert legend.x0 >= 0 and legend.y0 >= 0
    assert legend.x1 <= figure.bbox.x1
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert len(names) == len(set(names)) == lines + 3


@pytest.mark.parametrize(
    ("x", "scale"),
    [((1.0, 2.0, 29.0), "linear"), ((1e-4, 1e-2), "log"), ((0.0, 1.0, 100.0), "symlog")],
)
def test_a_wide_range_gets_a_logarithmic_axis(x: tuple[float, ...], scale: str) -> None:
    assert chart_figure(_chart(1, 1, x)).axes[0].get_xscale() == scale


def test_the_same_chart_gives_the_same_bytes() -> None:
    once, again = (rendered(chart_figure(_chart(2, 2, (1.0, 2.0))), "svg") for _ in range(2))
    assert once == again


def test_bars_show_their_drop_and_interval_first_on_top() -> None:
    bars = [Bar("layer_0", 0.2, 0.1, 0.25), Bar("layer_1", -0.01, -0.02, 0.0)]
    axes = bars_figure("sensitivity", "points", bars).axes[0]
    assert [patch.get_width() for patch in axes.patches] == [20.0, -1.0]
    assert axes.yaxis_inverted()
    assert [label.get_text() for label in axes.get_yticklabels()] == ["layer_0", "layer_1"]


def test_a_trade_off_marks_front_and_choice() -> None:
    found = [
        Trade("a", 1.0, 0.5, True, False),
        Trade("b", 2.0, 0.9, True, True),
        Trade("c", 3.0, 0.8, False, False),
    ]
    figure = trade_figure("t", "energy", "5 % quantile", 0.88, found)
    lines = {line.get_label(): list(line.get_xdata()) for line in figure.axes[0].lines}
    assert lines["Pareto front"] == [1.0, 2.0] and lines["dominated"] == [3.0]
    assert lines["cheapest that keeps it: b"] == [2.0]
