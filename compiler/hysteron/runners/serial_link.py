"""Requests and replies over a serial line: COBS frames, CRC-32, sequence numbers, retries.

The other end is ``runtime_c/include/hyst/serial.h``, which has the layout of
frames; docs/board.md explains it. Nothing here waits without a limit.
"""

from __future__ import annotations

import struct
import time
import zlib
from dataclasses import dataclass
from typing import Final, Protocol

from hysteron.errors import BoardError

VERSION: Final = 1
HELLO, READ, WRITE, RUN, BEGIN, STEP, RESULT = range(1, 8)
REPLY, REFUSAL = 0x80, 0xFF
BAD_FRAME, BAD_VERSION = 1, 2
_REASONS: Final = {3: "unknown request", 4: "outside of its memory", 5: "layer out of order"}

#: Seconds until a request other than an inference is sent again, and how often in all.
REPLY_S = 2.0
TRIES = 4
#: Seconds for one inference or one layer.
RUN_S = 60.0
#: Silence after which the end of a frame is taken for lost, on either side.
GAP_S = 0.5
#: Longer than any frame: more bytes without a delimiter are no frame.
_LONGEST: Final = 1 << 16
_HEAD: Final = struct.Struct("<BBH")


class Line(Protocol):
    """A byte stream in both directions; raises BoardError when it breaks."""

    where: str

    def write(self, data: bytes) -> None:
        """Send all bytes."""

    def read(self) -> bytes:
        """Return what arrived, after a short wait nothing."""

    def close(self) -> None:
        """Give the port back."""


def cobs_encode(data: bytes) -> bytes:
    """Return ``data`` without zero bytes (Cheshire and Baker 1999), no delimiter added.

    >>> cobs_encode(b"\\x11\\x00\\x22").hex()
    '02110222'
    """
    out = bytearray()
    blocks = data.split(b"\0")
    for number, block in enumerate(blocks):
        while len(block) >= 254:
            out += b"\xff" + block[:254]
            block = block[254:]
            if not block and number == len(blocks) - 1:
                return bytes(out)
        out += bytes([len(block) + 1]) + block
    return bytes(out)


def cobs_decode(data: bytes) -> bytes | None:
    """Return what ``cobs_encode`` was given, None for bytes it never gives.

    >>> cobs_decode(bytes.fromhex("02110222")).hex(), cobs_decode(b"\\x05\\x01")
    ('110022', None)
    """
    out, at = bytearray(), 0
    while at < len(data):
        code = data[at]
        block = data[at + 1 : at + code]
        if code == 0 or len(block) != code - 1 or 0 in block:
            return None
        out += block
        at += code
        if code < 255 and at < len(data):
            out.append(0)
    return bytes(out)


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame whose checksum is right."""

    version: int
    kind: int
    sequence: int
    payload: bytes


def pack_frame(frame: Frame) -> bytes:
    """Return a frame as it goes over the wire, delimiter included."""
    body = _HEAD.pack(frame.version, frame.kind, frame.sequence) + frame.payload
    return cobs_encode(body + struct.pack("<I", zlib.crc32(body))) + b"\0"


def parse_frame(encoded: bytes) -> Frame | None:
    """Return the frame between two delimiters, None when it is broken."""
    body = cobs_decode(encoded)
    if body is None or len(body) < _HEAD.size + 4:
        return None
    if zlib.crc32(body[:-4]) != int.from_bytes(body[-4:], "little"):
        return None
    version, kind, sequence = _HEAD.unpack_from(body)
    return Frame(version, kind, sequence, body[_HEAD.size : -4])


@dataclass(slots=True)
class _Seen:
    """What came instead of a reply."""

    nbytes: int = 0
    broken: int = 0
    refused: int = 0


class Link:
    """One request at a time over ``line``; each is sent again until its reply is whole."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._buffer = bytearray()
        self._sequence = 0

    def close(self) -> None:
        """Close the line."""
        self._line.close()

    def request(self, kind: int, payload: bytes = b"", seconds: float | None = None) -> bytes:
        """Return the payload of the reply.

        ``seconds`` is for requests that compute: they are repeated when their
        reply is broken, but not after silence. Raises BoardError.
        """
        # 0 is the sequence number of a refusal of what was no frame.
        self._sequence = self._sequence % 0xFFFF + 1
        sent = pack_frame(Frame(VERSION, kind, self._sequence, payload))
        seen = _Seen()
        for _ in range(TRIES):
            before = seen.nbytes
            # The delimiter in front ends what a reset or a broken frame left behind.
            self._line.write(b"\0" + sent)
            reply = self._reply(kind, REPLY_S if seconds is None else seconds, seen)
            if reply is not None:
                return reply
            if seconds is not None and seen.nbytes == before:
                break
        raise self._no_reply(seen, REPLY_S * TRIES if seconds is None else seconds)

    def _reply(self, kind: int, seconds: float, seen: _Seen) -> bytes | None:
        """Return the reply, None when it has to be asked for again."""
        start = last = time.monotonic()
        while (now := time.monotonic()) - start < seconds:
            arrived = self._line.read()
            if arrived:
                last = now
            elif now - last > GAP_S:
                if self._buffer:
                    seen.broken += 1
                    self._buffer.clear()
                    return None
                # A board that missed a delimiter now refuses what it has; a busy one goes on.
                self._line.write(b"\0")
                last = now
            seen.nbytes += len(arrived)
            self._buffer += arrived
            before = seen.broken + seen.refused
            if (done := self._whole_frames(kind, seen)) is not None:
                return done
            if seen.broken + seen.refused > before:
                return None
        return None

    def _whole_frames(self, kind: int, seen: _Seen) -> bytes | None:
        """Return our reply when it is among the frames that are complete; drop those before it."""
        *whole, rest = self._buffer.split(b"\0")
        self._buffer = rest if len(rest) < _LONGEST else bytearray()
        for number, encoded in enumerate(whole):
            frame = parse_frame(bytes(encoded)) if encoded else None
            seen.broken += bool(encoded) and frame is None
            if frame is not None and (done := self._judged(frame, kind, seen)) is not None:
                self._buffer = bytearray(b"\0".join([*whole[number + 1 :], rest]))
                return done
        return None

    def _judged(self, frame: Frame, kind: int, seen: _Seen) -> bytes | None:
        """Return the payload of our reply; None for late replies, echoes and repeatable refusals.

        Raises BoardError for a refusal that would come again.
        """
        if frame.kind == REFUSAL and frame.payload[:1] == bytes([BAD_FRAME]):
            seen.refused += 1
            return None
        if frame.sequence != self._sequence or frame.kind not in (kind | REPLY, REFUSAL):
            return None
        if frame.version != VERSION:
            raise BoardError(
                "the firmware speaks another version of the protocol", where=self._line.where,
                got=f"version {frame.version}", wanted=f"version {VERSION}",
                fix="compile the model again with --serial and flash that",
            )  # fmt: skip
        if frame.kind == REFUSAL:
            code = frame.payload[0] if frame.payload else 0
            raise BoardError(
                f"the firmware refused request {kind}", where=self._line.where,
                got=_REASONS.get(code, f"code {code}"),
                fix="reset the board; if it stays, please report it",
            )  # fmt: skip
        return frame.payload

    def _no_reply(self, seen: _Seen, seconds: float) -> BoardError:
        if not seen.nbytes:
            return BoardError(
                "the board does not answer", where=self._line.where,
                got=f"nothing for {seconds:g} s",
                fix="check port and baud rate, and flash the firmware that compile --serial wrote",
            )  # fmt: skip
        if seen.refused:
            what, got = "the line loses bytes", f"{seen.refused} requests arrived broken"
        else:
            what = "the board answers, but not in hysteron's protocol"
            got = f"{seen.nbytes:,} bytes, {seen.broken} broken frames, no reply"
        fix = "check the baud rate, and flash the firmware that compile --serial wrote"
        return BoardError(what, where=self._line.where, got=got, fix=fix)
