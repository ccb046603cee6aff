"""What an image costs in a memory: cells, programming and read energy, transistor width.

Energies are those of memory.technology.Energy: in joule only where a technology says that
every coefficient has a source, otherwise in multiples of a stated reference.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hysteron.driver.candidates import Candidate
from hysteron.image.layout import ImageLayout, Section, executed
from hysteron.image.program import Program
from hysteron.memory.technology import Technology

_WIDTH = "access transistor width"


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of all placed sections; None where a technology does not say.

    ``values`` are stored bits or ternary weights without check bits, ``devices`` memory cells
    with the check cells of codes. ``program_energy`` writes the image once. One inference reads
    every cell once at least (``read_energy_low``), and a kernel that keeps no weight between
    output positions reads it once per position (``read_energy_high``; equal in dense layers).
    ``energy_unit`` is "J" or the reference, ``transistor_width`` relative to the default
    write current. ``uncounted`` lists placed sections without a known energy.
    """

    values: int
    devices: float
    devices_per_value: float | None
    program_energy: float | None
    read_energy_low: float | None
    read_energy_high: float | None
    energy_unit: str | None
    transistor_width: float | None
    uncounted: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values, without the sections."""
        return {name: value for name, value in asdict(self).items() if name != "uncounted"}


def cost(program: Program, candidate: Candidate) -> Cost | None:
    """Return the cost of a candidate; None for plain error rates, which are no memory."""
    if not candidate.placement:
        return None
    fetches = _fetches(program)
    parts = [
        _part(program.layout, name, technology, candidate, fetches[name])
        for name, technology in candidate.placement.items()
        if name in candidate.point.condition.source.sections
    ]
    values, devices = sum(part.values for part in parts), sum(part.devices for part in parts)
    known = [part for part in parts if part.unit is not None]
    units = {part.unit for part in known}
    unit = units.pop() if len(units) == 1 else None
    if unit is None:
        known = []
    reads = [(part.read, part.fetches * part.read) for part in known if part.read is not None]
    readable = bool(known) and len(reads) == len(known)
    widths = {part.width for part in parts}
    return Cost(
        values,
        devices,
        devices / values if values else None,
        math.fsum(part.program for part in known) if known else None,
        math.fsum(low for low, _ in reads) if readable else None,
        math.fsum(high for _, high in reads) if readable else None,
        unit,
        widths.pop() if len(widths) == 1 else None,
        tuple(sorted(part.section for part in parts if part not in known)),
    )


def cost_notes(program: Program, candidates: Sequence[Candidate]) -> list[str]:
    """Return what to know of the candidates' costs: units, bounds, what is left out."""
    costs = [found for candidate in candidates if (found := cost(program, candidate))]
    notes = []
    units = {found.energy_unit for found in costs if found.energy_unit}
    relative = sorted(units - {"J"})
    if relative:
        notes.append(f"energies are relative, in multiples of: {'; '.join(relative)}")
    if any(found.read_energy_high != found.read_energy_low for found in costs):
        notes.append(
            "read energy per inference: from each cell read once to each cell read once per"
            " output position of its layer"
        )
    if left := {name for found in costs for name in found.uncounted}:
        notes.append(
            f"energies leave out, for want of numbers in one unit: {', '.join(sorted(left))}"
        )
    return notes


@dataclass(frozen=True, slots=True)
class _Part:
    section: str
    values: int
    devices: float
    fetches: int
    program: float
    read: float | None
    unit: str | None
    width: float | None


def _part(
    layout: ImageLayout, name: str, technology: Technology, candidate: Candidate, fetches: int
) -> _Part:
    section = layout.section(name)
    stored = stored_values(section, technology)
    values = 0 if section.protects else stored
    mine = {c.name for c in technology.conditions}
    settings = {key: v for key, v in candidate.point.settings.items() if key in mine}
    cells = stored * candidate.cells_per_bit(name)
    energy = technology.energy(settings)
    devices = cells * technology.cells_per_bit
    width = _width(technology.derived(settings))
    if energy is None:
        return _Part(name, values, devices, fetches, 0.0, None, None, width)
    read = None if energy.read is None else cells * energy.read
    unit = "J" if energy.absolute else _reference(technology.name, energy.reference)
    return _Part(name, values, devices, fetches, cells * energy.program, read, unit, width)


def stored_values(section: Section, technology: Technology) -> int:
    """Return how many values a technology stores: bits, or whole ternary weights."""
    whole = section.type.dtype == "t2" and technology.stores(3)
    return section.cells.count * (1 if whole else section.cells.planes)


def _reference(name: str, reference: str) -> str:
    """Return the unit; a reference to a technology's own defaults is another one for each."""
    return f"{reference} ({name})" if "default" in reference else reference


def _width(derived: Mapping[str, float]) -> float | None:
    return next((value for key, value in derived.items() if key.startswith(_WIDTH)), None)


def _fetches(program: Program) -> dict[str, int]:
    """Return how often each section is read per inference by a kernel that keeps nothing.

    A section with a code, and its check bits, are read once: decoding fills a buffer.
    """
    graph, layout = program.final, program.layout
    found = dict.fromkeys((section.name for section in layout.sections), 0)
    for node in executed(graph, program.plan.steps):
        positions = math.prod(graph.types[node.outputs[0]].shape[:-1])
        for const in set(node.inputs) & set(layout.by_const):
            section = layout.by_const[const]
            found[section.name] += 1 if section.code else positions
    for section in layout.sections:
        if section.protects:
            found[section.name] = found[section.protects]
    return found
