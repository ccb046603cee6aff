"""Where ``-t`` leads: to a target to compile for, or to a board that says what that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hysteron.runners.serial_part import SerialPart
from hysteron.runners.serial_port import SerialPort
from hysteron.targets import serial_name


@dataclass(frozen=True, slots=True)
class Place:
    """What ``-t`` names: the target to compile for, and the board when there is one.

    Whoever opens a device on the board closes it.
    """

    target: str
    board: SerialPart | None = None

    def fields(self) -> dict[str, Any]:
        """Return what a report says of it."""
        return {"target": self.target, **({"board": self.board.where} if self.board else {})}


def find_place(target: str, baud: int | None = None) -> Place:
    """Return where ``-t target`` runs; a board is asked what it was compiled for.

    Raises InputError, BoardError, and ToolchainError without pyserial.
    """
    name = serial_name(target, baud)
    if name is None:
        return Place(target)
    line = SerialPort(name.port, name.baud)
    try:
        board = SerialPart(line)
    except BaseException:
        line.close()
        raise
    return Place(board.facts.target, board)
