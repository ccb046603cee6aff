"""Codes over sections: encode into check sections, decode what a memory gave back.

A code of k data bits runs over the section's stored little-endian k-bit words, in
ascending order. Padding bits are no cells: they count as 0, and a word without any
cell has no check bits. SECDED codes keep their check bits in one dense section, bit
n*c + j being check bit j of the n-th word; a copy of a repetition code is a section
like its data. docs/ecc.md states all of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from hysteron.errors import InputError
from hysteron.image.encodings import Bits, CheckBits, Encoding
from hysteron.image.sections import ImageLayout, Images, Section, check_images, section_bytes
from hysteron.ir.types import TensorType

if TYPE_CHECKING:
    from hysteron.memory.ecc import Code, Policy

Mask = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.intp]

AS_READ: Final = "as-read"
TRAP: Final = "trap"


@dataclass(frozen=True, slots=True)
class WordCounts:
    """What a decoder saw: all code words, corrected ones, detected but not correctable ones."""

    words: int = 0
    corrected: int = 0
    detected: int = 0

    def __add__(self, other: WordCounts) -> WordCounts:
        return WordCounts(
            self.words + other.words,
            self.corrected + other.corrected,
            self.detected + other.detected,
        )


@dataclass(frozen=True, eq=False)
class DecodedImages:
    """Images whose data is what the decoder made of them, with fitting check bits.

    ``counts`` has an entry per protected data section.
    """

    images: Images
    counts: Mapping[str, WordCounts]

    @property
    def total(self) -> WordCounts:
        """Counts of all sections."""
        return sum(self.counts.values(), WordCounts())


def code_named(name: str) -> Code:
    """Return a code by name. Raises InputError that lists the names."""
    from hysteron.memory.ecc import load_code  # SciPy behind it takes a second to import

    return load_code(name)


def policy_named(name: str) -> Policy:
    """Return a policy by name. Raises InputError that lists the names."""
    from hysteron.memory.ecc import Policy

    known = [policy.value for policy in Policy]
    if name not in known:
        raise InputError("unknown policy", got=name, wanted=", ".join(known))
    return Policy(name)


def is_copies(code: str) -> bool:
    """Return whether check bits are whole copies of the data."""
    from hysteron.memory.ecc import Repetition

    return isinstance(code_named(code), Repetition)


@dataclass(frozen=True, slots=True)
class WordCells:
    """Which bits of a section are cells, by stored words.

    ``mask`` is (stored words, bits); ``used`` are the n words that hold a cell.
    """

    mask: Mask
    used: Rows


@lru_cache(maxsize=64)
def word_cells(encoding: Encoding, type_: TensorType, bits: int) -> WordCells:
    """Return the cells of a section cut into words of ``bits``."""
    cells = encoding.cells(type_)
    flat = np.zeros(8 * encoding.nbytes(type_), dtype=bool)
    byte, bit = cells.locate(np.arange(cells.count))
    flat[byte * 8 + bit] = True
    mask = flat.reshape(-1, bits)
    mask.setflags(write=False)
    return WordCells(mask, np.flatnonzero(mask.any(axis=1)))


@dataclass(frozen=True, slots=True)
class SectionCode:
    """The code of one data section: cuts bytes into words and joins them again.

    ``n`` below counts the words that hold at least one cell.
    """

    code: Code
    encoding: Encoding
    type: TensorType

    @property
    def cells(self) -> WordCells:
        """Cells of each stored word."""
        return word_cells(self.encoding, self.type, self.code.data_bits)

    @property
    def words(self) -> int:
        """Number of code words, n."""
        return len(self.cells.used)

    def check_sections(self) -> tuple[tuple[str, Encoding, TensorType], ...]:
        """Return (name ending, encoding, type) of each check section."""
        if is_copies(self.code.name):
            copies = self.code.check_bits // self.code.data_bits
            return tuple((f"copy_{i + 1}", self.encoding, self.type) for i in range(copies))
        kind = TensorType("b1", (self.words, self.code.check_bits))
        return (("checks", CheckBits(), kind),)

    def cut(self, data: bytes) -> Bits:
        """Return the data words (n, data_bits) of a section; padding counts as 0."""
        cells = self.cells
        bits: Bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
        words: Bits = np.where(cells.mask, bits.reshape(cells.mask.shape), np.uint8(0))
        return words[cells.used]

    def join(self, words: Bits) -> bytes:
        """Return the section of data words (n, data_bits); padding is written as 0."""
        cells = self.cells
        bits = np.zeros(cells.mask.shape, dtype=np.uint8)
        bits[cells.used] = words
        return np.packbits(bits & cells.mask, bitorder="little").tobytes()

    def cut_checks(self, parts: tuple[bytes, ...]) -> Bits:
        """Return the check words (n, check_bits) of the check sections."""
        if is_copies(self.code.name):
            return np.hstack([self.cut(part) for part in parts])
        count = self.words * self.code.check_bits
        bits = np.unpackbits(np.frombuffer(parts[0], np.uint8), count=count, bitorder="little")
        return bits.reshape(self.words, self.code.check_bits)

    def join_checks(self, checks: Bits) -> tuple[bytes, ...]:
        """Return the check sections of check words (n, check_bits)."""
        if is_copies(self.code.name):
            copies = self.code.check_bits // self.code.data_bits
            return tuple(self.join(part) for part in np.hsplit(checks, copies))
        ((_, encoding, type_),) = self.check_sections()
        return (encoding.store(checks[None], type_),)

    def decode(
        self, data: Bits, checks: Bits, policy: Policy, rows: Rows | None = None
    ) -> tuple[Bits, Bits]:
        """Return (data words, Status of each) after decoding.

        ``rows`` says which of the n words are given; default all. A correction that points
        to a padding bit is a detected word: no single error looks like that.
        """
        from hysteron.memory.ecc import Status

        used = self.cells.used if rows is None else self.cells.used[rows]
        decoded = self.code.decode(data, checks)
        outside: Mask = np.any(decoded.data > self.cells.mask[used], axis=1)
        status = np.where(outside, np.uint8(Status.DETECTED), decoded.status)
        words = np.where(outside[:, None], data, decoded.data)
        if policy.value == "zero":
            words[status == Status.DETECTED] = 0
        return words, status


def section_code(section: Section) -> SectionCode:
    """Return the code of a protected section."""
    return SectionCode(code_named(section.code), section.encoding, section.type)


def unprotected(layout: ImageLayout) -> ImageLayout:
    """Return the layout without codes and check sections, as it was before ``protect``."""
    ends: dict[str, int] = {}
    placed = []
    for old in layout.data_sections:
        offset = ends.get(old.region, 0)
        placed.append(replace(old, code="", policy="", offset=offset))
        ends[old.region] = offset + old.nbytes
    order = tuple(region for region in layout.regions if region in ends)
    return ImageLayout(order or layout.regions[:1], tuple(placed))


def data_images(layout: ImageLayout, images: Mapping[str, bytes]) -> Images:
    """Return the images of ``unprotected(layout)``: the data as it is, undecoded."""
    return {
        region: b"".join(
            section_bytes(section, images)
            for section in layout.data_sections
            if section.region == region
        )
        for region in unprotected(layout).regions
    }


def protect(
    layout: ImageLayout,
    codes: Mapping[str, str],
    policy: str = AS_READ,
    regions: Mapping[str, str] | None = None,
) -> ImageLayout:
    """Return the layout with check sections for the data sections in ``codes``.

    ``codes`` maps a data section's name to a code. Data sections stay where they are;
    check sections follow the data of their region, which is the data's own unless
    ``regions`` names the section or the role "checks". Raises InputError for unknown
    names.
    """
    policy_named(policy)
    plain, regions = unprotected(layout), regions or {}
    data, checks = [], []
    for name in codes:
        plain.section(name)
    for section in plain.sections:
        if section.name not in codes:
            data.append(section)
            continue
        marked = replace(section, code=codes[section.name], policy=policy)
        data.append(marked)
        for ending, encoding, type_ in section_code(marked).check_sections():
            name = f"{section.name}_{ending}"
            region = regions.get(name, regions.get("checks", section.region))
            checks.append(
                Section(name, "checks", section.layer, "", encoding, type_, region, 0,
                        protects=section.name)
            )  # fmt: skip
    return _appended(plain, data, checks)


def _appended(plain: ImageLayout, data: list[Section], checks: list[Section]) -> ImageLayout:
    """Place check sections after the data of their regions."""
    ends = {region: plain.region_bytes(region) for region in plain.regions}
    for number, section in enumerate(checks):
        offset = ends.get(section.region, 0)
        checks[number] = replace(section, offset=offset)
        ends[section.region] = offset + section.nbytes
    order = tuple(ends)
    placed = sorted((*data, *checks), key=lambda section: order.index(section.region))
    return ImageLayout(order, tuple(placed))


def encoded_checks(section: Section, data: bytes) -> tuple[bytes, ...]:
    """Return the bytes of the check sections that fit a protected section's data."""
    coder = section_code(section)
    return coder.join_checks(coder.code.encode(coder.cut(data)))


def decoded_data(
    layout: ImageLayout, section: Section, images: Mapping[str, bytes]
) -> tuple[bytes, WordCounts]:
    """Return a protected section's bytes after decoding, and what was seen; padding is 0."""
    from hysteron.memory.ecc import Status

    coder = section_code(section)
    parts = tuple(section_bytes(part, images) for part in layout.checks_of(section.name))
    words, status = coder.decode(
        coder.cut(section_bytes(section, images)),
        coder.cut_checks(parts),
        policy_named(section.policy),
    )
    corrected, detected = (int((status == s).sum()) for s in (Status.CORRECTED, Status.DETECTED))
    return coder.join(words), WordCounts(len(words), corrected, detected)


def decode_images(layout: ImageLayout, images: Mapping[str, bytes]) -> DecodedImages:
    """Return the images as every decoder sees them: data corrected, check bits encoded anew.

    Detected words become what their policy says; ``trap`` leaves them as read and the counts
    tell. Decoding the result finds nothing. Raises InputError when the images do not fit.
    """
    check_images(layout, images)
    bytes_of = {region: bytearray(data) for region, data in images.items()}
    counts = {}
    for section in layout.protected:
        data, counts[section.name] = decoded_data(layout, section, images)
        parts = (data, *encoded_checks(section, data))
        for place, part in zip((section, *layout.checks_of(section.name)), parts, strict=True):
            bytes_of[place.region][place.offset : place.offset + place.nbytes] = part
    return DecodedImages({region: bytes(data) for region, data in bytes_of.items()}, counts)
