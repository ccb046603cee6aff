"""A serial port of this machine, by pyserial; whatever goes wrong is one BoardError."""

from __future__ import annotations

import errno
import importlib
import importlib.util
from typing import Any, Final

from hysteron.errors import BoardError, ToolchainError

_WRITE_S: Final = 5.0
#: Reads end after this; whoever waits longer asks again.
_READ_S: Final = 0.05


class SerialPort:
    """An open port; nobody else may open it meanwhile.

    Raises ToolchainError without pyserial, BoardError for a port that does not
    open.
    """

    def __init__(self, port: str, baud: int) -> None:
        if importlib.util.find_spec("serial") is None:
            raise ToolchainError(
                "pyserial is not installed", where=f"serial:{port}",
                fix="pip install 'hysteron[board]'",
            )  # fmt: skip
        pyserial: Any = importlib.import_module("serial")
        self.where = f"serial:{port}"
        try:
            self._port = pyserial.Serial(
                port, baud, timeout=_READ_S, write_timeout=_WRITE_S, exclusive=True
            )
        except (OSError, ValueError) as error:
            raise self._not_open(error, baud) from error

    def write(self, data: bytes) -> None:
        """Send all bytes. Raises BoardError."""
        try:
            self._port.write(data)
        except OSError as error:
            raise self._broken(error) from error

    def read(self) -> bytes:
        """Return what arrived, after a short wait nothing. Raises BoardError."""
        try:
            first = bytes(self._port.read(1))
            return first + bytes(self._port.read(self._port.in_waiting)) if first else b""
        except OSError as error:
            raise self._broken(error) from error

    def close(self) -> None:
        """Close the port."""
        self._port.close()

    def _broken(self, error: OSError) -> BoardError:
        return BoardError(
            "the connection broke", where=self.where, got=_plain(error),
            fix="check the cable and start again",
        )  # fmt: skip

    def _not_open(self, error: Exception, baud: int) -> BoardError:
        number = getattr(error, "errno", None)
        if number == errno.ENOENT:
            return BoardError(
                "no such port", where=self.where, got=_here(), fix="plug the board in"
            )
        if number in (errno.EACCES, errno.EPERM):
            fix = "add yourself to the group that owns it (often dialout) and log in again"
            return BoardError("no permission to open the port", where=self.where, fix=fix)
        if number in (errno.EBUSY, errno.EAGAIN):
            fix = "close the other program (a serial monitor?)"
            return BoardError("the port is in use", where=self.where, fix=fix)
        return BoardError("cannot open the port", where=f"{self.where} at {baud} baud",
                          got=_plain(error), wanted="a serial port")  # fmt: skip


def _plain(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _here() -> str:
    """Return the ports of this machine, as far as the system lists them."""
    ports = importlib.import_module("serial.tools.list_ports").comports()
    names = sorted(str(one.device) for one in ports)
    return "ports here: " + (", ".join(names) or "none")
