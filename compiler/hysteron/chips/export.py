"""A chip as files: raw binary, Intel HEX and C array per region, and a replayable fault list."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from hysteron.chips.draw import Faults, SectionFaults
from hysteron.codegen.emit import GENERATOR, write_project
from hysteron.errors import InputError
from hysteron.image.layout import ImageLayout, Images

SCHEMA: Final = 1
_RECORD: Final = 16


def write_chip(
    folder: Path, layout: ImageLayout, images: Images, wrong: Faults, meta: Mapping[str, Any]
) -> list[str]:
    """Write REGION.bin, REGION.hex, REGION.c, faults.json and report.json; return the names.

    The folder appears whole or not at all. ``meta`` says how the chip was drawn.
    Raises InputError when the folder holds something else.
    """
    files: dict[str, bytes] = {}
    for number, region in enumerate(layout.regions):
        data = images[region]
        # Regions are numbered: their names are the user's, not C's.
        files |= {
            f"region{number}.bin": data,
            f"region{number}.hex": intel_hex(data).encode(),
            f"region{number}.c": c_array(f"chip_region{number}", data).encode(),
        }
    listed = {"schema": SCHEMA, "layout_id": layout.layout_id.hex(), "chip": dict(meta)}
    listed["faults"] = {
        name: {"cell": found.cell.tolist(), "planes": found.planes.tolist()}
        for name, found in wrong.items()
    }
    report = {"generator": GENERATOR, "chip": dict(meta), "regions": list(layout.regions)}
    files["faults.json"] = (json.dumps(listed) + "\n").encode()
    files["report.json"] = (json.dumps(report, indent=1) + "\n").encode()
    try:
        write_project(files, folder)
    except OSError as error:
        got = error.strerror or str(error)
        raise InputError("cannot write the chip", where=str(folder), got=got) from error
    return sorted(files)


def load_faults(path: Path, layout: ImageLayout) -> Faults:
    """Return the fault list of ``faults.json``; ``draw.apply`` replays it.

    Raises InputError when the file is no fault list or belongs to another layout.
    """
    try:
        listed = json.loads(path.read_text())
        owner = listed["layout_id"]
        found = {
            str(name): SectionFaults(
                np.array(entry["cell"], dtype=np.int64), np.array(entry["planes"], dtype=np.uint8)
            )
            for name, entry in listed["faults"].items()
        }
        whole = all(f.cell.ndim == 1 and f.cell.shape == f.planes.shape for f in found.values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise InputError("not a fault list", where=str(path), got=type(error).__name__) from error
    if not whole:
        raise InputError("cells and planes of the fault list differ in number", where=str(path))
    if owner != layout.layout_id.hex():
        raise InputError(
            "the fault list belongs to another image layout", where=str(path),
            got=str(owner)[:16], wanted=layout.layout_id.hex()[:16],
            fix="compile the same model for the same target, or draw the chip again",
        )  # fmt: skip
    return found


def intel_hex(data: bytes) -> str:
    """Return Intel HEX (16-byte records, extended linear addresses) from address 0."""
    return "".join(f":{record}\n" for record in _records(data))


def _records(data: bytes) -> Iterator[str]:
    for start in range(0, len(data), _RECORD):
        if start % (1 << 16) == 0 and start:
            yield _record(0, 4, (start >> 16).to_bytes(2, "big"))
        yield _record(start & 0xFFFF, 0, data[start : start + _RECORD])
    yield _record(0, 1, b"")


def _record(address: int, kind: int, data: bytes) -> str:
    body = bytes([len(data)]) + address.to_bytes(2, "big") + bytes([kind]) + data
    return (body + bytes([-sum(body) & 0xFF])).hex().upper()


def c_array(name: str, data: bytes) -> str:
    """Return a C99 array of little-endian 32-bit words: regions are multiples of 8 bytes."""
    words = np.frombuffer(data, dtype="<u4")
    lines = [
        "    " + ", ".join(f"0x{int(word):08x}u" for word in words[start : start + 6]) + ","
        for start in range(0, len(words), 6)
    ] or ["    0u"]
    size = max(len(words), 1)
    return (
        f"#include <stdint.h>\n\nconst uint32_t {name}[{size}] = {{\n" + "\n".join(lines) + "\n};\n"
    )
