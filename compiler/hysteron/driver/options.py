"""Options of technologies given by --set, and the image that was in the memory before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from hysteron.chips.trajectory import SENSE
from hysteron.errors import InputError
from hysteron.image.layout import ImageLayout
from hysteron.memory.technology import Technology

#: Options of the emulation itself; the first value is the default.
GENERAL = {"engine": ("auto", "marginal", "trajectory"), "sense": SENSE}


def configured(
    placement: Mapping[str, Technology], given: Mapping[str, Sequence[str]]
) -> tuple[dict[str, Technology], dict[str, str]]:
    """Return the technologies with the options among ``given``, and those options.

    An option goes to every technology that has it; ``previous`` may name a file, which
    leaves the technologies as they are. Raises InputError for a value that is none.
    """
    known = {name for technology in placement.values() for name in technology.options}
    options: dict[str, str] = {}
    for name, texts in given.items():
        if name in GENERAL or name in known:
            if len(texts) != 1:
                raise InputError(f"option '{name}' takes one value", got=", ".join(texts))
            options[name] = texts[0]
    for name, values in GENERAL.items():
        if (got := options.get(name, values[0])) not in values:
            raise InputError(f"unknown {name}", got=got, wanted=" or ".join(values))
    placed = dict(placement)
    for section, technology in placement.items():
        mine = {
            name: value
            for name, value in options.items()
            if name in technology.options and not _is_file(name, value, technology)
        }
        if mine:
            placed[section] = technology.configured(**mine)
    return placed, options


def _is_file(name: str, value: str, technology: Technology) -> bool:
    return name == "previous" and value not in technology.options[name] and Path(value).is_file()


def read_previous(
    value: str, placement: Mapping[str, Technology], layout: ImageLayout
) -> dict[str, bytes] | None:
    """Return the images of the file that ``previous`` names, None where it names none.

    Raises InputError for several regions and for a file of the wrong size.
    """
    users = [t for t in placement.values() if "previous" in t.options]
    if not users or not _is_file("previous", value, users[0]):
        return None
    if len(layout.regions) != 1:
        raise InputError(
            "old data of several regions", where=value, got=f"{len(layout.regions)} regions",
            wanted="one region: an image file holds one",
        )  # fmt: skip
    try:
        data = Path(value).read_bytes()
    except OSError as error:
        raise InputError("cannot be read", where=value, got=error.strerror or "") from error
    region = layout.regions[0]
    if len(data) != (wanted := layout.region_bytes(region)):
        raise InputError(
            "old image of another size", where=value, got=f"{len(data)} B", wanted=f"{wanted} B",
            fix="give the raw image of the same model and target (region0.bin of a chip)",
        )  # fmt: skip
    return {region: data}
