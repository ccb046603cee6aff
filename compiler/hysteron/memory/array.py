"""What every array may have besides its cells' physics: geometry, verify, scrub, offsets, defects.

All of it is off unless the user sets it. Geometry is stated by the technology file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hysteron.errors import InputError
from hysteron.memory.condition import Condition
from hysteron.memory.geometry import ArrayGeometry

#: Longest history of scrubs that is followed.
MAX_INTERVALS: Final = 4096
#: Conditions that are moments in the life of one chip: several values are one chip ageing.
TIME_AXES: Final = ("retention_years", "retention_hours", "reads")
#: Where a file states none.
DEFAULT_GEOMETRY: Final = ArrayGeometry(512, 512, 64, 8)
GEOMETRY_SOURCE: Final = "assumption: 64-bit words, bit-interleaved, eight columns per amplifier"

_WHOLE: Final = ("write_attempts", "verify")
_OFF: Final = "assumption: off unless set"


def _axis(name: str, unit: str, default: float, high: float, help_text: str) -> Condition:
    return Condition(name, unit, default, default, high, help_text, "assumption", _OFF)


WRITE_ATTEMPTS: Final = _axis(
    "write_attempts", "", 1, 16, "write pulses at most; with verify only as many as needed"
)
VERIFY: Final = _axis("verify", "", 0, 1, "1: read after each pulse and stop when it is right")
SCRUB: Final = _axis(
    "scrub_interval_hours", "h", 0, 1e6, "time between rewrites of what is read; 0: never"
)
DIE: Final = _axis(
    "die_sigma", "", 0, 0.05, "standard deviation between chips, relative to the mean"
)
DEVICE_SHARE: Final = _axis(
    "device_share", "", 0, 1, "share of the variance of ln R that stays with the device"
)

#: Technology-independent defects; a failed cell reads one level whatever is stored.
DEFECTS: Final = (
    _axis("stuck_at_rate", "", 0, 1, "share of cells stuck at a level, each as likely"),
    _axis("row_failure_rate", "", 0, 1, "share of rows that read one level, each as likely"),
    _axis("column_failure_rate", "", 0, 1, "share of columns that read one level"),
    _axis(
        "line_burst_rate", "", 0, 1,
        "share of words that read all ones (power was lost while they were written)",
    ),
)  # fmt: skip


def sensing(unit: str, high: float, suffix: str = "") -> tuple[Condition, ...]:
    """Return the conditions of a sense amplifier, in the unit of what it compares."""
    return (
        _axis(
            f"column_offset_sigma{suffix}", unit, 0, high,
            "standard deviation of the sense amplifiers' offsets, one per amplifier",
        ),
        _axis(
            f"sense_noise{suffix}", unit, 0, high,
            "standard deviation of the noise of one read; another error set at each inference",
        ),
        _axis(f"verify_margin{suffix}", unit, 0, high, "distance that verify demands"),
    )  # fmt: skip


def check_whole(name: str, value: float, where: str) -> None:
    """Raise InputError where a count is no whole number."""
    if name in _WHOLE and value != int(value):
        raise InputError(f"{name} is not a whole number", where=where, got=f"{value:g}")


def intervals(hours: float, scrub_hours: float, where: str) -> tuple[int, float]:
    """Return how many whole scrub intervals fit before the read, and the time after them.

    A scrub due at the moment of the read has been done. Raises InputError beyond
    MAX_INTERVALS.
    """
    if scrub_hours <= 0.0:
        return 0, hours
    count = int(hours / scrub_hours * (1 + 1e-12))
    if count > MAX_INTERVALS:
        raise InputError(
            "too many scrubs", where=where, got=f"{count}", wanted=f"at most {MAX_INTERVALS}",
            fix="scrub less often, or look earlier",
        )  # fmt: skip
    return count, max(hours - count * scrub_hours, 0.0)


def defective_share(values: Mapping[str, float]) -> tuple[float, float]:
    """Return P(a cell is stuck at a random level), P(otherwise it is in a burst of ones)."""
    right = 1.0
    for name in ("stuck_at_rate", "row_failure_rate", "column_failure_rate"):
        right *= 1.0 - values[name]
    return 1.0 - right, values["line_burst_rate"]
