"""Calling conventions the emulator's runner knows: registers, stack, instruction lengths.

A processor of one of these conventions is data (``targets/isa``); only a new
convention is code.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from hysteron.errors import TargetError, ToolchainError
from hysteron.targets import Emulator

# An optional extra, and only half typed: new_core says so when it is missing.
_HAVE_UNICORN: Final = importlib.util.find_spec("unicorn") is not None
uc: Any = importlib.import_module("unicorn") if _HAVE_UNICORN else None


@dataclass(frozen=True, slots=True)
class Machine:
    """One calling convention in the emulator's numbers.

    ``arguments`` are its argument registers, the first also holds the result;
    ``code_bit`` is set in addresses of code (Thumb); ``instructions_in`` counts
    the instructions of one straight piece of code.
    """

    consts: Any
    arguments: tuple[int, ...]
    sp: int
    link: int
    pc: int
    code_bit: int
    instructions_in: Callable[[bytes], int]


def new_core(emulator: Emulator, isa: str) -> Any:
    """Return an emulated processor of the model that the target's file names.

    Raises ToolchainError without unicorn, TargetError for a model it lacks.
    """
    if not _HAVE_UNICORN:
        raise ToolchainError("unicorn is not installed", fix="pip install 'hysteron[mcu]'")
    modes = {
        "arm-m": (uc.UC_ARCH_ARM, uc.UC_MODE_THUMB | uc.UC_MODE_MCLASS),
        "riscv32": (uc.UC_ARCH_RISCV, uc.UC_MODE_RISCV32),
    }
    core = uc.Uc(*modes[emulator.arch])
    consts = vars(machine(emulator).consts)
    if (model := consts.get(f"UC_CPU_{emulator.cpu}")) is None:
        names = sorted(n.removeprefix("UC_CPU_") for n in consts if n.startswith("UC_CPU_"))
        raise TargetError(
            "unicorn has no such processor model",
            where=f"{isa}.toml: emulators.cpu",
            got=f"'{emulator.cpu}'",
            wanted=f"one of: {', '.join(names)}",
        )
    core.ctl_set_cpu_model(model)
    return core


def machine(emulator: Emulator) -> Machine:
    """Return the calling convention of an emulated processor."""
    return _MACHINES[emulator.arch]()


def _arm_m() -> Machine:
    arm: Any = importlib.import_module("unicorn.arm_const")
    registers = tuple(getattr(arm, f"UC_ARM_REG_R{n}") for n in range(4))
    return Machine(
        consts=arm,
        arguments=registers,
        sp=arm.UC_ARM_REG_SP,
        link=arm.UC_ARM_REG_LR,
        pc=arm.UC_ARM_REG_PC,
        code_bit=1,
        instructions_in=_thumb_instructions,
    )


def _riscv32() -> Machine:
    riscv: Any = importlib.import_module("unicorn.riscv_const")
    registers = tuple(getattr(riscv, f"UC_RISCV_REG_A{n}") for n in range(8))
    return Machine(
        consts=riscv,
        arguments=registers,
        sp=riscv.UC_RISCV_REG_SP,
        link=riscv.UC_RISCV_REG_RA,
        pc=riscv.UC_RISCV_REG_PC,
        code_bit=0,
        instructions_in=_riscv_instructions,
    )


_MACHINES: Final = {"arm-m": _arm_m, "riscv32": _riscv32}


def _thumb_instructions(code: bytes) -> int:
    """Count instructions: 32 bits when the first halfword starts with 0b11101 or more (A5.1)."""
    count = at = 0
    while at < len(code):
        at += 4 if code[at + 1] >> 3 >= 0b11101 else 2
        count += 1
    return count


def _riscv_instructions(code: bytes) -> int:
    """Count instructions: 32 bits when the two lowest bits are ones, else 16 (unprivileged 1.5)."""
    count = at = 0
    while at < len(code):
        at += 4 if code[at] & 3 == 3 else 2
        count += 1
    return count
