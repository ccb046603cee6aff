"""What a campaign leaves on disk: pictures, tables and a page."""

from __future__ import annotations

from pathlib import Path

from hysteron.campaign.plots import Curve, accuracy_figure, rendered, report_page, table_csv
from hysteron.campaign.store import canonical
from hysteron.codegen.emit import GENERATOR, write_project
from hysteron.driver.emulate import Emulation
from hysteron.errors import InputError


def save_emulation(result: Emulation, title: str, folder: Path) -> list[str]:
    """Write results.csv, accuracy.png, accuracy.svg and report.html; return the names."""
    rates = [row["ber"] for row in result.rows]
    curve = Curve(title, rates, result.summaries, result.golden_correct / result.samples)
    figure = accuracy_figure(curve)
    files = {
        "accuracy.png": rendered(figure, "png"),
        "accuracy.svg": rendered(figure, "svg"),
        "results.csv": table_csv(result.rows),
        "report.html": report_page(curve, result.rows, result.notes),
        "report.json": (canonical({"generator": GENERATOR, **result.as_dict()}) + "\n").encode(),
    }
    try:
        write_project(files, folder)
    except OSError as error:
        got = error.strerror or str(error)
        raise InputError("cannot write the results", where=str(folder), got=got) from error
    return sorted(files)
