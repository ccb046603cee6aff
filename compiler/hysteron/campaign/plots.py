"""Pictures of a campaign: PNG, SVG, CSV and one self-contained HTML page."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hysteron.campaign.statistics import Summary


@dataclass(frozen=True)
class Curve:
    """Accuracy against bit error rate: one summary per rate, and the golden accuracy."""

    title: str
    rates: Sequence[float]
    summaries: Sequence[Summary]
    golden: float


def accuracy_figure(curve: Curve) -> Any:
    """Return a matplotlib figure: mean with interval, 5 % quantile, worst chip, no errors."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4), layout="constrained")
    axes = figure.add_subplot()
    pairs = sorted(zip(curve.rates, curve.summaries, strict=True), key=lambda pair: pair[0])
    points = [(rate, summary) for rate, summary in pairs if rate > 0]
    rates = [rate for rate, _ in points]
    found = [summary for _, summary in points]
    axes.axhline(100 * curve.golden, color="grey", linestyle="--", label="no errors")
    if rates:
        low, high = ([100 * getattr(s, end) for s in found] for end in ("ci_low", "ci_high"))
        axes.fill_between(rates, low, high, alpha=0.3, label="95 % interval of the mean")
        axes.plot(rates, [100 * s.mean for s in found], marker="o", label="mean over chips")
        axes.plot(
            rates, [100 * s.q05 for s in found], marker="v", linestyle=":", label="5 % quantile"
        )
        axes.plot(rates, [100 * s.worst for s in found], linestyle=":", label="worst chip drawn")
        axes.set_xscale("log")
    axes.set(xlabel="bit error rate", ylabel="accuracy (%)", title=curve.title)
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def rendered(figure: Any, kind: str) -> bytes:
    """Return a figure as "png" or "svg" bytes, the same for the same figure."""
    import matplotlib

    buffer = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "hysteron"}):
        metadata = {"Date": None} if kind == "svg" else None
        figure.savefig(buffer, format=kind, dpi=150, metadata=metadata)
    return buffer.getvalue()


def table_csv(rows: Sequence[dict[str, Any]]) -> bytes:
    """Return rows as CSV, lists joined by spaces; columns as in the first row."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(
            {k: " ".join(map(str, v)) if isinstance(v, list) else v for k, v in row.items()}
        )
    return text.getvalue().encode()


def report_page(curve: Curve, rows: Sequence[dict[str, Any]], notes: Sequence[str]) -> bytes:
    """Return one HTML page with the picture inside; nothing in it comes from elsewhere."""
    svg = rendered(accuracy_figure(curve), "svg").decode()
    svg = svg[svg.index("<svg") :]
    columns = [name for name in rows[0] if not isinstance(rows[0][name], list)] if rows else []
    head = "".join(f"<th>{html.escape(name)}</th>" for name in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(_shown(row[name]))}</td>" for name in columns) + "</tr>"
        for row in rows
    )
    listed = "".join(f"<li>{html.escape(note)}</li>" for note in notes)
    title = html.escape(curve.title)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>\n'
        "<style>body{font-family:sans-serif;max-width:60em;margin:2em auto}"
        "td,th{padding:.2em .7em;text-align:right}tr:nth-child(even){background:#eee}"
        "svg{max-width:100%;height:auto}</style></head>\n"
        f"<body><h1>{title}</h1>{svg}<table><tr>{head}</tr>{body}</table>"
        f"<ul>{listed}</ul></body></html>\n"
    ).encode()


def _shown(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
