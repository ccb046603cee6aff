"""Fault campaigns on a compiled model: what ``hysteron emulate`` and ``hy.emulate`` do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hysteron.campaign.plots import Curve, accuracy_figure, rendered, report_page, table_csv
from hysteron.campaign.run import Condition, Trial, run_campaign
from hysteron.campaign.statistics import Summary, paired_drop, summarize
from hysteron.campaign.store import Store, canonical
from hysteron.codegen.emit import GENERATOR, write_project
from hysteron.driver.compile import CompiledModel, kernel_inputs
from hysteron.errors import InputError
from hysteron.image.layout import ImageLayout
from hysteron.ir.types import Array
from hysteron.memory.channel import Channel

_NOTES = (
    "errors are independent and equally likely in both directions; no device physics is assumed",
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

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON fields."""
        return {
            "samples": self.samples,
            "reference_correct": self.golden_correct,
            "conditions": self.rows,
            "notes": list(self.notes),
        }


def parse_rates(text: str) -> list[float]:
    """Return the bit error rates of "P[,P...]", ascending and once each. Raises InputError."""
    rates = set()
    for item in text.split(","):
        try:
            rate = float(item)
        except ValueError:
            raise InputError("not a bit error rate", got=item, wanted="numbers, 0 to 1") from None
        if not 0.0 <= rate <= 1.0:
            raise InputError("bit error rate out of range", got=item, wanted="0 to 1")
        rates.add(rate)
    return sorted(rates)


def select_sections(layout: ImageLayout, only: str | None) -> tuple[str, ...]:
    """Return the sections of a role, one section by name, or all. Raises InputError."""
    chosen = tuple(s.name for s in layout.sections if only is None or only in (s.role, s.name))
    if not chosen:
        known = sorted({s.role for s in layout.sections}) + [s.name for s in layout.sections]
        raise InputError("no such role or section", got=str(only), wanted=", ".join(known))
    return chosen


def rate_conditions(
    layout: ImageLayout, rates: Sequence[float], only: str | None
) -> list[Condition]:
    """Return one condition per bit error rate, the same in every chosen section."""
    sections = select_sections(layout, only)
    return [
        Condition(
            canonical({"ber": rate, "sections": sections}),
            dict.fromkeys(sections, Channel.symmetric(rate)),
        )
        for rate in rates
    ]


def emulate(
    compiled: CompiledModel,
    samples: Mapping[str, Array],
    labels: npt.NDArray[np.int64],
    rates: Sequence[float],
    chips: int = 100,
    seed: int = 0,
    only: str | None = None,
    resume: Path | None = None,
    advance: Callable[[int], None] = lambda done: None,
    workers: int | None = None,
) -> Emulation:
    """Run ``chips`` chips at every bit error rate; the same seed gives the same chips.

    ``samples`` holds deployed values per input, ``labels`` one class each. ``only``
    limits errors to a role or section. Raises InputError; ToolchainError without a
    C compiler.
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
    conditions = rate_conditions(program.layout, rates, only)
    about = f"{program.name}, {labels.size} samples, seed {seed}"
    with Store(resume, trial.identity(), labels.size, about) as store:
        golden = run_campaign(trial, conditions, chips, store, advance, workers)
        rows, summaries = [], []
        for rate, condition in zip(rates, conditions, strict=True):
            counts = store.counts(condition.key, range(chips))
            summary = summarize(counts, labels.size)
            drop = paired_drop(golden, store.correct(condition.key, range(chips)), seed)
            lost = {"drop": drop.mean, "drop_low": drop.ci_low, "drop_high": drop.ci_high}
            rows.append({"ber": rate, **summary.as_dict(), **lost, "correct_per_chip": counts})
            summaries.append(summary)
    hit = {program.layout.section(name).role for name in conditions[0].channels}
    notes = (f"errors hit {', '.join(sorted(hit))}", *_NOTES)
    return Emulation(labels.size, int(golden.sum()), rows, summaries, notes)


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
