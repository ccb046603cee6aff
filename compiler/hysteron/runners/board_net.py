"""A program on a board: recognised, fed and read over a serial line."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import Any, Final

from hysteron.codegen.serial_files import model_sha, program_id
from hysteron.codegen.views import model_view
from hysteron.errors import BoardError
from hysteron.image.buffers import content_bytes
from hysteron.image.layout import check_images
from hysteron.image.program import Program
from hysteron.runners.part_net import PartNet
from hysteron.runners.serial_part import Facts, SerialPart

_FIX: Final = "flash the firmware that 'hysteron compile --serial' wrote for this model and options"

Sizes = Callable[[], Mapping[str, Any]]


class BoardNet(PartNet):
    """``program`` on the board ``part``, which must run just that.

    ``images`` are those it is expected to hold instead of the built-in ones (a
    chip with wrong bits, flashed by other means). ``sizes`` finds flash, RAM and
    stack, which no board tells. Raises BoardError when the firmware is another.
    """

    def __init__(
        self,
        program: Program,
        part: SerialPart,
        images: Mapping[str, bytes] | None = None,
        sizes: Sizes = dict,
    ) -> None:
        if images is not None:
            check_images(program.layout, images)
        _check(program, part, program.images if images is None else images)
        super().__init__(program, part, part.facts.sizes)
        self._board, self._find_sizes = part, sizes

    def counts(self) -> dict[str, Any]:
        """Return cycles where the board counts them, and sizes where they can be found here."""
        facts, sizes = self._board.facts, self._find_sizes()
        notes = ["cycles measured on the board"] if facts.has_cycles else []
        if sizes:
            notes.append("flash, RAM and stack bound are those of a link and an emulated run here")
        return {
            "instructions_per_inference": None,
            **self._most,
            "stack_bytes": None,
            "flash_bytes": None,
            "ram_bytes": None,
            **sizes,
            "board": self._board.version,
            **({"note": "; ".join(notes)} if notes else {}),
        }


def _check(program: Program, part: SerialPart, images: Mapping[str, bytes]) -> None:
    """Raise BoardError unless the firmware is this program with these images."""
    facts = part.facts

    def refuse(what: str, got: object, wanted: object) -> None:
        if got != wanted:
            raise BoardError(what, where=part.where, got=_spelled(got, facts.name),
                             wanted=_spelled(wanted, program.name), fix=_FIX)  # fmt: skip

    view = model_view(program)
    refuse("the board runs another model", facts.model_sha, model_sha(program))
    refuse("the board runs this model compiled otherwise", facts.program_id, program_id(view))
    sizes = f"{len(view.layers)} layers, arena of {8 * view.arena_words} B"
    refuse("the firmware is damaged", f"{facts.layers} layers, arena of {facts.sizes[-1]} B", sizes)
    refuse("the firmware is damaged", _structs_fit(program, facts), True)
    crc = 0
    for region in program.layout.regions:
        crc = zlib.crc32(images[region], crc)
    refuse("the image in the board's memory is another", facts.image_crc, crc)


def _structs_fit(program: Program, facts: Facts) -> bool:
    """Return whether the fields lie inside the structs, and these hold little else."""
    graph, out = program.final, (program.output.scores, program.output.winner)
    given, answer, *offsets = facts.sizes[1:-1]
    fields = [(given, content_bytes(graph.types[name])) for name in graph.inputs]
    fields += [(answer, content_bytes(graph.types[name])) for name in out if name is not None]
    slack = 8 * len(fields) + 8
    return (
        len(offsets) == len(fields)
        and all(at + n <= size for at, (size, n) in zip(offsets, fields, strict=True))
        and given + answer <= sum(n for _, n in fields) + slack
    )


def _spelled(value: object, name: str) -> str:
    if isinstance(value, bytes):
        return f"{name} {value.hex()}"
    if isinstance(value, bool):
        return "" if value else "fields outside of the structs"
    return f"CRC-32 {value:#010x}" if isinstance(value, int) else str(value)
