"""A program on an emulated part: built, linked, run and traced sample by sample."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import numpy as np

from hysteron.codegen.emit import emit_sources, render
from hysteron.codegen.views import arena_offsets, model_view
from hysteron.errors import InternalError
from hysteron.image.buffers import content_bytes, pack_buffer, unpack_buffer
from hysteron.image.layout import executed
from hysteron.image.program import Program
from hysteron.ir.types import Array, TensorType
from hysteron.runners.elf import ElfInfo, build_elf
from hysteron.runners.unicorn_runner import EmulatedMcu, Return
from hysteron.targets import Target

_CTX, _SIZES = "hyst_mcu_ctx", "hyst_mcu_sizes"


class McuNet:
    """The generated C of ``program`` on the emulated part ``target``.

    Counts are executed instructions of one inference, exact for the compiler
    named in ``elf``; they are not cycles. Raises ToolchainError when the
    compiler or unicorn is missing and CapacityError when the part is too small.
    """

    def __init__(self, program: Program, target: Target) -> None:
        self.program = program
        self._folder = tempfile.TemporaryDirectory(prefix="hysteron-mcu-")
        self.elf = self._build(target)
        self._note = target.isa.emulator.note if target.isa.emulator else ""
        self._mcu = EmulatedMcu(self.elf.path, target.isa, memory=target.memory)
        self._ctx, _ = self._mcu.symbol(_CTX)
        self._sizes = self._read_sizes()
        self._in = self._mcu.alloc(self._sizes[1])
        self._out = self._mcu.alloc(self._sizes[2])
        self.instructions: list[int] = []
        self.layer_instructions: dict[int, int] = {}
        self.peak_stack = 0
        self._check(self._mcu.call(f"{program.name}_init", self._ctx, 0), "init")

    def __enter__(self) -> McuNet:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._folder.cleanup()

    def _build(self, target: Target) -> ElfInfo:
        folder = Path(self._folder.name)
        files = dict(emit_sources(self.program))
        files["mcu.c"] = render("mcu.c.j2", self.program, {"m": model_view(self.program)})
        sources = []
        for path, content in files.items():
            place = folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
            if path.endswith(".c"):
                sources.append(place)
        entries = (f"{self.program.name}_run", f"{self.program.name}_init", _CTX, _SIZES)
        return build_elf(
            sources, [folder], target.isa, folder / "net.elf", entries, memory=target.memory
        )

    def _read_sizes(self) -> tuple[int, ...]:
        address, _ = self._mcu.symbol(_SIZES)
        output = self.program.output
        count = 3 + len(self.program.final.inputs)
        count += (output.scores is not None) + (output.winner is not None)
        return struct.unpack(f"<{count}I", self._mcu.read(address, 4 * count))

    def _types(self, tensors: tuple[str, ...]) -> list[TensorType]:
        return [self.program.final.types[name] for name in tensors]

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Return {"scores": (n, classes), "class": (n,)} of a batch of q arrays."""
        scores, classes = [], []
        for sample in self._samples(inputs):
            self._infer(sample)
            out = np.frombuffer(self._mcu.read(self._out, self._sizes[2]), dtype=np.uint8)
            scores.append(self._output(out, 0, self.program.output.scores))
            classes.append(self._output(out, 1, self.program.output.winner))
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
        offsets = arena_offsets(self.program)
        found: dict[str, list[Array]] = {}
        aliases = [n for n in self.program.final.nodes if getattr(n.op, "ALIAS", False)]

        def watch(index: int, outputs: tuple[str, ...]) -> None:
            def returned(event: Return) -> None:
                self.layer_instructions[index] = event.instructions
                for tensor in outputs:
                    found.setdefault(tensor, []).append(self._tensor(tensor, offsets[tensor]))

            self._mcu.on_return(f"{self.program.name}_layer_{index}", returned)

        for index, node in enumerate(executed(self.program.final, self.program.plan.steps)):
            watch(index, node.outputs)
        self.run(inputs)
        traced = {name: np.concatenate(parts) for name, parts in found.items()}
        for node in aliases:
            source = traced.get(node.inputs[0], inputs.get(node.inputs[0]))
            if source is None:
                raise InternalError("a reshape of an unknown tensor", where=node.inputs[0])
            shape = self.program.final.types[node.outputs[0]].shape
            traced[node.outputs[0]] = np.asarray(source).reshape(-1, *shape)
        return traced

    def _tensor(self, tensor: str, offset: int) -> Array:
        kind = self.program.final.types[tensor]
        data = self._mcu.read(self._ctx + offset, content_bytes(kind))
        return unpack_buffer(np.frombuffer(data, dtype=np.uint8)[None, :], kind)

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

    def _infer(self, sample: bytes) -> None:
        self._mcu.write(self._in, sample)
        status = self._mcu.call(f"{self.program.name}_run", self._ctx, self._in, self._out)
        self._check(status, "run")
        self.instructions.append(self._mcu.instructions)
        self.peak_stack = max(self.peak_stack, self._mcu.peak_stack)

    def _check(self, status: int, what: str) -> None:
        if status != 0:
            raise InternalError(f"the generated {what} returned {status}", where=self.program.name)

    def counts(self) -> dict[str, int | str]:
        """Return instructions per inference (the most), stack, flash, RAM and what made them."""
        return {
            "instructions_per_inference": max(self.instructions, default=0),
            "instructions_min": min(self.instructions, default=0),
            "stack_bytes": self.peak_stack,
            "flash_bytes": self.elf.flash_bytes,
            "ram_bytes": self.elf.ram_bytes,
            "compiler": self.elf.version,
            "flags": " ".join(self.elf.flags),
            "emulator": self._mcu.version,
            **({"note": self._note} if self._note else {}),
        }
