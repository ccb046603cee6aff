"""What a campaign may add to its table: studies with their own fields, page and files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hysteron.campaign.report import Section


@dataclass(frozen=True)
class Extra:
    """A study: its JSON fields, its section of the page, its files."""

    fields: Mapping[str, Any]
    section: Section
    files: Mapping[str, bytes] = field(default_factory=dict)
    #: False when what was asked for was not found: the command then exits with 1.
    found: bool = True
