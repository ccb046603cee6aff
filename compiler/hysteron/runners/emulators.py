"""Finds an emulator for an instruction set: the first of its list that is installed."""

from __future__ import annotations

import importlib.util
import shutil

from hysteron.errors import ToolchainError
from hysteron.targets import Emulator, Isa


def choose_emulator(isa: Isa, kind: str | None = None) -> Emulator:
    """Return the first installed emulator of an instruction set, or the one of ``kind``.

    Raises ToolchainError that says what to install.
    """
    candidates = [one for one in isa.emulators if kind in (None, one.kind)]
    if not candidates:
        raise ToolchainError(f"{isa.name} does not run on {kind or 'an emulator'}")
    for candidate in candidates:
        if _is_installed(candidate):
            return candidate
    raise ToolchainError(
        f"no emulator for {isa.name}",
        got="none of: " + ", ".join(_spelled(one) for one in candidates),
        fix="; or ".join(one.install for one in candidates),
    )


def _is_installed(emulator: Emulator) -> bool:
    if emulator.kind == "unicorn":
        return importlib.util.find_spec("unicorn") is not None
    return shutil.which(emulator.command[0]) is not None


def _spelled(emulator: Emulator) -> str:
    return emulator.command[0] if emulator.command else emulator.kind
