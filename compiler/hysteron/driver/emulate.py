"""Fault campaigns on a compiled model: what ``hysteron emulate`` does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hysteron.campaign.run import Campaign
from hysteron.campaign.statistics import Summary, paired_drop, summarize
from hysteron.campaign.trial import Correct
from hysteron.driver.candidates import Candidate, Grid
from hysteron.driver.cost import cost, cost_notes
from hysteron.driver.session import Session

_NOTES = (
    "intervals of the mean are over chips on these samples; the drop is also over samples",
    "nothing is said of chips beyond those drawn except through q05_low (95 % confidence)",
)
_LOOK_NOTE = (
    "ci and q05_low allow for stopping early (error level 0.05 / 2^look); the drop's 95 % do not"
)


@dataclass(frozen=True)
class Emulation:
    """The result: one row per candidate, error-free correctness (samples,), notes."""

    golden: Correct
    candidates: Sequence[Candidate]
    rows: list[dict[str, Any]]
    summaries: list[Summary]
    notes: tuple[str, ...]

    @property
    def samples(self) -> int:
        """Return the number of samples."""
        return int(self.golden.size)

    @property
    def golden_correct(self) -> int:
        """Return how many samples are right without errors."""
        return int(self.golden.sum())

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON fields."""
        return {
            "samples": self.samples,
            "reference_correct": self.golden_correct,
            "conditions": self.rows,
            "notes": list(self.notes),
        }


def emulate(session: Session, grid: Grid) -> Emulation:
    """Run the chips of every candidate; the same seed gives the same chips.

    Raises InputError; ToolchainError without a C compiler.
    """
    candidates = grid.candidates
    campaign = session.run([candidate.point.condition for candidate in candidates])
    found = [evaluated(session, campaign, candidate) for candidate in candidates]
    hit = {
        session.layout.section(name).role
        for candidate in candidates
        for name in candidate.point.condition.source.sections
    }
    told = [f"errors hit {', '.join(sorted(hit))}", *grid.notes, *_NOTES] if candidates else []
    told += cost_notes(session.trial.program, candidates)
    if session.request.rule:
        told.append(_LOOK_NOTE)
    return Emulation(
        campaign.golden,
        candidates,
        [row for row, _ in found],
        [summary for _, summary in found],
        tuple(told),
    )


def evaluated(
    session: Session, campaign: Campaign, candidate: Candidate
) -> tuple[dict[str, Any], Summary]:
    """Return the row and the summary of one candidate of a finished campaign."""
    key, rule = candidate.point.condition.key, session.request.rule
    look = campaign.looks[key]
    chips = range(look.chips)
    counts = session.store.counts(key, chips)
    confidence = 0.95 if rule is None else 1 - (1 - rule.confidence) / 2**look.number
    summary = summarize(counts, session.samples, confidence)
    drop = paired_drop(campaign.golden, session.store.correct(key, chips), session.request.seed)
    row: dict[str, Any] = {**candidate.fields, **summary.as_dict()}
    costs = cost(session.trial.program, candidate)
    row |= {"drop": drop.mean, "drop_low": drop.ci_low, "drop_high": drop.ci_high}
    if rule is not None:
        row |= {"look": look.number, "narrow_enough": look.enough}
    if costs is not None:
        row |= costs.as_dict()
    return {**row, "correct_per_chip": counts}, summary


def chip_rows(result: Emulation) -> list[dict[str, Any]]:
    """Return one row per condition and chip: what ``--export`` writes."""
    rows = []
    for number, (candidate, row) in enumerate(zip(result.candidates, result.rows, strict=True)):
        for chip, correct in enumerate(row["correct_per_chip"]):
            told = {"condition": number, **candidate.fields, "chip": chip, "correct": correct}
            share = {"samples": result.samples, "accuracy": correct / result.samples}
            rows.append(told | share)
    return rows
