"""Requests over a bad line: repeated while that helps, then one clear error, never a hang."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator

import pytest

from hysteron._assets import asset_dir
from hysteron.errors import BoardError
from hysteron.runners import serial_link
from hysteron.runners.serial_link import (
    BAD_FRAME,
    BAD_VERSION,
    READ,
    REFUSAL,
    REPLY,
    RUN,
    TRIES,
    Frame,
    Link,
    cobs_decode,
    cobs_encode,
    pack_frame,
    parse_frame,
)

_WAIT = 0.05


class FakeLine:
    """A line whose board answers each request frame with what ``answer(n, frame)`` returns."""

    where = "serial:fake"

    def __init__(self, answer: Callable[[int, Frame], bytes]) -> None:
        self._answer, self._waiting = answer, b""
        self.requests: list[Frame] = []

    def write(self, data: bytes) -> None:
        for encoded in data.split(b"\0"):
            if encoded:
                frame = parse_frame(encoded)
                assert frame is not None
                self.requests.append(frame)
                self._waiting += self._answer(len(self.requests) - 1, frame)

    def read(self) -> bytes:
        time.sleep(0.001)
        data, self._waiting = self._waiting, b""
        return data

    def close(self) -> None:
        pass


def _good(frame: Frame, payload: bytes = b"yes") -> bytes:
    return pack_frame(Frame(1, frame.kind | REPLY, frame.sequence, payload))


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serial_link, "REPLY_S", _WAIT)


def _ask(
    answer: Callable[[int, Frame], bytes], times: int = 1, **options: float
) -> tuple[FakeLine, list[bytes]]:
    line = FakeLine(answer)
    link = Link(line)
    return line, [link.request(READ, b"q", **options) for _ in range(times)]


def _fails(answer: Callable[[int, Frame], bytes], **options: float) -> tuple[BoardError, FakeLine]:
    line = FakeLine(answer)
    start = time.monotonic()
    with pytest.raises(BoardError) as caught:
        Link(line).request(RUN if options else READ, b"q", **options)
    assert time.monotonic() - start < 2
    assert caught.value.where == "serial:fake" and caught.value.fix
    return caught.value, line


def test_both_ends_mean_the_same_by_every_number() -> None:
    header = (asset_dir("runtime_c") / "include" / "hyst" / "serial.h").read_text()
    found = re.findall(r"HYST_SERIAL_(\w+) = (0x\w+|\d+)", header)
    numbers = {name: int(value, 0) for name, value in found}
    ours = {name: getattr(serial_link, name) for name in numbers if hasattr(serial_link, name)}
    assert ours == {name: numbers[name] for name in ours} and len(ours) == 11
    assert f"#define HYST_SERIAL_VERSION {serial_link.VERSION}u" in header


@pytest.mark.parametrize("data", [b"", b"\0", b"\0\0", b"a\0b", b"\1" * 253, b"\1" * 254])
def test_cobs_round_trip(data: bytes) -> None:
    encoded = cobs_encode(data)
    assert 0 not in encoded and cobs_decode(encoded) == data


@pytest.mark.parametrize("broken", [b"\x05\x01", b"\x00", b"\x03\x00\x01", b"\x02"])
def test_what_cobs_never_gives_is_no_frame(broken: bytes) -> None:
    assert cobs_decode(broken) is None and parse_frame(broken) is None


def test_a_reply_is_matched_by_its_sequence_number() -> None:
    line, answers = _ask(lambda n, f: _good(f, bytes([n])), times=3)
    assert answers == [b"\0", b"\1", b"\2"]
    assert [frame.sequence for frame in line.requests] == [1, 2, 3]


def test_sequence_numbers_wrap_past_the_one_of_refusals() -> None:
    line = FakeLine(lambda n, f: _good(f))
    link = Link(line)
    link._sequence = 0xFFFE
    for _ in range(2):
        link.request(READ)
    assert [frame.sequence for frame in line.requests] == [0xFFFF, 1]


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(lambda f: _good(f)[:-3] + b"\x01\x01\0", id="reply with a wrong checksum"),
        pytest.param(lambda f: b"boot text " + _good(f), id="text before the reply"),
        pytest.param(lambda f: b"", id="no reply"),
        pytest.param(
            lambda f: pack_frame(Frame(1, REFUSAL, 0, bytes([BAD_FRAME]))), id="request broken"
        ),
    ],
)
def test_what_went_wrong_once_is_asked_again(first: Callable[[Frame], bytes]) -> None:
    line, answers = _ask(lambda n, f: first(f) if n == 0 else _good(f))
    assert answers == [b"yes"]
    assert len(line.requests) == 2 and line.requests[0] == line.requests[1]


def test_a_late_reply_to_an_earlier_request_is_left_out() -> None:
    def answer(number: int, frame: Frame) -> bytes:
        return _good(frame, b"late") + _good(frame, b"late") if number == 0 else _good(frame)

    assert _ask(answer, times=2)[1] == [b"late", b"yes"]


def test_a_silent_board_is_asked_a_few_times() -> None:
    error, line = _fails(lambda n, f: b"")
    assert "does not answer" in error.what and len(line.requests) == TRIES


def test_a_board_silent_over_an_inference_is_not_asked_to_do_it_again() -> None:
    error, line = _fails(lambda n, f: b"", seconds=0.1)
    assert "does not answer; got nothing for 0.1 s" in error.message()
    assert len(line.requests) == 1


def test_a_broken_reply_to_an_inference_is_asked_for_again() -> None:
    line, answers = _ask(lambda n, f: b"\x07x\0" if n < 2 else _good(f), seconds=5.0)
    assert answers == [b"yes"] and len(line.requests) == 3


def test_an_echo_is_no_answer() -> None:
    error, line = _fails(lambda n, f: pack_frame(f))
    assert "not in hysteron's protocol" in error.what and len(line.requests) == TRIES


@pytest.mark.parametrize("noise", [b"hello, world\r\n", b"\xff" * 1000, b"\1\2\0", b"\0"])
def test_garbage_is_no_answer(noise: bytes) -> None:
    error, _ = _fails(lambda n, f: noise)
    assert "not in hysteron's protocol" in error.what


def test_endless_garbage_ends_in_an_error() -> None:
    class Flood(FakeLine):
        def read(self) -> bytes:
            return bytes(range(1, 256)) * 16

    flood = Flood(lambda n, f: b"")
    start = time.monotonic()
    with pytest.raises(BoardError, match="not in hysteron's protocol"):
        Link(flood).request(READ)
    assert time.monotonic() - start < 5


def test_a_line_that_breaks_every_request_is_named() -> None:
    refusal = pack_frame(Frame(1, REFUSAL, 0, bytes([BAD_FRAME])))
    error, _ = _fails(lambda n, f: refusal)
    assert error.what == "the line loses bytes" and str(TRIES) in error.got


def test_another_version_of_the_protocol_is_named_at_once() -> None:
    error, line = _fails(
        lambda n, f: pack_frame(Frame(2, REFUSAL, f.sequence, bytes([BAD_VERSION])))
    )
    assert (error.got, error.wanted) == ("version 2", "version 1") and len(line.requests) == 1
    assert "flash" in error.fix


@pytest.mark.parametrize(
    ("code", "why"), [(3, "unknown"), (4, "outside"), (5, "order"), (77, "77")]
)
def test_a_refusal_that_would_come_again_is_not_repeated(code: int, why: str) -> None:
    error, line = _fails(lambda n, f: pack_frame(Frame(1, REFUSAL, f.sequence, bytes([code]))))
    assert why in error.got and len(line.requests) == 1


def test_bytes_may_arrive_in_any_pieces() -> None:
    class Drip(FakeLine):
        def read(self) -> bytes:
            data, self._waiting = self._waiting[:1], self._waiting[1:]
            return data

    def answers() -> Iterator[bytes]:
        link = Link(Drip(lambda n, f: _good(f, bytes(40))))
        for _ in range(3):
            yield link.request(READ)

    assert list(answers()) == [bytes(40)] * 3


@pytest.mark.parametrize("seconds", [None, 5.0])
def test_a_delimiter_lost_on_either_side_costs_a_moment_not_the_whole_wait(
    monkeypatch: pytest.MonkeyPatch, seconds: float | None
) -> None:
    monkeypatch.setattr(serial_link, "REPLY_S", 5.0)
    monkeypatch.setattr(serial_link, "GAP_S", _WAIT)

    class Waiting(FakeLine):
        """Its board holds a request without an end until the next zero byte."""

        def write(self, data: bytes) -> None:
            super().write(data)
            if data == b"\0":
                self._waiting += pack_frame(Frame(1, REFUSAL, 0, bytes([BAD_FRAME])))

    def answer(number: int, frame: Frame) -> bytes:
        return (b"", _good(frame)[:-1], _good(frame))[number]

    line, start = Waiting(answer), time.monotonic()
    assert Link(line).request(RUN, b"", seconds) == b"yes"
    assert len(line.requests) == 3 and time.monotonic() - start < 2
