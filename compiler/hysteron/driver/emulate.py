"""Fault campaigns on a compiled model: what ``hysteron emulate`` and ``hy.emulate`` do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hysteron.campaign.plots import Curve, accuracy_figure, rendered, report_page, table_csv
from hysteron.campaign.run import run_campaign
from hysteron.campaign.statistics import Summary, paired_drop, summarize
from hysteron.campaign.store import Store, canonical
from hysteron.campaign.trial import Trial
from hysteron.codegen.emit import GENERATOR, write_project
from hysteron.driver.compile import CompiledModel, kernel_inputs
from hysteron.driver.placement import Point
from hysteron.errors import InputError
from hysteron.ir.types import Array

#: What ``--ber`` means.
RATE_NOTE = "errors are independent and equally likely in both directions; no device physics"

_NOTES = (
    "intervals of the mean are over chips on these samples; the drop is also over samples",
    "nothing is said of chips beyond those drawn except through q05_low (95 % confidence)",
)


@dataclass(frozen=True)
class Emulation:
    """The result: one row per condition, the error-free accuracy, notes."""

    samples: int
    golden_correct: int
    rows: list[dict[str, Any]]
    summaries: list[Summary]
    notes: tuple[str, ...]
    settings: list[dict[str, float]]

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON fields."""
        return {
            "samples": self.samples,
            "reference_correct": self.golden_correct,
            "conditions": self.rows,
            "notes": list(self.notes),
        }


def emulate(
    compiled: CompiledModel,
    samples: Mapping[str, Array],
    labels: npt.NDArray[np.int64],
    points: Sequence[Point],
    chips: int = 100,
    seed: int = 0,
    resume: Path | None = None,
    advance: Callable[[int], None] = lambda done: None,
    workers: int | None = None,
    notes: Sequence[str] = (RATE_NOTE,),
) -> Emulation:
    """Run ``chips`` chips at every point; the same seed gives the same chips.

    ``samples`` holds deployed values per input, ``labels`` one class each; ``points``
    come from driver.placement. Raises InputError; ToolchainError without a C compiler.
    """
    if chips < 1:
        raise InputError("no chips", got=str(chips), wanted="1 or more")
    if not compiled.target.is_host:
        raise InputError(
            "campaigns run on this machine", got=compiled.target.name, wanted="-t host",
            fix="chips are the same for every target: the cells are numbered logically",
        )  # fmt: skip
    program = compiled.program
    trial = Trial(program, kernel_inputs(program, samples), labels, seed)
    conditions = [point.condition for point in points]
    about = f"{program.name}, {labels.size} samples, seed {seed}"
    with Store(resume, trial.identity(), labels.size, about) as store:
        golden = run_campaign(trial, conditions, chips, store, advance, workers)
        rows, summaries = [], []
        for point in points:
            condition = point.condition
            counts = store.counts(condition.key, range(chips))
            summary = summarize(counts, labels.size)
            drop = paired_drop(golden, store.correct(condition.key, range(chips)), seed)
            lost = {"drop": drop.mean, "drop_low": drop.ci_low, "drop_high": drop.ci_high}
            row = {"ber": point.ber, **point.settings, **summary.as_dict(), **lost}
            rows.append({**row, "correct_per_chip": counts})
            summaries.append(summary)
    hit = {program.layout.section(name).role for name in conditions[0].source.sections}
    told = (f"errors hit {', '.join(sorted(hit))}", *notes, *_NOTES)
    return Emulation(
        labels.size, int(golden.sum()), rows, summaries, told, [dict(p.settings) for p in points]
    )


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
