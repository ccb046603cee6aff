"""``--critical N``: the single bit flips that lose the most samples."""

from __future__ import annotations

from hysteron.campaign.critical import Search, critical_flips, fault_list, place
from hysteron.campaign.report import Section, Table
from hysteron.campaign.trial import Correct
from hysteron.driver.extras import Extra
from hysteron.driver.placement import select_sections
from hysteron.driver.session import Session
from hysteron.errors import InputError

FAULTS = "critical-faults.json"


def critical(session: Session, golden: Correct, count: int, only: str | None) -> Extra:
    """Return the worst flips of all sections, or of one role or section."""
    sections = select_sections(session.layout, only)
    found = critical_flips(session.trial, golden, sections, count, session.executor, session.meter)
    columns = ["rank", "section", "logical cell", "plane", "element", "samples lost", "won", "net"]
    rows = []
    for rank, one in enumerate(found.worst, 1):
        flip = one.flip
        element = place(session.layout.section(flip.section), flip)
        numbers = [str(one.lost), str(one.won), str(one.lost - one.won)]
        rows.append([str(rank), flip.section, str(flip.cell), str(flip.plane), element, *numbers])
    table = Table(columns, rows)
    faults = {FAULTS: fault_list(session.layout, [one.flip for one in found.worst])}
    page = Section("Critical bits", [searched(found, session.samples)], table=table)
    return Extra({"critical": found.as_dict()}, page, faults)


def check_critical(count: int) -> None:
    """Raise InputError for a number of flips below 1."""
    if count < 1:
        raise InputError("no critical bits asked for", got=str(count), wanted="1 or more")


def searched(found: Search, samples: int) -> str:
    """Say which flips were tried, and whether a worse one can have been missed."""
    if found.exhaustive:
        return f"Every one of {found.of} single flips was run on all {samples} samples: exact."
    tried = f"{found.flips} of {found.of} single flips were tried on {found.samples} samples"
    if found.samples < samples:
        return f"{tried}, the best of them on all {samples}: a worse flip may have been missed."
    return f"{tried}: a worse flip may have been missed."
