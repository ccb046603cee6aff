"""Views of protected sections: what layers fetch, where it lies in the tile, what scrub walks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hysteron.errors import InternalError
from hysteron.image.layout import constants_of, executed
from hysteron.image.program import Program
from hysteron.image.protection import TRAP, is_copies, section_code, word_cells
from hysteron.image.sections import Section

#: Of hyst/ecc.h; "trap" reads as "as-read", and the generated code refuses.
_POLICIES = {"as-read": 0, "trap": 0, "zero": 1}


@dataclass(frozen=True, slots=True)
class ProtectedView:
    """One entry of the generated table of protected sections, and its scrub call."""

    name: str
    fields: tuple[str, ...]
    scrub: str


@dataclass(frozen=True, slots=True)
class EccView:
    """What a model with codes has more; ``fetches`` are (layer, calls) of layers that need it."""

    tile_words: int
    sections: tuple[ProtectedView, ...]
    fetches: tuple[tuple[int, tuple[str, ...]], ...]
    trap: bool
    headers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CellPattern:
    """Which 32-bit words of a section hold cells, as hyst_ecc_section states it."""

    words: int
    cell_words: int
    block: int
    full: int
    tail: int
    tail_mask: int


def tile_offsets(program: Program) -> dict[tuple[int, str], int]:
    """Return the byte offset in the tile by (layer, protected section)."""
    found: dict[tuple[int, str], int] = {}
    for layer, sections in _fetched(program).items():
        end = 0
        for section in sections:
            found[layer, section.name] = end
            end += section.nbytes
    return found


def tile_bytes(program: Program) -> int:
    """Return the length of the tile: the largest layer's protected sections."""
    return max((sum(s.nbytes for s in part) for part in _fetched(program).values()), default=0)


def _fetched(program: Program) -> dict[int, tuple[Section, ...]]:
    """Return the protected sections that each layer reads."""
    graph, layout = program.final, program.layout
    if not layout.protected:
        return {}
    found = {}
    for layer, node in enumerate(executed(graph, program.plan.steps)):
        consts = dict.fromkeys(const for const, _, _ in constants_of(node, graph.types))
        sections = tuple(s for const in consts if (s := layout.by_const[const]).code)
        if sections:
            found[layer] = sections
    return found


def cell_pattern(section: Section) -> CellPattern:
    """Return the repeating pattern of a section's cells.

    Read off the cells themselves and compared with them again. Raises InternalError
    when an encoding has no such pattern.
    """
    mask = word_cells(section.encoding, section.type, 32).mask
    words = np.packbits(mask, axis=1, bitorder="little").view("<u4").ravel().astype(np.uint64)
    full = _run(words, 0, 0xFFFFFFFF)
    value = int(words[full]) if full < words.size else 0
    tail = _run(words, full, value) if value else 0
    block = full + tail + _run(words, full + tail, 0)
    cell_words = words.size - (words.size % block if words.size else 0)
    pattern = CellPattern(words.size, cell_words, block, full, tail, value)
    at = np.arange(words.size) % max(block, 1)
    told = np.where(at < full, 0xFFFFFFFF, np.where(at < full + tail, value, 0))
    told[cell_words:] = 0
    if not np.array_equal(told, words):
        raise InternalError("cells of a section repeat in no known way", where=section.name)
    return pattern


def _run(words: np.ndarray[tuple[int], np.dtype[np.uint64]], start: int, value: int) -> int:
    """Return how many words from ``start`` on equal ``value``."""
    other = np.flatnonzero(words[start:] != value)
    return int(other[0]) if other.size else words.size - start


def ecc_view(program: Program) -> EccView | None:
    """Return the view of a program's codes, None without any."""
    layout = program.layout
    if not layout.protected:
        return None
    number = {section.name: i for i, section in enumerate(layout.protected)}
    offsets, seen = tile_offsets(program), set()
    fetches = []
    for layer, sections in _fetched(program).items():
        calls = []
        for section in sections:
            # Words are counted once per run, whoever reads them again.
            counts = "NULL" if section.name in seen else "&ctx->ecc"
            seen.add(section.name)
            tile = f"ctx->tile + {offsets[layer, section.name] // 8}"
            calls.append(_call(program, section, number[section.name], "fetch", (tile, counts)))
        fetches.append((layer, tuple(calls)))
    kinds = {_kind(section) for section in layout.protected}
    return EccView(
        tile_words=tile_bytes(program) // 8,
        sections=tuple(
            _protected(program, section, number[section.name]) for section in layout.protected
        ),
        fetches=tuple(fetches),
        trap=any(section.policy == TRAP for section in layout.protected),
        headers=tuple(sorted(f"hyst/ecc_{kind}.h" for kind in kinds)),
    )


def ecc_report(program: Program) -> dict[str, Any]:
    """Return {"ecc": what the codes cost} as JSON values; nothing without codes."""
    layout = program.layout
    if not layout.protected:
        return {}
    sections = {}
    for section in layout.protected:
        checks = layout.checks_of(section.name)
        sections[section.name] = {
            "code": section.code,
            "words": section_code(section).words,
            "check_bytes": sum(check.nbytes for check in checks),
            "check_cells": sum(check.cells.count * check.cells.planes for check in checks),
        }
    total = {key: sum(int(s[key]) for s in sections.values())  # type: ignore[call-overload]
             for key in ("check_bytes", "check_cells")}  # fmt: skip
    policy = layout.protected[0].policy
    return {
        "ecc": {"policy": policy, "tile_bytes": tile_bytes(program), **total, "sections": sections}
    }


def _kind(section: Section) -> str:
    """Return the stem of the C functions and of their header."""
    if is_copies(section.code):
        return "copies"
    return section.code.removeprefix("secded-").replace("-", "_")


def _call(program: Program, section: Section, number: int, verb: str, more: tuple[str, ...]) -> str:
    """Return the C call that fetches or scrubs a section."""
    name, layout = program.name, program.layout
    places = [
        f"{name.upper()}_SECTION(ctx, {layout.regions.index(part.region)}, {part.offset})"
        for part in (section, *layout.checks_of(section.name))
    ]
    kind = _kind(section)
    if kind == "copies" and len(places) == 2:
        places.append("0")
    arguments = ", ".join((f"&{name}_protected[{number}]", *places, *more))
    return f"hyst_ecc_{kind}_{verb}({arguments})"


def _protected(program: Program, section: Section, number: int) -> ProtectedView:
    layout, pattern = program.layout, cell_pattern(section)
    code = section_code(section).code
    checks = layout.checks_of(section.name)
    regions = [layout.regions.index(check.region) for check in checks] + [0]
    offsets = [check.offset for check in checks] + [0]
    copies = code.word_bits // code.data_bits if is_copies(code.name) else 1
    numbers = (
        pattern.words, pattern.cell_words, pattern.block, pattern.full, pattern.tail,
        pattern.tail_mask, copies, _POLICIES[section.policy],
        layout.regions.index(section.region), section.offset,
    )  # fmt: skip
    pairs = (f"{{ {two[0]}u, {two[1]}u }}" for two in (regions, offsets))
    fields = (*(f"{value}u" for value in numbers), *pairs)
    scrub = _call(program, section, number, "scrub", ("write", "user", "&counts"))
    return ProtectedView(f"{section.name}, {section.code}", fields, scrub)
