"""Sections and the layout they form: what lies where, and what each bit means."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from hysteron.errors import InputError
from hysteron.image.cells import Cells
from hysteron.image.encodings import Encoding
from hysteron.ir.types import TensorType

#: What a section is for; memory technologies are assigned by role or by name.
ROLES: Final = ("weights", "thresholds", "inverts", "coefficients", "checks")
DEFAULT_REGION: Final = "main"

Images = dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Section:
    """One constant in one region: ``nbytes`` bytes from the 8-aligned ``offset``.

    ``const`` is the tensor id in the kernel graph, ``layer`` the execution step.
    A protected section names its ``code`` and the ``policy`` for words that the code
    cannot correct (docs/ecc.md). A section of check bits has no constant and names
    the section that it ``protects``.
    """

    name: str
    role: str
    layer: int
    const: str
    encoding: Encoding
    type: TensorType
    region: str
    offset: int
    code: str = ""
    policy: str = ""
    protects: str = ""

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
        entry: dict[str, object] = {
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
        if self.code:
            entry["code"] = {"name": self.code, "policy": self.policy}
        if self.protects:
            entry["protects"] = self.protects
        return entry


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
        """Section of each constant's tensor id; check bits are no constants."""
        return {section.const: section for section in self.data_sections}

    @cached_property
    def data_sections(self) -> tuple[Section, ...]:
        """Sections that hold constants: all but the check bits."""
        return tuple(section for section in self.sections if not section.protects)

    @cached_property
    def protected(self) -> tuple[Section, ...]:
        """Data sections with a code."""
        return tuple(section for section in self.data_sections if section.code)

    def checks_of(self, name: str) -> tuple[Section, ...]:
        """Return the check sections of a data section, in the code's order."""
        found = (section for section in self.sections if section.protects == name)
        return tuple(sorted(found, key=lambda section: section.name))

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
