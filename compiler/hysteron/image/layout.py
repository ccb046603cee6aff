"""The image layout: which constant lies where in which memory region.

An image is the bytes of one region. All trained state is in images; no length,
index, pointer or type is, so every byte pattern has a meaning.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Final, Protocol, cast

from hysteron.errors import InputError, InternalError
from hysteron.image.cells import Cells
from hysteron.image.encodings import Encoding, encoding
from hysteron.ir.graph import Graph, Node
from hysteron.ir.types import Array, TensorType

#: What a section is for; memory technologies are assigned by role or by name.
ROLES: Final = ("weights", "thresholds", "inverts", "coefficients")
DEFAULT_REGION: Final = "main"

Images = dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Section:
    """One constant in one region: ``nbytes`` bytes from the 8-aligned ``offset``.

    ``const`` is the tensor id in the kernel graph, ``layer`` the execution step.
    """

    name: str
    role: str
    layer: int
    const: str
    encoding: Encoding
    type: TensorType
    region: str
    offset: int

    @property
    def nbytes(self) -> int:
        """Length in bytes, a multiple of 8."""
        return self.encoding.nbytes(self.type)

    @property
    def cells(self) -> Cells:
        """Where each logical cell lies, relative to the section."""
        return self.encoding.cells(self.type)

    def describe(self) -> dict[str, object]:
        """Return the entry of ``image.json``; it holds no name from the model."""
        return {
            "name": self.name,
            "role": self.role,
            "layer": self.layer,
            "const": self.const,
            "dtype": self.type.dtype,
            "shape": list(self.type.shape),
            "encoding": self.encoding.describe(),
            "region": self.region,
            "offset": self.offset,
            "bytes": self.nbytes,
            "cells": self.cells.describe(),
        }


@dataclass(frozen=True)
class ImageLayout:
    """All sections, in region order, then by offset; sections fill regions without gaps."""

    regions: tuple[str, ...]
    sections: tuple[Section, ...]

    def region_bytes(self, region: str) -> int:
        """Return the length of a region's image in bytes."""
        return sum(section.nbytes for section in self.in_region(region))

    def in_region(self, region: str) -> tuple[Section, ...]:
        """Return a region's sections by offset."""
        return tuple(section for section in self.sections if section.region == region)

    def section(self, name: str) -> Section:
        """Return a section by name. Raises InputError listing the known ones."""
        for section in self.sections:
            if section.name == name:
                return section
        known = ", ".join(section.name for section in self.sections)
        raise InputError(f"unknown section '{name}'", wanted=known)

    @cached_property
    def by_const(self) -> dict[str, Section]:
        """Section of each constant's tensor id."""
        return {section.const: section for section in self.sections}

    @cached_property
    def layout_id(self) -> bytes:
        """SHA-256 of everything that says what a byte means (32 bytes)."""
        text = json.dumps(self._meaning(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).digest()

    def _meaning(self) -> dict[str, object]:
        sections = [section.describe() for section in self.sections]
        return {"schema": 1, "regions": list(self.regions), "sections": sections}

    def describe(self) -> dict[str, object]:
        """Return the content of ``image.json``."""
        sizes = {region: self.region_bytes(region) for region in self.regions}
        return {
            "schema": 1,
            "layout_id": self.layout_id.hex(),
            "byte_order": "little",
            "alignment": 8,
            "regions": sizes,
            "sections": [section.describe() for section in self.sections],
        }

    def to_json(self) -> str:
        """Return the text of ``image.json``, the same for the same layout."""
        return json.dumps(self.describe(), indent=1, sort_keys=True) + "\n"


class ConstantOp(Protocol):
    """What the layout asks of a kernel op."""

    name: ClassVar[str]

    def activation_count(self, *types: TensorType) -> int:
        """Return how many inputs are activations; constants follow."""

    def const_encodings(self, *types: TensorType) -> tuple[str, ...]:
        """Return one encoding name per constant input."""


def executed(graph: Graph, steps: Sequence[int]) -> tuple[Node, ...]:
    """Return the nodes that run code, in execution order: layer i is entry i.

    Ops marked ``ALIAS`` only rename a buffer and are left out.
    """
    nodes = (graph.nodes[number] for number in steps)
    return tuple(node for node in nodes if not getattr(node.op, "ALIAS", False))


def constants_of(node: Node, types: Mapping[str, TensorType]) -> tuple[tuple[str, str, str], ...]:
    """Return (tensor id, encoding name, role) of each constant input of a kernel node."""
    op = cast(ConstantOp, node.op)
    given = [types[tensor] for tensor in node.inputs]
    ids = node.inputs[op.activation_count(*given) :]
    names = op.const_encodings(*given)
    roles = [_role(op, number, names) for number in range(len(names))]
    return tuple(zip(ids, names, roles, strict=True))


def _role(op: ConstantOp, number: int, names: Sequence[str]) -> str:
    """Return the role of constant ``number``: weights come first in dense and conv ops."""
    if number == 0 and op.name.endswith(("_dense", "_conv")):
        return "weights"
    if names[number] == "bits":
        return "inverts"
    followed = number + 1 < len(names) and names[number + 1] == "bits"
    return "thresholds" if followed else "coefficients"


def plan_layout(
    graph: Graph, steps: Sequence[int], regions: Mapping[str, str] | None = None
) -> ImageLayout:
    """Lay out the constants of a kernel graph.

    ``steps`` is the execution order of the nodes; ``regions`` maps a role or a
    section name to a region, everything else goes to "main". A constant that
    several nodes read is stored once.
    """
    regions = regions or {}
    ends: dict[str, int] = {}
    placed: dict[str, Section] = {}
    for layer, node in enumerate(executed(graph, steps)):
        for draft in _sections(graph, node, layer):
            known = placed.get(draft.const)
            if known is not None:
                if known.encoding != draft.encoding:
                    raise InternalError(
                        f"constant {draft.const} is read in two encodings",
                        got=f"{known.encoding} and {draft.encoding}",
                        fix="give each reader its own constant",
                    )
                continue
            region = regions.get(draft.name, regions.get(draft.role, DEFAULT_REGION))
            offset = ends.get(region, 0)
            ends[region] = offset + draft.nbytes
            placed[draft.const] = replace(draft, region=region, offset=offset)
    return _ordered(ends, placed.values())


def _sections(graph: Graph, node: Node, layer: int) -> Iterator[Section]:
    """Yield the node's constants as sections without a place."""
    used: dict[str, int] = {}
    groups = getattr(node.op, "groups", 1)
    for const, name, role in constants_of(node, graph.types):
        count = used[role] = used.get(role, -1) + 1
        suffix = f"_{count}" if count else ""
        title = f"layer_{layer}_{role}{suffix}"
        code = encoding(name, groups)
        yield Section(title, role, layer, const, code, graph.types[const], "", 0)


def build_image(layout: ImageLayout, consts: Mapping[str, Array]) -> Images:
    """Return the bytes of every region. Every constant must fit its section's type."""
    images: Images = {}
    for region in layout.regions:
        parts = []
        for section in layout.in_region(region):
            if section.const not in consts:
                raise InternalError(f"no value for constant {section.const}", where=section.name)
            parts.append(section.encoding.encode(consts[section.const], section.type))
        images[region] = b"".join(parts)
    return images


def section_bytes(section: Section, images: Mapping[str, bytes]) -> bytes:
    """Return a section's bytes out of the images."""
    return images[section.region][section.offset : section.offset + section.nbytes]


def check_images(layout: ImageLayout, images: Mapping[str, bytes]) -> None:
    """Raise InputError unless there is an image of the right length for every region."""
    for region in layout.regions:
        wanted = layout.region_bytes(region)
        if region not in images:
            raise InputError(f"no image for region '{region}'", wanted=f"{wanted} B")
        if len(images[region]) != wanted:
            got = f"{len(images[region])} B"
            raise InputError(f"image of region '{region}'", got=got, wanted=f"{wanted} B")


def read_image(layout: ImageLayout, images: Mapping[str, bytes]) -> dict[str, Array]:
    """Return the constants that images mean, whatever their bytes are.

    Raises InputError when a region is missing or has another length.
    """
    check_images(layout, images)
    return {
        section.const: section.encoding.decode(section_bytes(section, images), section.type)
        for section in layout.sections
    }


def relayout(images: Mapping[str, bytes], source: ImageLayout, target: ImageLayout) -> Images:
    """Return the same cells in another layout: regions, order and encodings may differ.

    Every cell keeps its raw bits (a ternary 11 stays 11), so going back gives the
    same cells; padding is written as zero. Raises InputError when the layouts do
    not hold the same constants.
    """
    check_images(source, images)
    if {s.const: s.type for s in source.sections} != {s.const: s.type for s in target.sections}:
        raise InputError("the layouts do not hold the same constants")
    parts: dict[str, list[bytes]] = {region: [] for region in target.regions}
    for section in target.sections:
        origin = source.by_const[section.const]
        raw = origin.encoding.load(section_bytes(origin, images), origin.type)
        parts[section.region].append(section.encoding.store(raw, section.type))
    return {region: b"".join(chunks) for region, chunks in parts.items()}


def rearrange(
    layout: ImageLayout,
    encodings: Mapping[str, Encoding] | None = None,
    regions: Mapping[str, str] | None = None,
) -> ImageLayout:
    """Return a layout of the same constants packed anew.

    ``encodings`` and ``regions`` map a constant's id to its new encoding or
    region; what they leave out stays as it was.
    """
    encodings, regions = encodings or {}, regions or {}
    ends: dict[str, int] = {}
    placed = []
    for old in layout.sections:
        region = regions.get(old.const, old.region)
        code = encodings.get(old.const, old.encoding)
        new = replace(old, encoding=code, region=region, offset=ends.get(region, 0))
        ends[region] = new.offset + new.nbytes
        placed.append(new)
    return _ordered(ends, placed)


def _ordered(ends: Mapping[str, int], placed: Iterable[Section]) -> ImageLayout:
    """Return the layout of placed sections, regions in order of first use."""
    order = tuple(ends) or (DEFAULT_REGION,)
    return ImageLayout(order, tuple(sorted(placed, key=lambda item: order.index(item.region))))
