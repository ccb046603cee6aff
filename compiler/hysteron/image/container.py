"""The transport container (.hyst): images with checksums for an untrusted link.

The byte format is stated in runtime_c/include/hyst/container.h.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from typing import Final

from hysteron.errors import InputError
from hysteron.image.encodings import align
from hysteron.image.layout import ImageLayout, Images, check_images, section_bytes

MAGIC: Final = b"HYST"
VERSION: Final = 1
_FIXED: Final = struct.Struct("<4sHH32sII")


def pack_container(layout: ImageLayout, images: Mapping[str, bytes]) -> bytes:
    """Return the container of ``images``. Raises InputError when they do not fit the layout."""
    check_images(layout, images)
    lengths = [layout.region_bytes(region) for region in layout.regions]
    sums = [zlib.crc32(section_bytes(section, images)) for section in layout.sections]
    head = _FIXED.pack(MAGIC, VERSION, len(lengths), layout.layout_id, len(sums), 0)
    head += struct.pack(f"<{len(lengths) + len(sums)}I", *lengths, *sums)
    head += struct.pack("<I", zlib.crc32(head))
    return head.ljust(align(len(head)), b"\0") + b"".join(images[r] for r in layout.regions)


def unpack_container(data: bytes, layout: ImageLayout) -> Images:
    """Return the images in a container. Raises InputError naming what does not match."""
    lengths = [layout.region_bytes(region) for region in layout.regions]
    table = _FIXED.size + 4 * len(lengths)
    end = table + 4 * len(layout.sections)
    start = align(end + 4)
    wanted = start + sum(lengths)
    if len(data) != wanted:
        raise _refused("length", f"{len(data)} B", f"{wanted} B")
    magic, version, regions, identity, sections, zero = _FIXED.unpack_from(data)
    if (magic, version, zero) != (MAGIC, VERSION, 0):
        raise _refused("magic or version", repr(magic), f"{MAGIC!r} version {VERSION}")
    if identity != layout.layout_id:
        raise _refused("layout id", identity.hex()[:16], layout.layout_id.hex()[:16])
    given = struct.unpack_from(f"<{len(lengths)}I", data, _FIXED.size)
    if (regions, sections, list(given)) != (len(lengths), len(layout.sections), lengths):
        raise _refused("region table", str(given), str(lengths))
    if zlib.crc32(data[:end]) != struct.unpack_from("<I", data, end)[0]:
        raise _refused("checksum of the header", "", "")
    images: Images = {}
    for region, length in zip(layout.regions, lengths, strict=True):
        images[region] = data[start : start + length]
        start += length
    sums = struct.unpack_from(f"<{sections}I", data, table)
    for section, wanted_sum in zip(layout.sections, sums, strict=True):
        if zlib.crc32(section_bytes(section, images)) != wanted_sum:
            raise _refused(f"checksum of section {section.name}", "", "")
    return images


def _refused(what: str, got: str, wanted: str) -> InputError:
    return InputError(f"container refused: {what}", got=got, wanted=wanted)
