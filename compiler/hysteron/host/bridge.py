"""Runs a compiled program on this machine: shared library, cffi, NumPy batches."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import cffi
import numpy as np
import numpy.typing as npt

from hysteron.codegen.emit import emit_sources, render
from hysteron.codegen.views import ModelView, arena_offsets, model_view
from hysteron.errors import InputError, InternalError, UncorrectableError
from hysteron.host.compiler import Cc, build, find_cc
from hysteron.image.buffers import content_bytes, pack_buffer, unpack_buffer
from hysteron.image.layout import check_images, executed
from hysteron.image.program import Program
from hysteron.ir.types import Array, TensorType

Bytes = npt.NDArray[np.uint8]
Samples = Array | Mapping[str, Array]

#: Samples one call into C handles: long enough to hide the call, short enough to share out.
CHUNK: Final = 256

_CDEF: Final = """
extern const uint64_t hyst_host_sizes[];
int hyst_host_init(void *ctx, const uint32_t *const *images);
int hyst_host_check(const uint32_t *const *images);
int hyst_host_batch(void *ctx, const void *in, void *out, uint64_t n, uint64_t *failed);
int hyst_host_trace(void *ctx, const void *in, uint64_t n, uint64_t count, const uint32_t *layer,
                    const uint64_t *offset, const uint64_t *bytes, uint8_t *const *to);
/* only in libraries of programs with codes: */
typedef void (*hyst_host_write)(void *, uint32_t, uint32_t, const void *, uint32_t);
uint64_t hyst_host_tile_bytes(void);
void hyst_host_ecc(const void *ctx, uint32_t *counts);
void hyst_host_scrub(const void *ctx, hyst_host_write write, void *user, uint32_t *counts);
int hyst_host_tiles(void *ctx, const void *in, uint8_t *const *to);
"""
_STATUS: Final = {-2: "NULL pointer", -3: "input holds a NaN", -4: "misaligned", -5: "bad state"}
#: HYST_ERR_UNCORRECTABLE, which ``predict`` gives as the class of every sample.
UNCORRECTABLE: Final = -8
FFI: Final = cffi.FFI()
FFI.cdef(_CDEF)


def host_files(program: Program, view: ModelView | None = None) -> dict[str, bytes]:
    """Return the sources of the shared library: the project and the host shim."""
    view = view or model_view(program)
    files = emit_sources(program, view)
    return files | {"host.c": render("host.c.j2", program, {"m": view})}


class Net:
    """A program's C code in this process, with one set of images.

    Thread-safe; batches are spread over threads, the interpreter lock is free
    while C runs. ``with_images`` shares the library.
    """

    def __init__(
        self,
        program: Program,
        images: Mapping[str, bytes] | None = None,
        *,
        threads: int | None = None,
        _shared: tuple[ModelView, Any] | None = None,
    ) -> None:
        """Compile and load; ``images`` replaces the built-in ones.

        Raises ToolchainError without a working compiler, InputError when an
        image has the wrong length.
        """
        self.program = program
        self.threads = threads or os.cpu_count() or 1
        view, lib = _shared or _load(program)
        self._view, self._lib = view, lib
        given = dict(program.images if images is None else images)
        check_images(program.layout, given)
        # uint64 words: 8-byte aligned copies that live as long as the net.
        self._images = [_aligned(given[region]) for region in program.layout.regions]
        self._free: list[npt.NDArray[np.uint64]] = []
        self._lock = threading.Lock()
        names = [field.name for field in view.inputs]
        names += [name for name, kept in (("scores", view.scores), ("class", view.winner)) if kept]
        self._at = {name: int(lib.hyst_host_sizes[3 + i]) for i, name in enumerate(names)}

    def with_images(self, images: Mapping[str, bytes]) -> Net:
        """Return a net with other images over the same library."""
        shared = (self._view, self._lib)
        return Net(self.program, images, threads=self.threads, _shared=shared)

    def check_image(self) -> bool:
        """Return whether all sections have the checksums that were compiled in."""
        return bool(self._lib.hyst_host_check(self._pointers()) == 0)

    def run(self, x_q: Samples) -> dict[str, Array]:
        """Return ``scores`` (n, *shape) and ``class`` (n,), as far as the program has them.

        ``x_q`` is one array (n, *shape) of deployed values, or a mapping from
        input id. Raises InputError for NaN or values outside the input type.
        """
        samples = self._pack(x_q)
        out = np.zeros((len(samples), int(self._lib.hyst_host_sizes[2])), dtype=np.uint8)
        starts = range(0, len(samples), CHUNK)
        if self.threads == 1 or len(starts) < 2:
            for start in starts:
                self._batch(samples, out, start)
        else:
            with ThreadPoolExecutor(min(self.threads, len(starts))) as pool:
                list(pool.map(lambda start: self._batch(samples, out, start), starts))
        return self._outputs(out)

    def predict(self, x_q: Samples) -> npt.NDArray[np.int64]:
        """Return the class of each sample (n,); -8 where the memory is beyond its code.

        That status, HYST_ERR_UNCORRECTABLE, is the C's own answer under the policy "trap".
        """
        try:
            result = self.run(x_q)
        except UncorrectableError:  # decoding does not depend on the sample
            count = len(next(iter(self._named(x_q).values())))
            return np.full(count, UNCORRECTABLE, dtype=np.int64)
        if "class" not in result:
            raise InputError("this program has no class output", where=self.program.name)
        return result["class"].astype(np.int64)

    def trace(self, x_q: Samples) -> dict[str, Array]:
        """Return every tensor the kernel graph writes, (n, *shape) each, by tensor id."""
        samples = self._pack(x_q)
        graph = self.program.final
        offsets = arena_offsets(self.program)
        written = [
            (layer, tensor)
            for layer, node in enumerate(executed(graph, self.program.plan.steps))
            for tensor in node.outputs
        ]
        sizes = [content_bytes(graph.types[tensor]) for _, tensor in written]
        stored = [np.zeros((len(samples), size), dtype=np.uint8) for size in sizes]
        ctx = self._context()
        status = self._lib.hyst_host_trace(
            FFI.from_buffer(ctx),
            FFI.from_buffer(samples),
            len(samples),
            len(written),
            FFI.new("uint32_t[]", [layer for layer, _ in written]),
            FFI.new("uint64_t[]", [offsets[tensor] for _, tensor in written]),
            FFI.new("uint64_t[]", sizes),
            FFI.new("uint8_t *[]", [FFI.from_buffer("uint8_t[]", one) for one in stored]),
        )
        self._give_back(ctx)
        _check(status, self.program.name)
        tensors = {
            tensor: unpack_buffer(data, graph.types[tensor])
            for (_, tensor), data in zip(written, stored, strict=True)
        }
        return tensors | self._aliases(tensors, x_q)

    def _aliases(self, tensors: Mapping[str, Array], x_q: Samples) -> dict[str, Array]:
        """Return the tensors that are other tensors under another shape."""
        graph = self.program.final
        known = dict(tensors) | self._named(x_q)
        found: dict[str, Array] = {}
        for node in graph.nodes:
            if getattr(node.op, "ALIAS", False):
                shape = graph.types[node.outputs[0]].shape
                source = known[node.inputs[0]]
                found[node.outputs[0]] = source.reshape(len(source), *shape)
                known |= found
        return found

    def _named(self, x_q: Samples) -> dict[str, Array]:
        """Return the samples (n, *shape) by input id."""
        graph = self.program.final
        if not isinstance(x_q, Mapping):
            if len(graph.inputs) != 1:
                raise InputError("this program has several inputs", wanted=", ".join(graph.inputs))
            x_q = {graph.inputs[0]: x_q}
        if missing := [name for name in graph.inputs if name not in x_q]:
            raise InputError(f"no samples for input {missing[0]}", wanted=", ".join(graph.inputs))
        return {name: _shaped(np.asarray(x_q[name]), graph.types[name]) for name in graph.inputs}

    def _pack(self, x_q: Samples) -> Bytes:
        """Return the generated input structs, one row per sample."""
        graph = self.program.final
        arrays = self._named(x_q)
        counts = {len(array) for array in arrays.values()}
        if len(counts) != 1:
            raise InputError("inputs have different numbers of samples", got=str(sorted(counts)))
        width = int(self._lib.hyst_host_sizes[1])
        rows = np.zeros((counts.pop(), width), dtype=np.uint8)
        for number, name in enumerate(graph.inputs):
            packed = pack_buffer(arrays[name], graph.types[name])
            start = self._at[f"in{number}"]
            rows[:, start : start + packed.shape[1]] = packed
        return rows

    def _batch(self, samples: Bytes, out: Bytes, start: int) -> None:
        part, result = samples[start : start + CHUNK], out[start : start + CHUNK]
        ctx, failed = self._context(), FFI.new("uint64_t *")
        status = self._lib.hyst_host_batch(
            FFI.from_buffer(ctx), FFI.from_buffer(part),
            FFI.from_buffer(result, require_writable=True), len(part), failed,
        )  # fmt: skip
        self._give_back(ctx)
        _check(status, f"{self.program.name}, sample {start + failed[0]}")

    def _outputs(self, out: Bytes) -> dict[str, Array]:
        result: dict[str, Array] = {}
        spec = self.program.output
        if spec.scores is not None:
            type_ = self.program.final.types[spec.scores]
            result["scores"] = unpack_buffer(out[:, self._at["scores"] :], type_)
        if spec.winner is not None:
            column = unpack_buffer(out[:, self._at["class"] :], TensorType("i32", (1,)))
            result["class"] = column[:, 0]
        return result

    def _pointers(self) -> Any:
        """Return a C array of the images' addresses."""
        words = [FFI.from_buffer("uint32_t[]", image) for image in self._images]
        return FFI.new("const uint32_t *[]", words)

    def _context(self) -> npt.NDArray[np.uint64]:
        """Return an initialised context that no other thread uses."""
        with self._lock:
            if self._free:
                return self._free.pop()
        size = int(self._lib.hyst_host_sizes[0])
        ctx = np.zeros(-(-size // 8), dtype=np.uint64)
        _check(self._lib.hyst_host_init(FFI.from_buffer(ctx), self._pointers()), self.program.name)
        return ctx

    def _give_back(self, ctx: npt.NDArray[np.uint64]) -> None:
        with self._lock:
            self._free.append(ctx)


def _load(program: Program) -> tuple[ModelView, Any]:
    cc: Cc = find_cc(program.isa)
    view = model_view(program)
    return view, FFI.dlopen(str(build(host_files(program, view), cc, "library")))


def _aligned(data: bytes) -> npt.NDArray[np.uint64]:
    words = np.zeros(max(-(-len(data) // 8), 1), dtype=np.uint64)
    words.view(np.uint8)[: len(data)] = np.frombuffer(data, dtype=np.uint8)
    return words


def _shaped(array: Array, type_: TensorType) -> Array:
    """Return samples as (n, *shape); the same elements in another shape are accepted."""
    if array.ndim == 0 or array.size != len(array) * type_.size:
        wanted = f"(n, {', '.join(map(str, type_.shape))})"
        raise InputError("input has another shape", got=str(array.shape), wanted=wanted)
    return array.reshape(len(array), *type_.shape)


def _check(status: int, where: str) -> None:
    if status == 0:
        return
    text = _STATUS.get(status, f"status {status}")
    if status == UNCORRECTABLE:
        raise UncorrectableError("words that the code cannot correct", where=where)
    if status == -3:
        raise InputError(text, where=where, fix="remove samples that are not numbers")
    raise InternalError(f"generated code failed: {text}", where=where)
