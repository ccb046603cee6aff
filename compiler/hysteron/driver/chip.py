"""One corrupted specimen of a compiled model, exported: what ``hysteron chip`` does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hysteron.chips.draw import apply
from hysteron.chips.export import write_chip
from hysteron.driver.compile import CompiledModel
from hysteron.driver.placement import Point


@dataclass(frozen=True)
class ChipResult:
    """What was written: wrong cells by section and the file names."""

    wrong: dict[str, int]
    cells: dict[str, int]
    files: list[str]


def export_chip(
    compiled: CompiledModel, point: Point, seed: int, chip: int, folder: Path
) -> ChipResult:
    """Draw chip number ``chip`` of ``seed`` at a point and write it to a folder.

    The same numbers give the same wrong cells for every target, and the same as
    in a campaign. Raises InputError.
    """
    program = compiled.program
    source = point.condition.source
    found = source.faults(program.layout, program.images, seed, chip)
    images = apply(program.layout, program.images, found)
    meta = {"program": program.name, "target": compiled.target.name, "ber": point.ber}
    meta |= {"settings": dict(point.settings), "options": dict(point.options)}
    meta |= {"seed": seed, "chip": chip}
    files = write_chip(folder, program.layout, images, found, meta)
    hit = {name: found[name].cell.size if name in found else 0 for name in source.sections}
    cells = {name: program.layout.section(name).cells.count for name in source.sections}
    return ChipResult(hit, cells, files)
