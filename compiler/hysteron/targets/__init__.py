"""Targets as data: instruction sets and parts, one TOML file each."""

from hysteron.targets.board import SerialName, serial_name
from hysteron.targets.load import (
    cpu_features,
    known,
    load_file,
    load_isa,
    load_mcu,
    load_target,
)
from hysteron.targets.schema import (
    Compiler,
    Emulator,
    ExtraMemory,
    Isa,
    Mcu,
    MemoryMap,
    Region,
    Sourced,
    Target,
)

__all__ = [
    "Compiler",
    "Emulator",
    "ExtraMemory",
    "Isa",
    "Mcu",
    "MemoryMap",
    "Region",
    "SerialName",
    "Sourced",
    "Target",
    "cpu_features",
    "known",
    "load_file",
    "load_isa",
    "load_mcu",
    "load_target",
    "serial_name",
]
