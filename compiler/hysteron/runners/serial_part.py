"""A board with a generated firmware as a runner: structs go over the line in chunks."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hysteron.codegen.runtime_files import abi_number
from hysteron.codegen.serial_files import ID_BYTES, NAME_BYTES, SHA_BYTES, TARGET_BYTES
from hysteron.errors import BoardError
from hysteron.runners import serial_link as link
from hysteron.runners.inference import Inference, Watch
from hysteron.runners.serial_link import Line, Link

_FACTS, _OUTPUT, _ARENA = range(3)
_HELLO: Final = struct.Struct("<HHIII")
_TEXTS: Final = struct.Struct(f"<{ID_BYTES}s{SHA_BYTES}s{TARGET_BYTES}s{NAME_BYTES}s6I")
#: More facts than this are no facts: it bounds what a strange board can make us read.
_MOST_FACTS: Final = 1 << 14


@dataclass(frozen=True, slots=True)
class Facts:
    """What a firmware says of itself.

    ``sizes`` is as in ``PartNet``; ``image_crc`` is computed by the board over
    the images in its memory.
    """

    program_id: bytes
    model_sha: bytes
    target: str
    name: str
    layers: int
    sizes: tuple[int, ...]
    payload: int
    image_crc: int
    has_cycles: bool


class SerialPart:
    """A board behind ``line``, asked who it is. Raises BoardError."""

    def __init__(self, line: Line) -> None:
        self.where = line.where
        self._link = Link(line)
        self.facts = self._hello()
        self.version = f"{self.where}, protocol {link.VERSION}, {self.facts.target}"

    def close(self) -> None:
        """Close the line."""
        self._link.close()

    def infer(self, samples: Sequence[bytes], watch: Watch) -> list[Inference]:
        """Run samples one by one; see ``Runner``. Layers are watched by single steps."""
        return [self._one(sample, watch) for sample in samples]

    def _hello(self) -> Facts:
        reply = self._link.request(link.HELLO)
        if len(reply) != _HELLO.size:
            raise self._strange(f"a hello of {len(reply)} bytes")
        payload, abi, nbytes, crc, features = _HELLO.unpack(reply)
        if abi != abi_number():
            raise self._strange(f"ABI {abi}", f"ABI {abi_number()}")
        if payload < 32 or not _TEXTS.size <= nbytes <= _MOST_FACTS:
            raise self._strange(f"{nbytes} bytes of facts, {payload} at a time")
        data = self._read(_FACTS, 0, nbytes, payload)
        program, sha, target, name, ctx, given, answer, arena, layers, fields = _TEXTS.unpack_from(
            data
        )
        if nbytes != _TEXTS.size + 4 * fields:
            raise self._strange(f"{fields} fields in {nbytes} bytes of facts")
        offsets = struct.unpack_from(f"<{fields}I", data, _TEXTS.size)
        return Facts(
            program_id=program,
            model_sha=sha,
            target=_text(target),
            name=_text(name),
            layers=layers,
            sizes=(ctx, given, answer, *offsets, arena),
            payload=payload,
            image_crc=crc,
            has_cycles=bool(features & 1),
        )

    def _strange(self, got: str, wanted: str = "") -> BoardError:
        return BoardError(
            "the firmware is not one of this hysteron", where=self.where, got=got, wanted=wanted,
            fix="compile the model again with --serial and flash that",
        )  # fmt: skip

    def _read(self, space: int, offset: int, nbytes: int, payload: int = 0) -> bytes:
        """Return bytes of one of the board's spaces, a payload at a time."""
        step, data = payload or self.facts.payload, bytearray()
        while len(data) < nbytes:
            count = min(step, nbytes - len(data))
            request = struct.pack("<BIH", space, offset + len(data), count)
            chunk = self._link.request(link.READ, request)
            if len(chunk) != count:
                raise self._strange(f"{len(chunk)} bytes", f"{count}")
            data += chunk
        return bytes(data)

    def _status(self, kind: int, payload: bytes = b"") -> int:
        reply = self._link.request(kind, payload, link.RUN_S)
        if len(reply) < 4:
            raise self._strange(f"{len(reply)} bytes", "a status")
        return int.from_bytes(reply[:4], "little", signed=True)

    def _one(self, sample: bytes, watch: Watch) -> Inference:
        step = self.facts.payload - 4
        for at in range(0, len(sample), step):
            self._link.request(link.WRITE, struct.pack("<I", at) + sample[at : at + step])
        counts: dict[str, int] = {}
        layers: tuple[tuple[bytes, ...], ...] = ()
        if watch:
            status, layers = self._stepped(watch)
        else:
            status, cycles = self._run()
            counts = {"cycles": cycles} if self.facts.has_cycles else {}
        output = self._read(_OUTPUT, 0, self.facts.sizes[2]) if status == 0 else b""
        return Inference(
            status=status,
            output=output,
            instructions=None,
            stack_bytes=0,
            counts=counts,
            layers=layers,
        )

    def _run(self) -> tuple[int, int]:
        reply = self._link.request(link.RUN, seconds=link.RUN_S)
        if len(reply) != 8:
            raise self._strange(f"{len(reply)} bytes", "status and cycles")
        status, cycles = struct.unpack("<iI", reply)
        return status, cycles

    def _stepped(self, watch: Watch) -> tuple[int, tuple[tuple[bytes, ...], ...]]:
        status = self._status(link.BEGIN)
        seen: list[tuple[bytes, ...]] = []
        for layer in range(self.facts.layers):
            status = status or self._status(link.STEP, struct.pack("<H", layer))
            if status == 0 and layer < len(watch):
                seen.append(tuple(self._read(_ARENA, at, n) for at, n in watch[layer]))
        return status or self._status(link.RESULT), tuple(seen)


def _text(data: bytes) -> str:
    return data.rstrip(b"\0").decode("ascii", "replace")
