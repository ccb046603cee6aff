"""A program as an image that boots in simavr, with files by a port of three registers.

The emulator is a library: a small program (``runtime_c/emulators``) is built around it here with
the host's C compiler. Cycles are those of simavr's model of the part.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from elftools.elf.elffile import ELFFile

from hysteron.errors import ToolchainError
from hysteron.runners.booted_part import BUDGET, SECONDS, BootedPart, build_tool
from hysteron.runners.link import AVR_DATA
from hysteron.targets import Emulator


class SimavrPart(BootedPart):
    """The program ``name`` in the bootable image ``elf``; see ``BootedPart``.

    ``cpu`` is the part as simavr spells it. Raises ToolchainError when the
    emulator cannot be built.
    """

    COUNTS: ClassVar[tuple[str, str]] = ("cycles", "lowest_stack_bytes")

    def __init__(
        self,
        elf: Path,
        emulator: Emulator,
        name: str,
        sizes: Sequence[int],
        *,
        cpu: str = "",
        budget: int = BUDGET,
        seconds: float = SECONDS,
    ) -> None:
        super().__init__(elf, name, sizes, budget, seconds)
        self._cpu = cpu or emulator.cpu
        self.version = f"simavr, {self._cpu}"
        self._program, self._flash = elf.parent / "simavr_run", elf.with_suffix(".flash")
        # The library's own needs (libelf) are met where it is installed; its package forgets them.
        link = ("-lsimavr", "-Wl,--allow-shlib-undefined")
        if reason := build_tool("simavr_run.c", self._program, *link):
            raise ToolchainError("cannot build the emulator", got=reason, fix=emulator.install)
        self._flash.write_bytes(flash_image(elf))

    def _watch_file(self) -> str:
        limit = self._symbols["hyst_stack_limit"].address & 0xFFFF
        return f"{super()._watch_file()}stack {limit:#x}\n"

    def _command(self, folder: Path, budget: int) -> list[str]:
        files = (self._flash, folder / "watch", folder / "counts")
        return [str(self._program), self._cpu, *(str(file) for file in files), str(budget)]


def flash_image(elf: Path) -> bytes:
    """Return the flash from address 0: code, images, and the initial values of data."""
    image = bytearray()
    with elf.open("rb") as stream:
        for segment in ELFFile(stream).iter_segments("PT_LOAD"):
            at, data = segment["p_paddr"], segment.data()
            if at >= AVR_DATA or not data:
                continue
            image.extend(b"\xff" * max(0, at + len(data) - len(image)))
            image[at : at + len(data)] = data
    return bytes(image)
