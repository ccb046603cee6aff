"""What a technology file may hold. Units are in the key names; every number has a source."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import fields

from hysteron.memory.array import DEFAULT_GEOMETRY, GEOMETRY_SOURCE
from hysteron.memory.condition import Condition, Quantity
from hysteron.memory.geometry import ArrayGeometry

Status = Literal["measured", "published", "derived", "assumption"]

_SIZES = ("rows", "columns", "word_bits", "columns_per_amplifier")
_UNITS = {
    "ns": "ns",
    "years": "years",
    "hours": "h",
    "c": "°C",
    "percent": "%",
    "ua": "uA",
    "microsiemens": "uS",
    "kohm": "kohm",
}


class Number(Struct, frozen=True, forbid_unknown_fields=True):
    """A constant with where it comes from and how far to trust it."""

    value: float
    status: Status
    source: str


class Axis(Struct, frozen=True, forbid_unknown_fields=True):
    """A condition the user may set: its default (with status and source) and valid range."""

    default: float
    low: float
    high: float
    status: Status
    source: str
    help: str


class ArrayTable(Struct, frozen=True, forbid_unknown_fields=True):
    """Where cells sit; see ``geometry``. Bits of a word share a write, columns an amplifier."""

    rows: int
    columns: int
    word_bits: int
    columns_per_amplifier: int
    interleaved: bool
    status: Status
    source: str


class TechnologyFile(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every technology file starts with."""

    schema: Literal[1]
    name: str
    title: str
    physics: str
    notes: tuple[str, ...] = ()
    array: ArrayTable | None = None


class IdealFile(TechnologyFile, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Memory without errors."""


class ProfileStep(Struct, frozen=True, forbid_unknown_fields=True):
    """Time spent at a temperature, for instance solder reflow."""

    hours: float
    temperature_c: float


class StMramFile(TechnologyFile, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Perpendicular spin-transfer-torque MRAM; see ``st_mram``."""

    write_current_ratio: Axis
    write_pulse_ns: Axis
    delta: Axis
    delta_sigma_percent: Axis
    retention_years: Axis
    temperature_c: Axis
    reads: Axis
    delta_ap_ratio: Number
    ic0_ap_ratio: Number
    relaxation_time_ns: Number
    attempt_time_ns: Number
    reference_temperature_c: Number
    read_current_ratio: Number
    read_pulse_ns: Number
    tunnel_magnetoresistance_percent: Number
    profile: tuple[ProfileStep, ...] = ()


class DriftRow(Struct, frozen=True, forbid_unknown_fields=True):
    """Shift of the mean and added spread of ln R, after some time."""

    retention_hours: float
    lrs_shift: float
    lrs_spread: float
    hrs_shift: float
    hrs_spread: float


class EnduranceRow(Struct, frozen=True, forbid_unknown_fields=True):
    """Shift of the mean and added spread of ln R, after some write cycles."""

    cycles: float
    lrs_shift: float
    lrs_spread: float
    hrs_shift: float
    hrs_spread: float


class ProgrammingRow(Struct, frozen=True, forbid_unknown_fields=True):
    """Distributions of ln R and energies against programming current."""

    programming_current_ua: float
    resistance_ratio: float
    lrs_spread: float
    hrs_spread: float
    set_energy: float
    reset_energy: float


class UserTable(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the rows of a user's table come from."""

    status: Status
    source: str


class DriftTable(UserTable, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A user's drift data."""

    rows: tuple[DriftRow, ...]


class EnduranceTable(UserTable, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A user's endurance data."""

    rows: tuple[EnduranceRow, ...]


class ProgrammingTable(UserTable, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A user's programming data; it replaces the three distribution axes."""

    rows: tuple[ProgrammingRow, ...]


class RramFile(TechnologyFile, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Filamentary RRAM, one or two devices per value; see ``rram``."""

    cell: Literal["1t1r", "2t2r", "2t2r-ternary"]
    sense_offset: Axis
    set_energy: Number
    reset_energy: Number
    resistance_ratio: Axis | None = None
    lrs_spread: Axis | None = None
    hrs_spread: Axis | None = None
    reference: Number | None = None
    error_probability: Axis | None = None
    zero_probability: Axis | None = None
    programming: ProgrammingTable | None = None
    drift: DriftTable | None = None
    endurance: EnduranceTable | None = None


class DomainWallFile(TechnologyFile, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Domain-wall cells with n levels; see ``domain_wall``."""

    levels: int
    position_sigma: Axis
    delta: Axis
    delta_sigma_percent: Axis
    retention_years: Axis
    temperature_c: Axis
    position_bias: Number
    attempt_time_ns: Number
    reference_temperature_c: Number


class AnalogRramFile(TechnologyFile, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Differential pairs of analog conductances; see ``analog_rram``."""

    conductance_high_microsiemens: Axis
    conductance_low_microsiemens: Axis
    sense_offset_microsiemens: Axis
    sigma_intercept_microsiemens: Number
    sigma_slope: Number


class MeasuredFile(TechnologyFile, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A user's CSV of conditions and error rates; see ``measured`` and ``bit_map``."""

    csv: str
    status: Status
    source: str
    cells_per_bit: Number
    bit_map: str | None = None


def unit_of(name: str) -> str:
    """Return the unit that a key's last word names, or nothing."""
    return _UNITS.get(name.rpartition("_")[2], "") if "_" in name else ""


def described(data: TechnologyFile) -> dict[str, Any]:
    """Return the arguments of Technology that a file's struct determines.

    Raises InputError for an array whose parts do not divide.
    """
    members = {entry.name: getattr(data, entry.name) for entry in fields(data)}
    numbers = tuple(
        Quantity(k, unit_of(k), v.value, v.status, v.source)
        for k, v in members.items()
        if isinstance(v, Number)
    )
    stated = data.array
    geometry = DEFAULT_GEOMETRY
    status, source = "assumption", GEOMETRY_SOURCE
    if stated is not None:
        geometry = ArrayGeometry(
            stated.rows, stated.columns, stated.word_bits, stated.columns_per_amplifier,
            stated.interleaved,
        )  # fmt: skip
        status, source = stated.status, stated.source
    return {
        "name": data.name,
        "title": data.title,
        "notes": data.notes,
        "stated": tuple(
            Condition(k, unit_of(k), v.default, v.low, v.high, v.help, v.status, v.source)
            for k, v in members.items()
            if isinstance(v, Axis)
        ),
        "quantities": (*numbers, *_sizes(geometry, status, source)),
        "geometry": geometry,
    }


def _sizes(geometry: ArrayGeometry, status: str, source: str) -> tuple[Quantity, ...]:
    sizes = [(name, getattr(geometry, name)) for name in _SIZES]
    return tuple(Quantity(f"array_{k}", "", float(v), status, source) for k, v in sizes)
