"""Reads technology files: strict, every number with its status and source."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final, Literal

import msgspec

from hysteron._assets import asset_dir
from hysteron.errors import InputError
from hysteron.memory.ideal import Ideal
from hysteron.memory.rram import Rram
from hysteron.memory.st_mram import StMram
from hysteron.memory.technology import Number, Technology

_PHYSICS: Final[dict[str, type[Technology]]] = {one.physics: one for one in (Ideal, Rram, StMram)}


class _NumberEntry(msgspec.Struct, forbid_unknown_fields=True):
    value: float
    status: Literal["measured", "published", "derived", "assumption"]
    source: str


class _File(msgspec.Struct, forbid_unknown_fields=True):
    schema: Literal[1]
    name: str
    title: str
    physics: str
    options: dict[str, str] = {}
    numbers: dict[str, _NumberEntry] = {}


def technology_names() -> list[str]:
    """Return the names of the technologies that come with hysteron."""
    return sorted(path.stem for path in (asset_dir("targets") / "memory").glob("*.toml"))


def load_technology(name: str) -> Technology:
    """Return a technology by name, or from the path of a user's TOML file.

    Raises InputError for unknown names and keys, missing sources, numbers that are
    not finite, and options that the physics does not have.
    """
    if name in technology_names():
        path = asset_dir("targets") / "memory" / f"{name}.toml"
    elif name.endswith(".toml"):
        path = Path(name)
    else:
        wanted = ", ".join(technology_names()) + ", or a .toml file"
        raise InputError(f"unknown memory technology '{name}'", wanted=wanted)
    try:
        found = msgspec.toml.decode(path.read_bytes(), type=_File)
    except OSError as error:
        got = error.strerror or str(error)
        raise InputError("cannot read the technology", where=name, got=got) from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InputError("bad technology file", where=name, got=str(error)) from error
    return _made(found, name)


def _made(found: _File, where: str) -> Technology:
    if found.physics not in _PHYSICS:
        wanted = ", ".join(_PHYSICS)
        raise InputError("unknown physics", where=where, got=found.physics, wanted=wanted)
    for key, entry in found.numbers.items():
        if not math.isfinite(entry.value):
            raise InputError(f"number '{key}' is not finite", where=where, got=str(entry.value))
        if not entry.source.strip():
            raise InputError(
                f"number '{key}' has no source", where=where,
                fix='say where it is from, or "none" with status = "assumption"',
            )  # fmt: skip
    numbers = {key: Number(e.value, e.status, e.source) for key, e in found.numbers.items()}
    return _PHYSICS[found.physics](found.name, found.title, numbers, found.options)
