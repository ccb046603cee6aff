"""What a part's file may say: a user's own file is untrusted input."""

from __future__ import annotations

import re
from typing import Any

from hysteron.errors import TargetError
from hysteron.targets.schema import Isa, Mcu, Region

# Shown in banners and reports, used as a file name by nobody.
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_SPACE = 1 << 32
# assumption: no part of these cores has more; emulators map what is linked into.
_LINKED_BYTES = 1 << 28


def check_name(name: str) -> None:
    """Raise TargetError unless a name is made of a-z, 0-9, '_', '.' and '-'."""
    if not _NAME.fullmatch(name):
        raise TargetError(
            "unusable name of a part", got=ascii(name),
            wanted="at most 64 of a-z, 0-9, '_', '.', '-', the first a letter or digit",
        )  # fmt: skip


def check_text(value: Any, where: str) -> None:
    """Raise TargetError for text that is not printable, anywhere in parsed TOML."""
    if isinstance(value, dict):
        for key, item in value.items():
            check_text(key, where)
            check_text(item, where)
    elif isinstance(value, list):
        for item in value:
            check_text(item, where)
    elif isinstance(value, str) and not value.isprintable():
        raise TargetError("text with control characters", where=where, got=ascii(value)[:80])


def check_part(mcu: Mcu, isa: Isa, where: str) -> None:
    """Raise TargetError unless the part can be linked for: regions, sizes, address spaces."""
    if isa.emulator is None:
        raise TargetError("a part of this instruction set would be this machine",
                          where=where, got=f"isa = '{isa.name}'")  # fmt: skip
    if mcu.clock_hz.value <= 0:
        raise TargetError("clock_hz is not positive", where=where, got=str(mcu.clock_hz.value))
    for region in mcu.regions:
        start, size = region.base.value, region.size_bytes.value
        if not (0 <= start < _SPACE and 0 < size <= _SPACE - start):
            raise TargetError(
                "a region outside of the 32-bit address space", where=f"{where}: {region.name}",
                got=f"base {start:#x}, {size:,} bytes",
            )  # fmt: skip
    for use in ("code", "data"):
        if not any(region.use == use for region in mcu.regions):
            raise TargetError(f"no region with use = '{use}'", where=where)
        if (linked := mcu.region(use)).size_bytes.value > _LINKED_BYTES:
            raise TargetError("a region too large to link into", where=f"{where}: {linked.name}",
                              got=f"{linked.size_bytes.value:,}",
                              wanted=f"at most {_LINKED_BYTES:,} bytes")  # fmt: skip
    # On AVR, code and data are two address spaces.
    if isa.emulator.arch != "avr" and _overlap(mcu.region("code"), mcu.region("data")):
        raise TargetError("the code and the data region overlap", where=where)


def _overlap(one: Region, other: Region) -> bool:
    first, second = sorted((one, other), key=lambda region: region.base.value)
    return first.base.value + first.size_bytes.value > second.base.value
