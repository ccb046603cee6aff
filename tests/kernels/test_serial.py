"""The firmware's end of a serial line: coded as elsewhere, and any bytes are safe."""

from __future__ import annotations

import itertools
import subprocess
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from board_harness import native_firmware
from cffi import FFI
from hand_built import convolutional, mlp, real
from kernel_harness import WARNINGS, compiler

from hysteron._assets import asset_dir
from hysteron.host.compiler import SANITIZE
from hysteron.image.program import Program
from hysteron.runners.serial_link import (
    BEGIN,
    HELLO,
    READ,
    REFUSAL,
    REPLY,
    RESULT,
    RUN,
    STEP,
    WRITE,
    Frame,
    cobs_decode,
    cobs_encode,
    pack_frame,
    parse_frame,
)

_PAYLOAD = 640
_DECLARATIONS = """
typedef struct hyst_serial {
    uint8_t frame[648]; uint16_t used; uint16_t at; uint8_t left; uint8_t zero; uint8_t state;
} hyst_serial;
int hyst_serial_take(hyst_serial *link, uint8_t byte);
void hyst_serial_reply(hyst_serial *link, uint16_t bytes);
int hyst_serial_next(hyst_serial *link);
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> tuple[FFI, Any]:
    ffi, out = FFI(), tmp_path_factory.mktemp("serial") / "serial.so"
    runtime = asset_dir("runtime_c")
    sources = [str(runtime / "src" / name) for name in ("serial_portable.c", "crc32.c")]
    flags = ["-std=c99", *WARNINGS, "-O1", f"-DHYST_SERIAL_PAYLOAD={_PAYLOAD}", "-fPIC", "-shared"]
    command = [compiler(), *flags, f"-I{runtime / 'include'}", *sources, "-o", str(out)]
    subprocess.run(command, check=True, timeout=60)
    ffi.cdef(_DECLARATIONS)
    return ffi, ffi.dlopen(str(out))


def _sent(lib: Any, link: Any) -> bytes:
    return bytes(iter(lambda: lib.hyst_serial_next(link), -1))


def _frames(stream: bytes) -> list[Frame | None]:
    """Return what a board sent after its boot text; None for what is no frame."""
    boot, *answers, rest = stream.split(b"\0")
    assert boot.startswith(b"boot: ") and rest == b""
    return [parse_frame(one) for one in answers if one]


def _payloads(size: int) -> Iterator[bytes]:
    rng = np.random.default_rng(size)
    yield bytes(size)
    yield rng.integers(1, 256, size, np.uint8).tobytes()
    yield rng.integers(0, 3, size, np.uint8).tobytes()
    for at in (0, 249, 250, 251, size - 1):  # zeros around the end of a block of 254
        data = bytearray(rng.integers(1, 256, size, np.uint8).tobytes())
        if 0 <= at < size:
            data[at] = 0
            yield bytes(data)


def test_frames_are_coded_as_an_independent_library_does(library: tuple[FFI, Any]) -> None:
    cobs = pytest.importorskip("cobs.cobs")
    ffi, lib = library
    whole_blocks = 0
    for size in range(601):
        for payload in _payloads(size):
            link = ffi.new("hyst_serial *")
            ffi.memmove(link.frame, b"\x01\x05\x07\x09" + payload, 4 + size)
            lib.hyst_serial_reply(link, size)
            body = b"\x01\x85\x07\x09" + payload
            body += zlib.crc32(body).to_bytes(4, "little")
            wanted = cobs.encode(body) + b"\0"
            assert _sent(lib, link) == b"\0" + wanted, size
            assert cobs_encode(body) + b"\0" == wanted
            assert parse_frame(wanted[:-1]) == Frame(1, 0x85, 0x0907, payload)
            whole_blocks += 0 not in body and len(body) in (254, 508)
            taken = [lib.hyst_serial_take(link, byte) for byte in wanted]
            assert taken == [0] * (len(wanted) - 1) + [1], size
            assert link.used == len(body) - 4
            assert bytes(ffi.buffer(link.frame, link.used)) == body[:-4]
    assert whole_blocks >= 2, "no frame of exactly one or two blocks of 254 bytes"


def test_a_frame_that_is_too_long_is_refused_and_the_next_one_is_taken(
    library: tuple[FFI, Any],
) -> None:
    ffi, lib = library
    link = ffi.new("hyst_serial *")
    longest = pack_frame(Frame(1, HELLO, 2, bytes(range(256)) * 2 + bytes(_PAYLOAD - 512)))
    body = cobs_decode(longest[:-1])
    assert body is not None
    for too_long in (cobs_encode(body + b"x") + b"\0", cobs_encode(body * 3) + b"\0"):
        assert not any(lib.hyst_serial_take(link, byte) for byte in too_long)
        assert parse_frame(_sent(lib, link)[1:-1]) == Frame(1, REFUSAL, 0, b"\x01")
    assert [lib.hyst_serial_take(link, byte) for byte in longest][-1] == 1


def test_every_single_bit_error_is_refused(library: tuple[FFI, Any]) -> None:
    ffi, lib = library
    good = pack_frame(Frame(1, WRITE, 3, bytes(range(40))))
    for bit in range(8 * (len(good) - 1)):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        link = ffi.new("hyst_serial *")
        assert not any(lib.hyst_serial_take(link, byte) for byte in bad), bit


def _request(rng: np.random.Generator, sequence: int) -> bytes:
    """Return a request with a right checksum; often one that makes sense, with hostile numbers."""
    edges = np.array([0, 1, 20, 24, 64, 120, 255, 256, 0x7FFFFFFF, 0xFFFFFFFF], np.uint32)
    kind = int(rng.choice(np.array([*range(HELLO, RESULT + 1), rng.integers(256)])))
    size = int(rng.choice(np.array([0, 1, 2, 4, 7, 11, 256, rng.integers(256)])))
    payload = rng.integers(0, 256, size, np.uint8).tobytes()
    if kind == READ and rng.random() < 0.8:
        space, count = int(rng.integers(4)), int(rng.choice(edges) & 0xFFFF)
        payload = bytes([space]) + rng.choice(edges).tobytes() + count.to_bytes(2, "little")
    elif kind == WRITE and rng.random() < 0.8:
        payload = rng.choice(edges).tobytes() + payload
    elif kind == STEP and rng.random() < 0.8:
        payload = int(rng.integers(5)).to_bytes(2, "little")
    version = 1 if rng.random() < 0.95 else int(rng.integers(256))
    return pack_frame(Frame(version, kind, sequence, payload))


def _noise(rng: np.random.Generator) -> bytes:
    """Return a stream of requests, damaged requests and plain noise."""
    parts = []
    for sequence in range(1, 200):
        data = bytearray(_request(rng, sequence))
        fate = rng.random()
        if fate < 0.3:
            data[rng.integers(len(data))] = rng.integers(256)
        elif fate < 0.4:
            del data[rng.integers(len(data)) :]
        elif fate < 0.5:
            length = int(rng.integers(1, 700))
            data = bytearray(rng.integers(0, int(rng.choice([2, 256])), length).astype(np.uint8))
        parts.append(bytes(data))
    return b"".join(parts)


_SLOW = [pytest.param(make, marks=pytest.mark.slow) for make in (convolutional, real)]


@pytest.mark.parametrize("make", [mlp, *_SLOW])
def test_no_byte_stream_harms_the_firmware_and_it_still_answers_a_hello(
    tmp_path: Path, make: Any
) -> None:
    """Under AddressSanitizer and UBSan, images and structs at their exact sizes."""
    program: Program = make(0)
    program = replace(program, options={**program.options, "serial": True})
    firmware = native_firmware(program, tmp_path, SANITIZE)
    kinds: set[int] = set()
    for seed in range(25):
        noise = _noise(np.random.default_rng(seed))
        sent = noise + b"\0" + pack_frame(Frame(1, HELLO, 0x1234, b""))
        done = subprocess.run([firmware], input=sent, capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr[-2000:]
        frames = _frames(done.stdout)
        assert None not in frames
        last = frames[-1]
        assert last is not None and (last.kind, last.sequence) == (HELLO | REPLY, 0x1234)
        assert len(last.payload) == 16
        kinds |= {frame.kind for frame in frames if frame is not None}
    assert kinds == {REFUSAL, *(kind | REPLY for kind in range(HELLO, RESULT + 1))}


def test_a_request_repeated_after_a_lost_reply_changes_nothing(tmp_path: Path) -> None:
    program = replace(mlp(0), options={"serial": True})
    firmware = native_firmware(program, tmp_path)
    rng = np.random.default_rng(0)
    sample = rng.integers(0, 256, 24, np.uint8).tobytes()
    requests = [
        (WRITE, bytes(4) + sample),
        (BEGIN, b""),
        *((STEP, layer.to_bytes(2, "little")) for layer in range(3)),
        (RESULT, b""),
        (READ, bytes([1, 0, 0, 0, 0, 24, 0])),
        (RUN, b""),
        (READ, bytes([1, 0, 0, 0, 0, 24, 0])),
    ]

    def replies(times: int) -> list[Frame | None]:
        frames = [
            pack_frame(Frame(1, kind, number, payload)) * times
            for number, (kind, payload) in enumerate(requests, 1)
        ]
        done = subprocess.run([firmware], input=b"".join(frames), capture_output=True, timeout=60)
        return _frames(done.stdout)

    once = replies(1)
    assert replies(3) == list(itertools.chain.from_iterable([one] * 3 for one in once))
    assert all(frame is not None and frame.kind != REFUSAL for frame in once)
    assert once[-1] is not None and once[-3] is not None
    assert once[-1].payload == once[-3].payload != bytes(24)


def test_layers_out_of_order_are_refused(tmp_path: Path) -> None:
    firmware = native_firmware(replace(mlp(0), options={"serial": True}), tmp_path)
    sent = [(STEP, 0), (BEGIN, None), (STEP, 1), (STEP, 0), (STEP, 2), (STEP, 1), (STEP, 0)]
    data = b"".join(
        pack_frame(Frame(1, kind, 1, b"" if n is None else n.to_bytes(2, "little")))
        for kind, n in sent
    )
    done = subprocess.run([firmware], input=data, capture_output=True, timeout=60)
    frames = _frames(done.stdout)
    refused = [frame is not None and frame.kind == REFUSAL for frame in frames]
    assert refused == [True, False, True, False, True, False, True]
