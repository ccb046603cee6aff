"""Finds and loads targets. A new file under ``targets/`` is a new target."""

from __future__ import annotations

import difflib
import functools
import os
import platform
import tomllib
from pathlib import Path
from typing import Any, TypeVar, get_args

import msgspec

from hysteron._assets import asset_dir
from hysteron.errors import TargetError
from hysteron.targets.board import PREFIX
from hysteron.targets.schema import Isa, Mcu, Target

T = TypeVar("T", bound=msgspec.Struct)


def known(kind: str) -> tuple[str, ...]:
    """Return the names of a kind: ``isa``, ``mcu``, or ``target`` for all that ``-t`` takes."""
    if kind == "target":
        return ("host", *sorted({*known("isa"), *known("mcu")}))
    return tuple(sorted(path.stem for path in (asset_dir("targets") / kind).glob("*.toml")))


def load_file(path: Path, kind: type[T]) -> T:
    """Read one TOML file strictly.

    Raises TargetError: not TOML, a key that is unknown (the allowed ones are
    listed), missing or of the wrong type, or a ``name`` that is not the stem.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TargetError("cannot be read as TOML", where=path.name, got=str(error)) from error
    _reject_unknown(raw, kind, path.name, "")
    try:
        loaded = msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise TargetError(str(error), where=path.name) from error
    name = getattr(loaded, "name", path.stem)
    if name != path.stem:
        raise TargetError("name and file name differ", where=path.name, got=f"name = '{name}'")
    return loaded


def _reject_unknown(value: Any, kind: Any, file: str, key: str) -> None:
    """Walk data beside its type, so that the message can list the keys allowed there."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            _reject_unknown(item, kind, file, f"{key}[{index}]")
        return
    struct = _struct_in(kind)
    if not isinstance(value, dict) or struct is None:
        return
    allowed = {field.name: field.type for field in msgspec.structs.fields(struct)}
    unknown = sorted(set(value) - set(allowed))
    if unknown:
        raise TargetError(
            f"unknown key {unknown}; allowed: {sorted(allowed)}",
            where=f"{file}: {key}" if key else file,
        )
    for name, item in value.items():
        _reject_unknown(item, allowed[name], file, f"{key}.{name}" if key else name)


def _struct_in(kind: Any) -> type[msgspec.Struct] | None:
    """Return the struct a type annotation holds: itself, in a tuple, or optional."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind
    return next((found for arg in get_args(kind) if (found := _struct_in(arg))), None)


@functools.cache
def load_isa(name: str) -> Isa:
    """Return an instruction set by file name. Raises TargetError."""
    return load_file(_path("isa", name), Isa)


@functools.cache
def load_mcu(name: str) -> Mcu:
    """Return a part by file name.

    Raises TargetError, also for an unknown instruction set or without a code or
    a data region.
    """
    mcu = load_file(_path("mcu", name), Mcu)
    load_isa(mcu.isa)
    for use in ("code", "data"):
        if not any(region.use == use for region in mcu.regions):
            raise TargetError(f"no region with use = '{use}'", where=f"{name}.toml")
    return mcu


def load_target(name: str) -> Target:
    """Return what ``-t NAME`` means.

    ``host`` is the fastest native instruction set this processor has;
    HYSTERON_ISA=portable or =avx2 forces one. Raises TargetError listing the
    known names.
    """
    if name == "host":
        return Target("host", load_isa(_host_isa()))
    if name in known("isa"):
        return Target(name, load_isa(name))
    if name in known("mcu"):
        mcu = load_mcu(name)
        return Target(name, load_isa(mcu.isa), mcu)
    if name.startswith(PREFIX):
        raise TargetError(
            "a board is no target to compile for", got=f"'{name}'",
            fix="compile -t TARGET --serial, then run or verify -t serial:PORT",
        )  # fmt: skip
    raise _unknown("target", name)


def _path(kind: str, name: str) -> Path:
    if name not in known(kind):
        raise _unknown(kind, name)
    return asset_dir("targets") / kind / f"{name}.toml"


def _unknown(kind: str, name: str) -> TargetError:
    names = known(kind)
    close = difflib.get_close_matches(name, names, n=1)
    return TargetError(
        f"unknown {kind} '{name}'; known: {', '.join(names)}",
        fix=f"did you mean '{close[0]}'?" if close else "hysteron targets lists them",
    )


def _host_isa() -> str:
    forced = os.environ.get("HYSTERON_ISA", "")
    natives = [isa for name in known("isa") if (isa := load_isa(name)).emulator is None]
    if forced:
        names = {isa.name.removeprefix("host-"): isa for isa in natives}
        if forced not in names:
            raise TargetError(
                "unknown host instruction set",
                where="HYSTERON_ISA",
                got=f"'{forced}'",
                wanted=f"one of: {', '.join(names)}",
            )
        if missing := set(names[forced].cpu_features) - cpu_features():
            raise TargetError(
                f"this processor lacks {', '.join(sorted(missing))}",
                where="HYSTERON_ISA",
                got=f"'{forced}'",
                fix="unset it or use HYSTERON_ISA=portable",
            )
        return names[forced].name
    # Kernels of its own are faster than flags, and more features than fewer; names break ties.
    runnable = [isa for isa in natives if set(isa.cpu_features) <= cpu_features()]
    return max(runnable, key=_speed_order).name


def _speed_order(isa: Isa) -> tuple[int, int, str]:
    return len(isa.kernel_suffixes), len(isa.cpu_features), isa.name


@functools.cache
def cpu_features() -> frozenset[str]:
    """Return this processor's feature names as Linux spells them; empty where unknown."""
    if platform.machine().lower() not in {"x86_64", "amd64", "aarch64", "arm64"}:
        return frozenset()
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return frozenset()
    line = next((x for x in text.splitlines() if x.startswith(("flags", "Features"))), ":")
    return frozenset(line.partition(":")[2].split())
