"""Finds and loads technologies. A new file under ``targets/memory/`` is a new technology."""

from __future__ import annotations

import difflib
import math
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import msgspec

from hysteron._assets import asset_dir
from hysteron.errors import InputError
from hysteron.memory import schema
from hysteron.memory.analog_rram import AnalogRram
from hysteron.memory.domain_wall import DomainWall
from hysteron.memory.ideal import Ideal
from hysteron.memory.measured import Measured, load_csv
from hysteron.memory.rram import Rram
from hysteron.memory.st_mram import StMram
from hysteron.memory.technology import Technology

_KINDS: dict[str, tuple[type[schema.TechnologyFile], Callable[[Any, Path], Technology]]] = {
    "ideal": (schema.IdealFile, Ideal.from_file),
    "st-mram": (schema.StMramFile, StMram.from_file),
    "rram": (schema.RramFile, Rram.from_file),
    "domain-wall": (schema.DomainWallFile, DomainWall.from_file),
    "analog-rram": (schema.AnalogRramFile, AnalogRram.from_file),
    "measured": (schema.MeasuredFile, Measured.from_file),
}


def technology_names() -> list[str]:
    """Return the names of the technologies that come with hysteron."""
    return sorted(path.stem for path in (asset_dir("targets") / "memory").glob("*.toml"))


def load_technology(name_or_path: str) -> Technology:
    """Return a technology by name, or from a user's ``.toml`` or ``.csv`` file.

    Raises InputError: unknown name (the known ones are listed), a file that cannot be
    read, a key that is unknown, missing or of the wrong type, a number without source,
    not finite, or outside its range.
    """
    path = Path(name_or_path)
    if path.suffix == ".csv":
        return load_csv(path)
    if path.suffix == ".toml":
        return _load_toml(path)
    names = technology_names()
    if name_or_path not in names:
        close = difflib.get_close_matches(name_or_path, names, n=1)
        raise InputError(
            f"unknown memory '{name_or_path}'; known: {', '.join(names)}",
            fix=f"did you mean '{close[0]}'?" if close else "or give a .toml or .csv file",
        )
    return _load_toml(asset_dir("targets") / "memory" / f"{name_or_path}.toml")


def _load_toml(path: Path) -> Technology:
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError("cannot be read as TOML", where=path.name, got=str(error)) from error
    physics = raw.get("physics")
    if not isinstance(physics, str) or physics not in _KINDS:
        raise InputError(
            "unknown physics", where=path.name, got=repr(physics), wanted=" or ".join(_KINDS)
        )
    kind, build = _KINDS[physics]
    _reject_unknown(raw, kind, path.name)
    try:
        data = msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise InputError(str(error), where=path.name) from error
    if data.name != path.stem:
        raise InputError("name and file name differ", where=path.name, got=f"name = '{data.name}'")
    _check(data, path.name)
    return build(data, path.parent)


def _reject_unknown(value: Any, kind: Any, where: str) -> None:
    """Walk data beside its type, so that the message can list the keys allowed there."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            _reject_unknown(item, kind, f"{where}[{index}]")
        return
    struct = _struct_in(kind)
    if not isinstance(value, dict) or struct is None:
        return
    allowed = {entry.name: entry.type for entry in msgspec.structs.fields(struct)}
    unknown = sorted(set(value) - set(allowed))
    if unknown:
        raise InputError(f"unknown key {unknown}; allowed: {sorted(allowed)}", where=where)
    for name, item in value.items():
        _reject_unknown(item, allowed[name], f"{where}: {name}")


def _struct_in(kind: Any) -> type[msgspec.Struct] | None:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind
    return next((found for arg in get_args(kind) if (found := _struct_in(arg))), None)


def _check(value: Any, where: str) -> None:
    """Raise InputError for a number not finite, a probability off [0, 1], an empty source."""
    for entry in msgspec.structs.fields(value):
        item, place = getattr(value, entry.name), f"{where}: {entry.name}"
        if isinstance(item, float) and not math.isfinite(item):
            raise InputError("not a finite number", where=place, got=str(item))
        if entry.name == "source" and not item.strip():
            raise InputError("empty source", where=where, fix="say where the number comes from")
        for part in item if isinstance(item, tuple) else (item,):
            if isinstance(part, msgspec.Struct):
                _check(part, place)
        if isinstance(item, schema.Axis):
            _check_axis(item, place)
        if entry.name.endswith("_probability") and item is not None:
            _check_probability(item, place)


def _check_axis(axis: schema.Axis, where: str) -> None:
    if not axis.low <= axis.default <= axis.high:
        wanted, got = "low <= default <= high", f"{axis.low:g}, {axis.default:g}, {axis.high:g}"
        raise InputError("default outside its range", where=where, got=got, wanted=wanted)


def _check_probability(item: Any, where: str) -> None:
    numbers = (item.low, item.high) if isinstance(item, schema.Axis) else (item.value,)
    for number in numbers:
        if not 0.0 <= number <= 1.0:
            raise InputError("not a probability", where=where, got=f"{number:g}", wanted="0 to 1")
