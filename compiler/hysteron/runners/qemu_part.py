"""A program as an image that boots in QEMU, with files by semihosting.

Instructions, loads and stores are counted by a TCG plugin (``runtime_c/emulators``) that is built
here with the host's C compiler; without one the program still runs, uncounted.
"""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from hysteron.errors import ToolchainError
from hysteron.runners.booted_part import BUDGET, SECONDS, BootedPart, build_tool
from hysteron.targets import Emulator


class QemuPart(BootedPart):
    """The program ``name`` in the bootable image ``elf``; see ``BootedPart``.

    Raises ToolchainError when the emulator does not start.
    """

    COUNTS: ClassVar[tuple[str, str]] = ("loads", "stores")

    def __init__(
        self,
        elf: Path,
        emulator: Emulator,
        name: str,
        sizes: Sequence[int],
        *,
        budget: int = BUDGET,
        seconds: float = SECONDS,
    ) -> None:
        super().__init__(elf, name, sizes, budget, seconds)
        self._path = shutil.which(emulator.command[0]) or emulator.command[0]
        self._emulator = emulator
        self.version = f"{_version(self._path)}, {' '.join(emulator.command[1:])}"
        self._plugin = _plugin(elf.parent)

    def _command(self, folder: Path, budget: int) -> list[str]:
        command = [
            self._path,
            *self._emulator.command[1:],
            *("-nographic", "-monitor", "none", "-serial", "none"),
            *("-semihosting-config", "enable=on,target=native"),
            *("-kernel", str(self._elf)),
        ]
        if self._plugin is not None:
            files = f"watch={folder / 'watch'},out={folder / 'counts'}"
            command += ["-plugin", f"{self._plugin},{files},budget={budget}"]
        return command


@functools.cache
def _version(path: str) -> str:
    try:
        done = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=60, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ToolchainError(f"cannot run '{path}'", got=str(error)) from error
    match = re.search(r"version (\S+)", done.stdout)
    return f"qemu {match[1] if match else 'of unknown version'}"


def _plugin(folder: Path) -> Path | None:
    """Build the counting plugin; None without a host compiler."""
    out = folder / "qemu_count.so"
    return None if build_tool("qemu_count.c", out, "-fPIC", "-shared") else out
