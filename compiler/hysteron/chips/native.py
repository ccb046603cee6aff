"""The draws in C: ``runtime_c/emulation``, equal to ``philox`` bit for bit."""

from __future__ import annotations

import re
import threading
from functools import cache
from typing import Any, Final

import cffi
import numpy as np
import numpy.typing as npt

from hysteron._assets import asset_dir
from hysteron.chips.philox import Stream, Words
from hysteron.errors import InternalError
from hysteron.host.compiler import build, find_cc
from hysteron.targets import load_target

_FFI: Final = cffi.FFI()
_LOCK: Final = threading.Lock()
_BLOCK: Final = re.compile(r"/\* cffi:begin \*/(.*?)/\* cffi:end \*/", re.DOTALL)


def sources() -> dict[str, bytes]:
    """Return path -> content of the C sources for this machine."""
    folder = asset_dir("runtime_c") / "emulation"
    suffixes = (*load_target("host").isa.kernel_suffixes, "portable")
    found = (f"marginal_{suffix}.c" for suffix in suffixes)
    marginal = next(name for name in found if (folder / name).is_file())
    names = ("draws.c", "draws.h", "philox.h", marginal)
    return {name: (folder / name).read_bytes() for name in names}


def _library() -> Any:
    with _LOCK:  # chips are drawn by several threads, and a declaration may be made once
        return _loaded()


@cache
def _loaded() -> Any:
    """Compile (or find compiled) and load. Raises ToolchainError without a compiler."""
    files = sources()
    (declared,) = _BLOCK.findall(files["draws.h"].decode())
    _FFI.cdef(declared)
    return _FFI.dlopen(str(build(files, find_cc(load_target("host").isa), "library")))


def philox4x32(counter: tuple[int, ...], key: tuple[int, int]) -> tuple[int, ...]:
    """Return the four random words of one counter of four 32-bit words."""
    out = _FFI.new("uint32_t[4]")
    _library().hyst_philox4x32(list(counter), list(key), out)
    return tuple(out)


def draw(stream: Stream, cells: int, mechanism: str, event: int = 0) -> Words:
    """Return ``stream.draw(cells, mechanism, event)``."""
    library, out = _library(), np.empty(cells, dtype=np.uint64)
    where = _FFI.from_buffer("uint64_t[]", out, require_writable=True)
    library.hyst_draw(_stream(stream, cells, mechanism, event), cells, where)
    return out


def marginal(
    stream: Stream, stored: npt.NDArray[np.uint8], down: int, up: int, event: int = 0
) -> tuple[npt.NDArray[np.int64], Words]:
    """Return (cell, depth) of every wrong cell, cells ascending.

    ``stored`` holds 0 and 1 only, one byte per cell; ``down`` and ``up`` are
    ``philox.threshold`` of reading a stored 1 as 0 and a stored 0 as 1. The depth
    is the draw counted from the end where the cell's errors lie, so a cell is wrong
    at every threshold above its depth.
    """
    if stored.size and stored.max() > 1:
        raise InternalError("stored bits are not 0 and 1", where=stream.section)
    packed = np.packbits(stored, bitorder="little")
    return marginal_packed(stream, packed, stored.size, down, up, event)


def marginal_packed(
    stream: Stream, packed: npt.NDArray[np.uint8], count: int, down: int, up: int, event: int = 0
) -> tuple[npt.NDArray[np.int64], Words]:
    """Return what ``marginal`` does for ``count`` stored bits, cell c at bit c%8 of byte c//8."""
    library = _library()
    if packed.size * 8 < count:
        raise InternalError("fewer stored bits than cells", where=stream.section)
    # Only the pages that wrong cells fill are ever touched.
    cell, depth = np.empty(count, dtype=np.int64), np.empty(count, dtype=np.uint64)
    limits = [{"last": max(limit - 1, 0), "some": int(limit > 0)} for limit in (up, down)]
    found = library.hyst_marginal(
        _stream(stream, count, "marginal", event),
        _FFI.from_buffer("uint8_t[]", packed),
        count,
        _FFI.new("hyst_limit[2]", limits),
        _FFI.from_buffer("int64_t[]", cell, require_writable=True),
        _FFI.from_buffer("uint64_t[]", depth, require_writable=True),
    )
    return cell[:found].copy(), depth[:found].copy()


def _stream(stream: Stream, cells: int, mechanism: str, event: int) -> Any:
    (low, high), (section, chip, purpose) = stream.words(cells, mechanism, event)
    fields = {"key": [low, high], "section": section, "chip": chip, "purpose": purpose}
    return _FFI.new("hyst_stream *", fields)
