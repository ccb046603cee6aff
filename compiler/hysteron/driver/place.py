"""What --place asks for: which memory of a part holds which sections of the image."""

from __future__ import annotations

from typing import Any

from hysteron.codegen.names import c_ident
from hysteron.errors import InputError
from hysteron.image.layout import ROLES, ImageLayout
from hysteron.targets import Mcu, Target


def parse_places(text: str | None, layout: ImageLayout, target: Target) -> dict[str, str]:
    """Return the region of each part of "PART=MEMORY,..."; the rest stays beside the code.

    PART is a role or a section; check bits follow their data. MEMORY is one of the
    part's; on a target that is no part it is only the region's name. Raises InputError.
    """
    places: dict[str, str] = {}
    if text is None:
        return places
    for item in text.split(","):
        part, _, memory = (piece.strip() for piece in item.partition("="))
        if not part or not memory or part in places:
            raise InputError("not a place", got=item, wanted="PART=MEMORY,..., each part once")
        known = [section.name for section in layout.data_sections]
        if part == "checks" or (part not in ROLES and part not in known):
            wanted = ", ".join([*(role for role in ROLES if role != "checks"), *known])
            raise InputError("no such role or section", got=part, wanted=wanted)
        _check_memory(memory, target)
        places[part] = memory
    return places


def _check_memory(memory: str, target: Target) -> None:
    if c_ident(memory) != memory:
        raise InputError("a memory's name is a C identifier here", got=memory)
    if target.mcu is None:
        return
    if target.isa.emulator is not None and target.isa.emulator.arch == "avr":
        raise InputError(
            "nothing is placed on AVR", got=memory, fix="its images stay in flash (docs/targets.md)"
        )
    names = [region.name for region in target.mcu.regions]
    if memory not in names:
        raise InputError(f"{target.name} has no such memory", got=memory, wanted=", ".join(names))


def region_places(layout: ImageLayout, mcu: Mcu) -> dict[str, dict[str, Any]]:
    """Return the memory of each image region: its name, technology, first address, bytes."""
    by_name = {region.name: region for region in mcu.regions}
    found = {}
    for name in layout.regions:
        memory = by_name.get(name, mcu.region("code"))
        found[name] = {
            "memory": memory.name,
            "technology": memory.technology,
            "base": memory.base.value,
            "bytes": layout.region_bytes(name),
        }
    return found
