"""What the generated C says of protected sections: counters, tiles, scrubbing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hysteron.codegen.ecc_views import tile_offsets
from hysteron.errors import InputError
from hysteron.host.bridge import FFI, Net, Samples
from hysteron.image.layout import executed
from hysteron.image.protection import WordCounts


@dataclass(frozen=True, slots=True)
class Written:
    """One call of the scrub callback: ``data`` belongs at ``offset`` of a region, by number."""

    region: int
    offset: int
    data: bytes


def run_counts(net: Net, x_q: Samples) -> WordCounts:
    """Return the counters after the last of the samples ran; a trap ends a run early."""
    library, samples = _library(net), net._pack(x_q)
    ctx, counts, failed = net._context(), FFI.new("uint32_t[3]"), FFI.new("uint64_t *")
    out = np.zeros((len(samples), int(library.hyst_host_sizes[2])), dtype=np.uint8)
    library.hyst_host_batch(
        FFI.from_buffer(ctx), FFI.from_buffer(samples),
        FFI.from_buffer(out, require_writable=True), len(samples), failed,
    )  # fmt: skip
    library.hyst_host_ecc(FFI.from_buffer(ctx), counts)
    net._give_back(ctx)
    return WordCounts(*counts)


def decoded_sections(net: Net, x_q: Samples) -> dict[str, bytes]:
    """Return what the kernels read of each protected section while the first sample ran.

    Under the policy "trap", sections behind the first trap are all zero.
    """
    program, library = net.program, _library(net)
    size = int(library.hyst_host_tile_bytes())
    layers = executed(program.final, program.plan.steps)
    tiles = np.zeros((len(layers), size), dtype=np.uint8)
    pointers = FFI.new("uint8_t *[]", [FFI.from_buffer("uint8_t[]", tile) for tile in tiles])
    ctx, samples = net._context(), net._pack(x_q)
    library.hyst_host_tiles(FFI.from_buffer(ctx), FFI.from_buffer(samples), pointers)
    net._give_back(ctx)
    found: dict[str, bytes] = {}
    for (layer, name), offset in tile_offsets(program).items():
        end = offset + program.layout.section(name).nbytes
        found[name] = tiles[layer, offset:end].tobytes()
    return found


def scrub(net: Net) -> tuple[WordCounts, list[Written]]:
    """Return the counters of a scrub and what it handed to its callback; nothing is written."""
    found: list[Written] = []

    @FFI.callback("hyst_host_write")  # type: ignore[untyped-decorator]
    def write(user: Any, region: int, offset: int, data: Any, n: int) -> None:
        found.append(Written(region, offset, bytes(FFI.buffer(data, n))))

    ctx, counts = net._context(), FFI.new("uint32_t[3]")
    _library(net).hyst_host_scrub(FFI.from_buffer(ctx), write, FFI.NULL, counts)
    net._give_back(ctx)
    return WordCounts(*counts), found


def _library(net: Net) -> Any:
    """Return the library. Raises InputError when the program has no codes."""
    if not net.program.layout.protected:
        raise InputError("this program has no error-correcting code", where=net.program.name)
    return net._lib
