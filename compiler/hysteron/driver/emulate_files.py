"""What a campaign leaves on disk: pictures, tables and a page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hysteron.campaign.export import check_export, columns_of, table_csv
from hysteron.campaign.plots import chart_figure, rendered
from hysteron.campaign.report import Picture, Section, Table, report_page
from hysteron.campaign.store import canonical
from hysteron.codegen.emit import GENERATOR, check_replaceable, write_project
from hysteron.driver.charts import charts
from hysteron.driver.emulate import Emulation
from hysteron.driver.extras import Extra
from hysteron.errors import InputError

_PERCENT = ("mean", "ci_low", "ci_high", "q05", "q05_low", "worst")
_POINTS = ("drop", "drop_low", "drop_high")
_TITLES = {
    "ber": "bit error rate", "ci_low": "mean from %", "ci_high": "to %", "mean": "mean %",
    "q05": "5 % quantile %", "q05_low": "its lower bound %", "worst": "worst %",
    "drop": "drop, points", "drop_low": "from", "drop_high": "to",
}  # fmt: skip


def save_emulation(
    result: Emulation, title: str, folder: Path, extras: Sequence[Extra] = ()
) -> list[str]:
    """Write pictures (PNG, SVG), results.csv, report.html and report.json; return the names."""
    files: dict[str, bytes] = {}
    pictures = []
    for chart in charts(result, title) if result.rows else []:
        figure = chart_figure(chart)
        files[f"{chart.name}.png"] = rendered(figure, "png")
        files[f"{chart.name}.svg"] = svg = rendered(figure, "svg")
        pictures.append(Picture(svg, f"Accuracy against {chart.x_label}"))
    golden = f"Without errors {result.golden_correct} of {result.samples} samples are right."
    table = rows_table(result.rows) if result.rows else None
    sections = [Section("Accuracy over chips", [golden], pictures, table)]
    record: dict[str, Any] = {"generator": GENERATOR, **result.as_dict()}
    for extra in extras:
        sections.append(extra.section)
        files.update(extra.files)
        record.update(extra.fields)
    files["results.csv"] = table_csv(result.rows)
    files["report.html"] = report_page(title, sections, result.notes)
    files["report.json"] = (canonical(record) + "\n").encode()
    try:
        write_project(files, folder)
    except OSError as error:
        got = error.strerror or str(error)
        raise InputError("cannot write the results", where=str(folder), got=got) from error
    return sorted(files)


def check_outputs(folder: Path | None, export: Path | None) -> None:
    """Raise InputError for places that could not be written to: before hours of chips."""
    if folder is not None:
        check_replaceable(folder)
    if export is not None:
        check_export(export)


def rows_table(rows: Sequence[dict[str, Any]]) -> Table:
    """Return the rows for reading: percentages, no lists, no empty columns."""
    names = [
        name
        for name in columns_of(rows)
        if not any(isinstance(row.get(name), list) for row in rows)
        and any(row.get(name) is not None for row in rows)
    ]
    heads = [_TITLES.get(name, name.replace("_", " ")) for name in names]
    return Table(heads, [[_shown(name, row.get(name)) for name in names] for row in rows])


def _shown(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if name in _PERCENT or name in _POINTS:
        return f"{100 * value:.2f}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
