"""What a firmware that answers over a serial line consists of, and how a host recognises it."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from typing import Any, Final

from hysteron._assets import asset_dir
from hysteron.codegen.views import ModelView, model_view
from hysteron.image.program import Program

#: Bytes of each text among the facts, zeros behind it.
TARGET_BYTES: Final = 32
NAME_BYTES: Final = 40
ID_BYTES: Final = 16
SHA_BYTES: Final = 8

#: Template of each file, by its path with {name} for the program's.
TEMPLATES: Final = {
    "{name}_serial.h": "serial.h.j2",
    "{name}_serial.c": "serial.c.j2",
    "board/main.c": "serial_main.c.j2",
}


def program_id(view: ModelView) -> bytes:
    """Return what two programs share when one may stand for the other, whatever their names.

    Layout of the image, layers with parameters and buffers, input and output;
    not what the image holds.
    """
    layers = [(x.op, x.params, _plain(x.arguments, view), x.result) for x in view.layers]
    structs = (view.inputs, view.scores, view.winner, view.arena_words, view.layout_id)
    return hashlib.sha256(repr((layers, structs)).encode()).digest()[:ID_BYTES]


def _plain(arguments: tuple[str, ...], view: ModelView) -> list[str]:
    return [argument.replace(f"{view.macro}_SECTION", "SECTION") for argument in arguments]


def model_sha(program: Program) -> bytes:
    """Return the first bytes of the model file's SHA-256; zeros where there is no file."""
    return bytes.fromhex(program.model_sha256 or "00" * SHA_BYTES)[:SHA_BYTES]


def serial_context(program: Program) -> dict[str, Any]:
    """Return what the templates need besides the model's view: constant facts, struct fields."""
    view = model_view(program)
    facts = {
        "program id": program_id(view),
        "SHA-256 of the model file, first bytes": model_sha(program),
        "target": _text(program.target, TARGET_BYTES),
        "name": _text(program.name, NAME_BYTES),
    }
    fields = [("input", field.name) for field in view.inputs]
    fields += [("output", "scores")] if view.scores else []
    fields += [("output", "class_index")] if view.winner else []
    return {"serial": [(what, _words(data)) for what, data in facts.items()], "fields": fields}


def board_sources(program: Program) -> Mapping[str, bytes]:
    """Return the UART of processors that have but one kind of it."""
    path = asset_dir("runtime_c") / "freestanding" / "uart_avr.c"
    return {"board/uart_avr.c": path.read_bytes()} if program.isa.name.startswith("avr") else {}


def _text(text: str, size: int) -> bytes:
    return text.encode("ascii", "replace")[:size].ljust(size, b"\0")


def _words(data: bytes) -> str:
    return ", ".join(f"{word:#010x}u" for word in struct.unpack(f"<{len(data) // 4}I", data))
