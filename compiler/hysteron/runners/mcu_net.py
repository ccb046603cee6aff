"""A program on an emulated part: built, linked, run and traced sample by sample."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

from hysteron.codegen.emit import emit_sources, render
from hysteron.codegen.views import model_view
from hysteron.errors import CapacityError
from hysteron.image.layout import check_images
from hysteron.image.program import Program
from hysteron.ir.types import Array
from hysteron.runners.elf import (
    ElfInfo,
    build_elf,
    compile_objects,
    read_symbols,
    symbol_bytes,
    write_symbol,
)
from hysteron.runners.emulators import choose_emulator
from hysteron.runners.fit import check_fits, with_largest
from hysteron.runners.inference import Inference, Runner
from hysteron.runners.link import placing
from hysteron.runners.net_stack import NetStack, api_functions, net_stack
from hysteron.runners.part_net import PartNet
from hysteron.runners.qemu_part import QemuPart
from hysteron.runners.simavr_part import SimavrPart
from hysteron.runners.unicorn_part import UnicornPart
from hysteron.targets import Emulator, Target

_CTX, _SIZES = "hyst_mcu_ctx", "hyst_mcu_sizes"

#: What painting may report too much (boot.c: MARGIN; the bytes next to the caller stay unpainted).
PAINT_MARGIN = 32


class McuNet(PartNet):
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
        self._ram_bytes = None
        if target.memory is not None:
            check_fits(program, target.memory)
            self._ram_bytes = target.memory.ram_bytes
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
            sizes = self._read_sizes()
            super().__init__(program, self._open(target, sizes), sizes)
        except BaseException:
            self._folder.cleanup()
            raise

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
        try:
            built = build_elf(
                sources, [folder], target.isa, folder / name, kept,
                memory=target.memory, boot=boot, defines=defines,
            )  # fmt: skip
        except CapacityError as error:
            raise with_largest(error, self.program) from error
        for region, data in self._images.items():
            symbol = read_symbols(built.path)[f"{self.program.name}_image_{region}"]
            write_symbol(built.path, symbol, data)
        return built

    def _open(self, target: Target, sizes: Sequence[int]) -> Runner:
        name = self.program.name
        if self.emulator.kind == "unicorn":
            return UnicornPart(self.elf.path, target, name, sizes)
        firmware = Path(self._folder.name) / "firmware.c"
        firmware.write_bytes(render("firmware.c.j2", self.program, {"m": model_view(self.program)}))
        image = self._link(target, [*self._objects, firmware], "image.elf", self.emulator)
        if self.emulator.kind == "qemu":
            return QemuPart(image.path, self.emulator, name, sizes)
        cpu = target.mcu.emulator_cpu if target.mcu else ""
        return SimavrPart(image.path, self.emulator, name, sizes, cpu=cpu)

    def _read_sizes(self) -> tuple[int, ...]:
        """Return what mcu.c says of its structs, then the arena's length."""
        path = self.elf.path
        data = symbol_bytes(path, read_symbols(path)[_SIZES])
        arena = 8 * model_view(self.program).arena_words
        return (*struct.unpack(f"<{len(data) // 4}I", data), arena)

    def _infer(
        self, inputs: Mapping[str, Array], watch: Sequence[Sequence[tuple[int, int]]]
    ) -> list[Inference]:
        done = super()._infer(inputs, watch)
        data, stack = self.elf.ram_bytes, self.peak_stack
        # A board that runs the image may have more RAM than the part it stands for.
        if self._ram_bytes is not None and data + stack > self._ram_bytes:
            raise CapacityError(
                "data and stack together do not fit into the RAM", where=self.program.target,
                got=f"{data:,} + {stack:,} bytes", wanted=f"at most {self._ram_bytes:,}",
                fix="choose a part with more RAM or a smaller model",
            )  # fmt: skip
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
        own = "RAM" if memory and emulator.ram_at(memory) else "nothing"
        notes.append(
            f"sized at the part's own addresses; executed at those of {board}, {own} at its own"
        )
    return "; ".join(note for note in notes if note)
