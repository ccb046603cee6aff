"""A toolchain is found or the message says what to install."""

from __future__ import annotations

import msgspec
import pytest

from hysteron.errors import ToolchainError
from hysteron.runners import probe
from hysteron.targets import load_isa


def test_host_compiler_answers_with_its_version() -> None:
    tools = probe(load_isa("host-portable"))
    assert any(character.isdigit() for character in tools.version)
    assert "-ffp-contract=off" in tools.flags


def test_pip_compiler_reports_its_own_version() -> None:
    zig = pytest.importorskip("ziglang")
    assert zig is not None
    tools = probe(load_isa("cortex-m0"), "zig")
    assert tools.version.startswith("zig 0.")
    assert tools.command[1:] == ("-m", "ziglang", "cc")


def test_no_compiler_says_what_to_install() -> None:
    isa = load_isa("cortex-m0")
    absent = tuple(
        msgspec.structs.replace(one, family="gcc", command=("no-such-cc",)) for one in isa.compilers
    )
    with pytest.raises(
        ToolchainError, match=r"no compiler for cortex-m0.*gcc-arm-none-eabi.*hysteron\[mcu\]"
    ):
        probe(msgspec.structs.replace(isa, compilers=absent))


def test_a_compiler_that_fails_to_start_is_passed_over() -> None:
    isa = load_isa("host-portable")
    broken = msgspec.structs.replace(isa.compilers[0], command=("false",))
    tools = probe(msgspec.structs.replace(isa, compilers=(broken, *isa.compilers)))
    assert tools.command != ("false",)
