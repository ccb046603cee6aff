"""Study: residual data error rate against cells per data bit, 2T2R against codes on 1T1R.

Cells: ln R is normal in both states, spreads s_L and s_H, medians d apart. Everything is
scale-free: d, s_H and the comparator offset are given in units of s_L. Bocquet et al.,
"In-memory and error-immune differential RRAM implementation of binarized deep neural
networks", IEDM 2018 (arXiv:1902.02528) claims that differential storage does what an
error-correcting code of equal redundancy does; this study says for which spreads.
The lognormal tail, the ratios and the offsets are assumptions, not measurements.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scipy.optimize import brentq
from scipy.special import ndtr

from hysteron.errors import InputError
from hysteron.memory.channel import Channel
from hysteron.memory.ecc import Bch, Repetition, Secded, residual

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RAW_BERS = (1e-2, 1e-3, 1e-4, 1e-5)
#: s_H / s_L; assumption
SPREAD_RATIOS = (1.0, 2.0, 3.0)
#: Standard deviation of the input-referred comparator offset over s_L; assumption
OFFSET_RATIOS = (0.0, 0.5)


@dataclass(frozen=True, slots=True)
class Row:
    """Residual data bit error rate of one scheme at one point of the study."""

    scheme: str
    cells_per_bit: float
    spread_ratio: float
    offset_ratio: float
    separation: float
    raw_ber: float
    data_ber: float


def best_reference(d: float, s_low: float, s_high: float) -> float:
    """Return the reference above the LRS median of ln R where both densities are equal.

    The minimum of the 1T1R bit error rate: the root, between the medians, of
    (1/s_H^2 - 1/s_L^2) r^2 - 2 d r / s_H^2 + d^2 / s_H^2 + 2 ln(s_H / s_L) = 0.
    """
    _check(d, s_low, s_high)
    a = 1 / s_high**2 - 1 / s_low**2
    b = d / s_high**2
    c = d * b + 2 * math.log(s_high / s_low)
    return c / (b + math.sqrt(b * b - a * c))


def channel_1t1r(d: float, s_low: float, s_high: float, reference: float | None = None) -> Channel:
    """Return the channel of one device against a reference; LRS stores 1, HRS stores 0.

    p10 = Q(r / s_L), p01 = Q((d - r) / s_H); ``reference`` r counts from the LRS median,
    by default the best one. The reference and its comparator are ideal.
    """
    r = best_reference(d, s_low, s_high) if reference is None else reference
    return Channel.binary(_tail((d - r) / s_high), _tail(r / s_low))


def ber_2t2r(d: float, s_low: float, s_high: float, s_offset: float = 0.0) -> float:
    """Return Q(d / sqrt(s_L^2 + s_H^2 + s_off^2)), the differential bit error rate."""
    _check(d, s_low, s_high)
    return _tail(d / math.sqrt(s_low**2 + s_high**2 + s_offset**2))


def separation(raw_ber: float, spread_ratio: float) -> float:
    """Return d / s_L at which 1T1R with the best reference has this bit error rate.

    Raises InputError unless 1e-15 <= raw_ber <= 0.2.
    """
    if not 1e-15 <= raw_ber <= 0.2:
        raise InputError("raw bit error rate out of range", got=str(raw_ber), wanted="1e-15 to 0.2")
    longest = 10.0 * (1.0 + spread_ratio)  # Q(10) = 8e-24

    def excess(d: float) -> float:
        return math.log(channel_1t1r(d, 1.0, spread_ratio).error_rate() / raw_ber)

    return float(brentq(excess, 1e-3, longest, xtol=1e-12))


def study(
    raw_bers: Sequence[float] = RAW_BERS,
    spread_ratios: Sequence[float] = SPREAD_RATIOS,
    offset_ratios: Sequence[float] = OFFSET_RATIOS,
) -> list[Row]:
    """Return one row per spread ratio, offset, raw bit error rate and scheme.

    Data bits are balanced and detected words are used as read. The offset acts on 2T2R
    only. The BCH row is an estimate (no miscorrection), the others are exact or have exact
    leading terms.
    """
    rows = []
    for ratio in spread_ratios:
        for raw in raw_bers:
            d = separation(raw, ratio)
            on_1t1r = list(_schemes(channel_1t1r(d, 1.0, ratio)))
            for offset in offset_ratios:
                both = [*on_1t1r, ("2T2R", 2.0, ber_2t2r(d, 1.0, ratio, offset))]
                rows += [
                    Row(name, cells, ratio, offset, d, raw, value) for name, cells, value in both
                ]
    return rows


def _schemes(channel: Channel) -> Iterable[tuple[str, float, float]]:
    yield "1T1R", 1.0, channel.error_rate()
    for code in (Secded(64), Secded(32), Secded(4), Repetition(3)):
        yield f"1T1R + {_label(code)}", code.cells_per_bit, residual(code, channel).data_ber
    bch = Bch(64, 2)
    yield "1T1R + BCH (78,64)", bch.cells_per_bit, bch.data_ber(channel.error_rate())[0]


def _label(code: Secded | Repetition) -> str:
    if isinstance(code, Repetition):
        return code.name
    return f"SECDED ({code.word_bits},{code.data_bits})"


def figure(rows: Sequence[Row]) -> Figure:
    """Return a figure: a panel per spread ratio and offset, a line per raw bit error rate.

    Lines join the SECDED codes and triplication on 1T1R; stars are 2T2R, crosses BCH.
    """
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    ratios = sorted({row.spread_ratio for row in rows})
    offsets = sorted({row.offset_ratio for row in rows})
    made = Figure(figsize=(3.6 * len(ratios), 3.0 * len(offsets)), layout="constrained")
    panels = made.subplots(len(offsets), len(ratios), sharex=True, sharey=True, squeeze=False)
    for i, offset in enumerate(offsets):
        for j, ratio in enumerate(ratios):
            axes = panels[i, j]
            _panel(axes, [r for r in rows if (r.spread_ratio, r.offset_ratio) == (ratio, offset)])
            axes.set_title(f"$s_H/s_L$ = {ratio:g}, offset {offset:g} $s_L$", fontsize=9)
    made.supxlabel("cells per data bit")
    made.supylabel("residual data bit error rate")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    for marker, label in (("o", "codes on 1T1R"), ("*", "2T2R"), ("x", "BCH on 1T1R")):
        handles.append(Line2D([], [], color="grey", marker=marker, linestyle="None"))
        labels.append(label)
    made.legend(handles, labels, loc="outside right upper", fontsize=7)
    return made


def _panel(axes: Axes, rows: Sequence[Row]) -> None:
    def draw(raw: float, wanted: Callable[[str], bool], style: str, label: str, color: str) -> None:
        points = sorted(
            (row.cells_per_bit, row.data_ber)
            for row in rows
            if row.raw_ber == raw and wanted(row.scheme)
        )
        axes.semilogy(*zip(*points, strict=True), style, color=color, label=label, markersize=5)

    for number, raw in enumerate(sorted({row.raw_ber for row in rows}, reverse=True)):
        color = f"C{number}"
        draw(raw, lambda s: s != "2T2R" and "BCH" not in s, "o-", f"1T1R {raw:.0e}", color)
        draw(raw, lambda s: s == "2T2R", "*", "_", color)
        draw(raw, lambda s: "BCH" in s, "x", "_", color)


def _tail(x: float) -> float:
    return float(ndtr(-x))


def _check(d: float, s_low: float, s_high: float) -> None:
    if not (0 < d < math.inf and 0 < s_low < math.inf and 0 < s_high < math.inf):
        raise InputError("needs positive separation and spreads", got=f"{d}, {s_low}, {s_high}")
