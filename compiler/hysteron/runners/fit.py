"""What a program needs at the least, known before any compiler runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hysteron.codegen.views import model_view
from hysteron.errors import CapacityError
from hysteron.image.program import Program
from hysteron.targets import MemoryMap

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes of one memory (``flash`` or ``ram``) and what they are for, largest first."""

    memory: str
    nbytes: int
    largest: tuple[tuple[str, int], ...]

    def text(self) -> str:
        """Return the largest parts as a phrase."""
        return ", ".join(f"{name} {size:,} B" for name, size in self.largest)


def largest(parts: Iterable[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    """Return the largest parts, empty ones left out; equal ones by name."""
    return tuple(sorted((p for p in parts if p[1] > 0), key=lambda p: (-p[1], p[0]))[:_SHOWN])


def least_needs(program: Program) -> tuple[Need, Need]:
    """Return lower bounds of flash (images) and RAM (the context, without input and output)."""
    view = model_view(program)
    sections = [(f"section {s.name}", s.nbytes) for s in program.layout.sections]
    images = sum(len(data) for data in program.images.values())
    ram = [
        ("activations", 8 * view.arena_words),
        ("scratch", 8 * view.scratch_words),
        ("sums of weights", 8 * view.sums_words),
        ("decoded constants of one layer", 8 * view.ecc.tile_words if view.ecc else 0),
    ]
    total = sum(size for _, size in ram)
    return Need("flash", images, largest(sections)), Need("ram", total, largest(ram))


def with_largest(error: CapacityError, program: Program) -> CapacityError:
    """Return what the linker found out, with the program's target and its largest sections."""
    flash, _ = least_needs(program)
    return CapacityError(
        error.what, where=program.target, got=error.got, wanted=error.wanted,
        fix=f"{error.fix}; largest: {flash.text()}",
    )  # fmt: skip


def check_fits(program: Program, memory: MemoryMap) -> None:
    """Raise CapacityError when a part's memory is smaller than the least need."""
    for need, have in zip(
        least_needs(program), (memory.flash_bytes, memory.ram_bytes), strict=True
    ):
        if need.nbytes > have:
            raise CapacityError(
                f"the model does not fit into the {need.memory}, even without its code",
                where=program.target,
                got=f"{need.nbytes:,} bytes",
                wanted=f"at most {have:,}",
                fix=f"largest: {need.text()}",
            )
