"""Names of boards."""

from __future__ import annotations

import pytest

from hysteron.errors import InputError, TargetError
from hysteron.targets import SerialName, load_target, serial_name


@pytest.mark.parametrize(
    ("target", "baud", "name"),
    [
        ("serial:/dev/ttyACM0", None, SerialName("/dev/ttyACM0", 115200)),
        ("serial:/dev/ttyACM0:9600", None, SerialName("/dev/ttyACM0", 9600)),
        ("serial:/dev/ttyACM0:9600", 9600, SerialName("/dev/ttyACM0", 9600)),
        ("serial:COM3", 1_000_000, SerialName("COM3", 1_000_000)),
        ("serial:/dev/by-id/a:b", None, SerialName("/dev/by-id/a:b", 115200)),
        ("cortex-m0", None, None),
        ("host", None, None),
    ],
)
def test_a_port_and_its_rate_are_read(
    target: str, baud: int | None, name: SerialName | None
) -> None:
    assert serial_name(target, baud) == name


@pytest.mark.parametrize(
    ("target", "baud", "message"),
    [
        ("serial:", None, "no port"),
        ("serial::9600", None, "no port"),
        ("serial:a\0b", None, "no port"),
        ("serial:x:9600", 19200, "two baud rates; got 9600 and 19200"),
        ("serial:x", 0, "not a baud rate; got 0"),
        ("serial:x", -5, "not a baud rate; got -5"),
        ("serial:x:99999999999", None, "not a baud rate"),
        ("cortex-m0", 9600, "--baud is for boards"),
    ],
)
def test_other_names_are_refused(target: str, baud: int | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        serial_name(target, baud)


def test_a_board_is_no_target_to_compile_for() -> None:
    with pytest.raises(TargetError, match=r"no target to compile for; got 'serial:x'; .*--serial"):
        load_target("serial:x")
