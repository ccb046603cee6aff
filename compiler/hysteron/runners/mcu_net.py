"""A program on an emulated part: built, linked, run and traced sample by sample."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from hysteron.codegen.emit import emit_sources, render
from hysteron.codegen.views import arena_offsets, model_view
from hysteron.errors import InternalError
from hysteron.image.buffers import content_bytes, pack_buffer, unpack_buffer
from hysteron.image.layout import check_images, executed
from hysteron.image.program import Program
from hysteron.ir.types import Array, TensorType
from hysteron.runners.elf import (
    ElfInfo,
    build_elf,
    compile_objects,
    read_symbols,
    symbol_bytes,
    write_symbol,
)
from hysteron.runners.emulators import choose_emulator
from hysteron.runners.fit import check_fits
from hysteron.runners.inference import Inference, Runner
from hysteron.runners.link import placing
from hysteron.runners.net_stack import NetStack, api_functions, net_stack
from hysteron.runners.qemu_part import QemuPart
from hysteron.runners.simavr_part import SimavrPart
from hysteron.runners.unicorn_part import UnicornPart
from hysteron.targets import Emulator, Target

_CTX, _SIZES = "hyst_mcu_ctx", "hyst_mcu_sizes"

#: What painting may report too much (boot.c: MARGIN; the bytes next to the caller stay unpainted).
PAINT_MARGIN = 32


class McuNet:
    """The generated C of ``program`` on the emulated part ``target``.

    Counts are executed instructions of one inference, exact for the compiler
    named in ``elf``; they are not cycles. ``elf`` is the program alone at the
    part's own addresses, which is what sizes speak of; ``images`` replace the
    built-in ones in its flash (a chip with wrong bits); ``emulator`` picks one kind
    (default: the first that is installed). Raises ToolchainError when the
    compiler or the emulator is missing and CapacityError when the part is too
    small.
    """

    def __init__(
        self,
        program: Program,
        target: Target,
        emulator: str | None = None,
        images: Mapping[str, bytes] | None = None,
    ) -> None:
        if target.memory is not None:
            check_fits(program, target.memory)
        self.program = program
        self._target = target
        self._images = {} if images is None else dict(images)
        if images is not None:
            check_images(program.layout, images)
        self.emulator = choose_emulator(target.isa, emulator)
        self._note = _note(target, self.emulator)
        self._folder = tempfile.TemporaryDirectory(prefix="hysteron-mcu-")
        try:
            folder = Path(self._folder.name)
            self._objects = compile_objects(
                self._write_sources(),
                [folder],
                target.isa,
                folder,
                defines=placing(target.mcu, program.layout.regions),
            )
            self.elf = self._link(target, self._objects, "net.elf")
            self._sizes = self._read_sizes()
            self._part = self._open(target)
        except BaseException:
            self._folder.cleanup()
            raise
        self.instructions: list[int] = []
        self.layer_instructions: dict[int, int] = {}
        self.peak_stack = 0
        self._most: dict[str, int] = {}

    def __enter__(self) -> McuNet:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._folder.cleanup()

    def _write_sources(self) -> list[Path]:
        files = dict(emit_sources(self.program))
        view = {"m": model_view(self.program)}
        files["mcu.c"] = render("mcu.c.j2", self.program, view)
        sources = []
        for path, content in files.items():
            place = Path(self._folder.name) / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
            if path.endswith(".c"):
                sources.append(place)
        return sources

    @cached_property
    def stack(self) -> NetStack:
        """Proven bounds of the stack below the caller of each of the program's functions.

        Taken from a file of its own, which holds them all: the others hold what runs.
        """
        view = model_view(self.program)
        entries = api_functions(view)
        built = self._link(self._target, self._objects, "stack.elf", entries=entries)
        return net_stack(built.path, view)

    def _link(
        self,
        target: Target,
        sources: Sequence[Path],
        name: str,
        boot: Emulator | None = None,
        entries: Sequence[str] = ("run", "init"),
    ) -> ElfInfo:
        kept = [f"{self.program.name}_{what}" for what in entries] + [_CTX, _SIZES]
        folder = Path(self._folder.name)
        defines = placing(target.mcu, self.program.layout.regions)
        built = build_elf(
            sources, [folder], target.isa, folder / name, kept,
            memory=target.memory, boot=boot, defines=defines,
        )  # fmt: skip
        for region, data in self._images.items():
            symbol = read_symbols(built.path)[f"{self.program.name}_image_{region}"]
            write_symbol(built.path, symbol, data)
        return built

    def _open(self, target: Target) -> Runner:
        name = self.program.name
        if self.emulator.kind == "unicorn":
            return UnicornPart(self.elf.path, target, name, self._sizes)
        firmware = Path(self._folder.name) / "firmware.c"
        firmware.write_bytes(render("firmware.c.j2", self.program, {"m": model_view(self.program)}))
        image = self._link(target, [*self._objects, firmware], "image.elf", self.emulator)
        if self.emulator.kind == "qemu":
            return QemuPart(image.path, self.emulator, name, self._sizes)
        cpu = target.mcu.emulator_cpu if target.mcu else ""
        return SimavrPart(image.path, self.emulator, name, self._sizes, cpu=cpu)

    def _read_sizes(self) -> tuple[int, ...]:
        """Return what mcu.c says of its structs, then the arena's length."""
        path = self.elf.path
        data = symbol_bytes(path, read_symbols(path)[_SIZES])
        arena = 8 * model_view(self.program).arena_words
        return (*struct.unpack(f"<{len(data) // 4}I", data), arena)

    def _types(self, tensors: tuple[str, ...]) -> list[TensorType]:
        return [self.program.final.types[name] for name in tensors]

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Return {"scores": (n, classes), "class": (n,)} of a batch of q arrays."""
        return self._answers(self._infer(inputs, ()))

    def _answers(self, done: Sequence[Inference]) -> dict[str, Array]:
        outputs = [np.frombuffer(one.output, dtype=np.uint8) for one in done]
        scores = [self._output(out, 0, self.program.output.scores) for out in outputs]
        classes = [self._output(out, 1, self.program.output.winner) for out in outputs]
        return {"scores": np.concatenate(scores), "class": np.concatenate(classes).reshape(-1)}

    def _output(self, out: Array, position: int, tensor: str | None) -> Array:
        if tensor is None:
            return np.zeros((1, 0), dtype=np.int32)
        kind = self.program.final.types[tensor]
        at = self._sizes[3 + len(self.program.final.inputs) + position]
        data = np.asarray(out[at : at + content_bytes(kind)], dtype=np.uint8)
        return unpack_buffer(data[None, :], kind)

    def trace(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Return every tensor of every layer, read when its function returned."""
        graph = self.program.final
        offsets = arena_offsets(self.program)
        layers = [node.outputs for node in executed(graph, self.program.plan.steps)]
        watch = [[(offsets[t], content_bytes(graph.types[t])) for t in outs] for outs in layers]
        found: dict[str, list[Array]] = {tensor: [] for outs in layers for tensor in outs}
        for one in self._infer(inputs, watch):
            for outs, tensors in zip(layers, one.layers, strict=True):
                for tensor, data in zip(outs, tensors, strict=True):
                    row = np.frombuffer(data, dtype=np.uint8)[None, :]
                    found[tensor].append(unpack_buffer(row, graph.types[tensor]))
        traced = {name: np.concatenate(parts) for name, parts in found.items()}
        for node in (n for n in graph.nodes if getattr(n.op, "ALIAS", False)):
            source = traced.get(node.inputs[0], inputs.get(node.inputs[0]))
            if source is None:
                raise InternalError("a reshape of an unknown tensor", where=node.inputs[0])
            shape = graph.types[node.outputs[0]].shape
            traced[node.outputs[0]] = np.asarray(source).reshape(-1, *shape)
        return traced

    def _samples(self, inputs: Mapping[str, Array]) -> list[bytes]:
        graph = self.program.final
        count = next(iter(inputs.values())).shape[0]
        packed = [pack_buffer(inputs[name], graph.types[name]) for name in graph.inputs]
        rows = []
        for n in range(count):
            image = bytearray(self._sizes[1])
            for position, data in enumerate(packed):
                at = self._sizes[3 + position]
                image[at : at + data.shape[1]] = data[n].tobytes()
            rows.append(bytes(image))
        return rows

    def _infer(
        self, inputs: Mapping[str, Array], watch: Sequence[Sequence[tuple[int, int]]]
    ) -> list[Inference]:
        done = self._part.infer(self._samples(inputs), watch)
        for one in done:
            if one.status != 0:
                raise InternalError(
                    f"the generated run returned {one.status}", where=self.program.name
                )
            if one.instructions is not None:
                self.instructions.append(one.instructions)
            self.peak_stack = max(self.peak_stack, one.stack_bytes)
            if one.instructions == max(self.instructions, default=None):
                self.layer_instructions = dict(enumerate(one.layer_instructions))
            for name, value in one.counts.items():
                self._most[name] = max(self._most.get(name, 0), value)
        return done

    def counts(self) -> dict[str, Any]:
        """Return instructions per inference (the most), stack, flash, RAM and what made them."""
        return {
            "instructions_per_inference": max(self.instructions, default=None),
            "instructions_min": min(self.instructions, default=None),
            "instructions_per_layer": list(self.layer_instructions.values()),
            **self._most,
            "stack_bytes": self.peak_stack,
            "stack_bound_bytes": self.stack.deepest.nbytes,
            "stack": self.stack.as_dict(),
            "flash_bytes": self.elf.flash_bytes,
            "ram_bytes": self.elf.ram_bytes,
            "compiler": self.elf.version,
            "flags": " ".join(self.elf.flags),
            "emulator": self._part.version,
            **({"note": self._note} if self._note else {}),
        }


def _note(target: Target, emulator: Emulator) -> str:
    """Return what a reader of the counts must know."""
    notes = [emulator.note]
    if target.mcu is not None and emulator.kind == "qemu":
        board, memory = " ".join(emulator.command[1:]), target.memory
        own = "RAM" if memory and emulator.has_ram(memory) else "nothing"
        notes.append(
            f"sized at the part's own addresses; executed at those of {board}, {own} at its own"
        )
    return "; ".join(note for note in notes if note)
