"""Classes of a chip from what its wrong cells change: exact, and faster than the whole net.

For chains of dense layers (``incremental_chain``); docs/incremental.md has the
identities, their widths and the cost model. The C is in ``runtime_c/emulation``.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hysteron.campaign.incremental_chain import BLOCK, Chain, Hidden, chain_of, read_cells
from hysteron.campaign.incremental_native import FFI, Struct, library, params, zeros
from hysteron.chips.draw import Faults, apply
from hysteron.errors import InputError, InternalError
from hysteron.image.buffers import content_bytes, pack_buffer
from hysteron.image.layout import Section
from hysteron.image.program import Program
from hysteron.ir.types import Array
from hysteron.ops.kernel._base import DTYPE_CODES

Classes = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

#: Clean results above this many bytes are not kept: the plain evaluator answers instead.
MOST_BYTES: Final = 4 << 30


def kept_bytes(chain: Chain, samples: int) -> int:
    """Return the bytes of clean results at most (first-layer sums may take half)."""
    padded = -(-samples // BLOCK) * BLOCK
    first = chain.hidden[0]
    width = 2 if first.dtype == "i16" else 1
    total = 4 * first.n + 2 + (first.k * width if first.weights else 0) + first.n // 4
    for layer in chain.hidden[1:]:
        total += (layer.op.flips + 2) * _padded(layer.n) + layer.n // 4
    return padded * total


def supports(program: Program, samples: int = 1) -> bool:
    """Return whether ``IncrementalEvaluator`` can answer for a program and so many samples."""
    chain = chain_of(program)
    return chain is not None and samples > 0 and kept_bytes(chain, samples) <= MOST_BYTES


class IncrementalEvaluator:
    """Answers for one program and its samples; clean results are shared by all threads."""

    def __init__(self, program: Program, inputs: Mapping[str, Array]) -> None:
        """Compute the clean results.

        Raises InternalError for programs it does not support, InputError for samples
        that do not fit, ToolchainError without a C compiler.
        """
        chain = chain_of(program)
        if chain is None:
            raise InternalError("not a chain of dense layers", where=program.name)
        self._program, self._chain = program, chain
        self._lib = library(program.isa)
        self._rows = _packed(program, chain, inputs)
        self._samples = len(self._rows)
        self._clean = [layer.read_steps(program.images) for layer in chain.hidden]
        self._images = {name: _aligned(data) for name, data in program.images.items()}
        self._layers = [
            _layer(*pair, program) for pair in zip(chain.hidden, self._clean, strict=True)
        ]
        self._struct = self._chain_struct()
        self._free: list[Bytes] = []
        self._lock = threading.Lock()
        self._prepare()
        clean = self.classes({})
        self._struct.set("clean", clean.astype(np.int32))

    def classes(self, wrong: Faults) -> Classes:
        """Return the class of every sample (n,) on a chip with these wrong cells."""
        return self._run(wrong, None)

    def sums(self, wrong: Faults) -> npt.NDArray[np.int32]:
        """Return the last layer's sums of every sample (n, sums): what the head reads."""
        result = np.empty((self._samples, self._chain.scores), dtype=np.int32)
        self._run(wrong, result)
        return result

    def _run(self, wrong: Faults, sums: npt.NDArray[np.int32] | None) -> Classes:
        images = self._images
        if wrong:
            corrupted = apply(self._program.layout, self._program.images, wrong)
            images = {name: _aligned(data) for name, data in corrupted.items()}
        faults = FFI.new("hyst_chain_faults[]", len(self._layers))
        kept = [
            self._faults(faults[number], number, wrong, images)
            for number in range(len(self._layers))
        ]
        chain = self._chain
        trial = Struct("hyst_chain_trial", w_bytes=_at(chain.last_weights, images))
        trial.pointer.layer = faults
        if sums is not None:
            trial.set("sums", sums)
        names = ("m_bytes", "d_bytes", "breaks_bytes")
        read = (chain.last_weights, *chain.head_sections)
        trial.set("same_head", int(not any(section.name in wrong for section in read)))
        for name, section in zip(names, chain.head_sections, strict=False):
            trial.set(name, _at(section, images))
        result = np.empty(self._samples, dtype=np.int32)
        scratch = self._scratch()
        out = FFI.from_buffer("int32_t[]", result, require_writable=True)
        self._lib.hyst_chain_classes(
            self._struct.pointer, trial.pointer, FFI.from_buffer(scratch), out
        )
        with self._lock:
            self._free.append(scratch)
        del kept
        return result.astype(np.int64)

    def _faults(
        self, target: Any, number: int, wrong: Faults, images: Mapping[str, Bytes]
    ) -> list[Any]:
        """Fill one hyst_chain_faults; return what its pointers keep alive."""
        layer = self._chain.hidden[number]
        t, inv = self._clean[number]
        if layer.thresholds.name in wrong or layer.inverts.name in wrong:
            t, inv = layer.read_steps({name: data.tobytes() for name, data in images.items()})
        cells = np.empty(0, dtype=np.int64)
        kept = [t, inv]
        if layer.weights is not None:
            cells = _wrong_bits(wrong, layer.weights)
            kept.append(_at(layer.weights, images))
            target.w_bytes = FFI.from_buffer(kept[-1])
        parts = (_at(layer.thresholds, images), _at(layer.inverts, images))
        room = np.empty(max(cells.size, 1), dtype=np.uint32)
        target.t_bytes, target.inv_bytes = (FFI.from_buffer(part) for part in parts)
        target.cell, target.count = FFI.from_buffer("int64_t[]", cells), cells.size
        target.list = FFI.from_buffer("uint32_t[]", room)
        target.t, target.inv = FFI.from_buffer("int32_t[]", t), FFI.from_buffer("uint8_t[]", inv)
        return [*kept, *parts, cells, room]

    def _scratch(self) -> Bytes:
        """Return a scratch that no other thread uses."""
        with self._lock:
            if self._free:
                return self._free.pop()
        scratch = self._new_scratch()
        self._lib.hyst_chain_begin(self._struct.pointer, FFI.from_buffer(scratch))
        return scratch

    def _new_scratch(self) -> Bytes:
        size = int(self._lib.hyst_chain_scratch(self._struct.pointer))
        scratch: Bytes = zeros((size,), np.uint8)
        return scratch

    def _chain_struct(self) -> Struct:
        chain = self._chain
        head = {} if chain.head is None else {
            "head_params": params(chain.head.params(*chain.head_types))
        }  # fmt: skip
        self._array = FFI.new("hyst_chain_layer[]", [layer.pointer[0] for layer in self._layers])
        struct = Struct(
            "hyst_chain", samples=self._samples, layers=len(self._layers),
            sums_params=params(chain.last.params(*chain.last_types)),
            argmax_params=params(chain.winner), scores=chain.scores, classes=chain.classes,
            kernel_scratch=chain.kernel_scratch(), **head,
        )  # fmt: skip
        struct.pointer.layer = self._array
        return struct

    def _prepare(self) -> None:
        """Compute what is kept: ranges first, which decide the width of the sums."""
        blocks = -(-self._samples // BLOCK)
        first, layer = self._chain.hidden[0], self._layers[0]
        scratch = FFI.from_buffer(self._new_scratch())
        rows, width = FFI.from_buffer(self._rows), self._rows.shape[1]
        parts = [
            FFI.NULL if one.weights is None else FFI.from_buffer(_at(one.weights, self._images))
            for one in self._chain.hidden
        ]
        low, high = np.zeros(first.n, np.int32), np.zeros(first.n, np.int32)
        for name, array in (("low", low), ("high", high), ("peak", np.zeros(first.k, np.uint32))):
            layer.set(name, array)
        self._array[0] = layer.pointer[0]
        self._lib.hyst_chain_range(self._struct.pointer, rows, width, parts[0], scratch)
        spread = int((high.astype(np.int64) - low).max())
        wide = spread > 60000  # leaves room for steps; wider ones are followed in 32 bits
        centre = np.zeros(first.n, np.int32) if wide else ((low.astype(np.int64) + high) // 2)
        layer.set("centre", centre.astype(np.int32))
        layer.set("wide", int(wide))
        layer.set("odd", zeros((blocks * BLOCK,), np.int16))
        layer.set("sums", zeros((blocks, first.n, BLOCK), np.int32 if wide else np.int16))
        if first.weights is not None:
            kind = np.int16 if first.dtype == "i16" else np.int8
            layer.set("x", zeros((blocks, first.k, BLOCK), kind))
        for one, struct in zip(self._chain.hidden, self._layers, strict=True):
            _set_results(one, struct, blocks, first is one)
        for number, struct in enumerate(self._layers):
            self._array[number] = struct.pointer[0]
        self._lib.hyst_chain_prepare(self._struct.pointer, rows, width, parts, scratch)
        self._rows = self._rows[:0]


def _set_results(layer: Hidden, struct: Struct, blocks: int, first: bool) -> None:
    """Allocate a layer's clean results, zeroed; margins of padding never reach 0."""
    words = _padded(layer.n) // 64
    struct.set("by_output", zeros((blocks, layer.n, BLOCK // 64), np.uint64))
    struct.set("by_sample", zeros((blocks * BLOCK, words), np.uint64))
    if not first:
        flips = layer.op.flips
        struct.set("sums", zeros((blocks * BLOCK, _padded(layer.n)), np.int16))
        margin = zeros((blocks * BLOCK, flips, _padded(layer.n)), np.int8)
        margin.fill(-128)
        struct.set("margin", margin)


def _layer(layer: Hidden, steps: tuple[Any, Any], program: Program) -> Struct:
    cells = b"" if layer.weights is None else read_cells(layer.weights, dict(program.images))
    return Struct(
        "hyst_chain_layer", k=layer.k, n=layer.n, padded=_padded(layer.n), flips=layer.op.flips,
        dense=int(layer.weights is not None), x_type=DTYPE_CODES[layer.dtype],
        sums_params=params(layer.sums_params()), bits_params=params(layer.bits_params()),
        weights=np.frombuffer(cells + b"\0", dtype=np.uint8), t=steps[0], inv=steps[1],
    )  # fmt: skip


def _padded(count: int) -> int:
    return -(-count // 64) * 64


def _wrong_bits(wrong: Faults, section: Section) -> npt.NDArray[np.int64]:
    """Return the wrong cells of a weight section, ascending."""
    found = wrong.get(section.name)
    if found is None:
        return np.empty(0, dtype=np.int64)
    cells = found.cell if found.planes.all() else found.cell[found.planes & 1 > 0]
    if cells.size > 1 and not (np.diff(cells) > 0).all():
        raise InternalError("wrong cells are not in ascending order", where=section.name)
    return np.ascontiguousarray(cells, dtype=np.int64)


def _at(section: Section, images: Mapping[str, Bytes]) -> Bytes:
    """Return a section's bytes, with 8 more to point at where it is empty."""
    return images[section.region][section.offset : section.offset + section.nbytes + 8]


def _aligned(data: bytes) -> Bytes:
    copy = zeros((len(data) + 8,), np.uint8)
    copy[: len(data)] = np.frombuffer(data, dtype=np.uint8)
    return copy


def _packed(program: Program, chain: Chain, inputs: Mapping[str, Array]) -> Bytes:
    """Return one packed sample per row, rows padded to 8 bytes."""
    type_ = program.final.types[chain.source]
    if chain.source not in inputs:
        raise InputError(f"no samples for input {chain.source}", wanted=chain.source)
    batch = np.asarray(inputs[chain.source])
    if batch.ndim == 0 or batch.size != len(batch) * type_.size:
        raise InputError("input has another shape", got=str(batch.shape), wanted=str(type_.shape))
    packed = pack_buffer(batch.reshape(len(batch), *type_.shape), type_)
    rows = zeros((len(batch), -(-content_bytes(type_) // 8) * 8), np.uint8)
    rows[:, : packed.shape[1]] = packed
    return rows
