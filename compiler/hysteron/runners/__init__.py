"""Generated C on emulated parts: toolchains, freestanding ELF files, unicorn and QEMU."""

from hysteron.runners.elf import ElfInfo, build_elf
from hysteron.runners.emulators import choose_emulator
from hysteron.runners.toolchain import Toolchain, probe
from hysteron.runners.unicorn_runner import EmulatedMcu, Return

__all__ = ["ElfInfo", "EmulatedMcu", "Return", "Toolchain", "build_elf", "choose_emulator", "probe"]
