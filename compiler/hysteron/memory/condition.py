"""What a technology is described with: conditions that can be set, and constants."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Condition:
    """An axis the user may set, in ``unit``; a model is never evaluated outside low .. high."""

    name: str
    unit: str
    default: float
    low: float
    high: float
    help: str
    status: str
    source: str


@dataclass(frozen=True, slots=True)
class Quantity:
    """A constant of a technology with where it comes from and how far to trust it."""

    name: str
    unit: str
    value: float
    status: str
    source: str
