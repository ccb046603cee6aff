"""How ``-t`` names a board: ``serial:PORT`` or ``serial:PORT:BAUD``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from hysteron.errors import InputError

PREFIX: Final = "serial:"
DEFAULT_BAUD: Final = 115_200


@dataclass(frozen=True, slots=True)
class SerialName:
    """A port as the system spells it, and bits per second."""

    port: str
    baud: int


def serial_name(target: str, baud: int | None = None) -> SerialName | None:
    """Return the board that a target names, None for all other targets.

    ``baud`` comes from an option. Raises InputError for two rates, for none that
    is possible, and without a port.

    >>> serial_name("serial:/dev/ttyACM0:9600"), serial_name("cortex-m0")
    (SerialName(port='/dev/ttyACM0', baud=9600), None)
    """
    if not target.startswith(PREFIX):
        if baud is not None:
            raise InputError("--baud is for boards", got=f"-t {target}", wanted="-t serial:PORT")
        return None
    match = re.fullmatch(r"(.*?)(?::(\d+))?", target.removeprefix(PREFIX), re.DOTALL)
    assert match is not None
    port, given = match[1], match[2]
    if not port or "\0" in port:
        raise InputError("no port", got=f"-t {target}", wanted="like serial:/dev/ttyACM0")
    rates = {int(given)} if given else set()
    rates |= {baud} if baud is not None else set()
    if len(rates) > 1:
        raise InputError("two baud rates", got=f"{given} and {baud}")
    rate = next(iter(rates), DEFAULT_BAUD)
    if not 50 <= rate <= 50_000_000:
        raise InputError("not a baud rate", got=str(rate), wanted="like 115200")
    return SerialName(port, rate)
