"""Ports that are not there, not ours, or no ports: one clear error each."""

from __future__ import annotations

import importlib.util
import os
import time
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from hysteron.errors import BoardError, ToolchainError
from hysteron.runners import serial_port
from hysteron.runners.serial_port import SerialPort

pytest.importorskip("serial")


@pytest.fixture
def terminal() -> Iterator[tuple[int, str]]:
    """Yield the far end's file descriptor and the near end's name."""
    master, slave = os.openpty()
    tty.setraw(slave)
    yield master, os.ttyname(slave)
    os.close(master)
    os.close(slave)


def test_bytes_go_both_ways(terminal: tuple[int, str]) -> None:
    far, name = terminal
    port = SerialPort(name, 115200)
    port.write(b"\0ab\r\n\x11\x13")
    assert os.read(far, 100) == b"\0ab\r\n\x11\x13"
    os.write(far, bytes(range(256)))
    got = b""
    while len(got) < 256:
        got += port.read()
    assert got == bytes(range(256))
    start = time.monotonic()
    assert port.read() == b"" and time.monotonic() - start < 1
    port.close()


def test_a_port_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(BoardError, match=r"no-port: no such port; got ports here: .*; plug"):
        SerialPort(str(tmp_path / "no-port"), 115200)


def test_a_file_is_no_port(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(BoardError, match=r"file at 115200 baud: cannot open the port"):
        SerialPort(str(tmp_path / "file"), 115200)
    assert (tmp_path / "file").read_text() == "x"
    with pytest.raises(BoardError, match=r"cannot open the port"):
        SerialPort(str(tmp_path), 115200)


def test_a_port_without_permission_says_which_group(
    terminal: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("serial.serialposix.os.open", refuse)
    with pytest.raises(BoardError, match=r"no permission to open the port; .*dialout"):
        SerialPort(terminal[1], 115200)


def test_a_port_in_use_is_left_alone(terminal: tuple[int, str]) -> None:
    first = SerialPort(terminal[1], 115200)
    with pytest.raises(BoardError, match=r"the port is in use; close the other program"):
        SerialPort(terminal[1], 115200)
    first.close()
    SerialPort(terminal[1], 115200).close()


def test_without_pyserial_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "serial" else find(name, *a)
    )
    with pytest.raises(ToolchainError, match=r"serial:x: pyserial .*hysteron\[board\]"):
        SerialPort("x", 115200)


def test_a_pulled_cable_is_an_error_not_a_wait() -> None:
    far, near = os.openpty()
    port = SerialPort(os.ttyname(near), 115200)
    os.close(far)
    os.close(near)
    start = time.monotonic()
    with pytest.raises(BoardError, match=r"the connection broke; got .*; check the cable"):
        port.read()
    with pytest.raises(BoardError, match=r"the connection broke"):
        port.write(b"x" * 100_000)
    assert time.monotonic() - start < 2


def test_a_board_that_takes_no_bytes_ends_in_an_error(
    terminal: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serial_port, "_WRITE_S", 0.2)
    port = SerialPort(terminal[1], 115200)
    with pytest.raises(BoardError, match=r"the connection broke; got .*[Tt]imeout"):
        port.write(bytes(1 << 20))
