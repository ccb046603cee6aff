"""Finds a compiler for an instruction set: the vendor's first, else the one from PyPI."""

from __future__ import annotations

import functools
import importlib.util
import shutil
import subprocess
import sys
from dataclasses import dataclass

from hysteron.errors import ToolchainError
from hysteron.targets import Compiler, Isa


@dataclass(frozen=True, slots=True)
class Toolchain:
    """A compiler that answered. ``command`` starts it; flags go before the sources.

    ``version`` is its own first line: instruction counts are keyed by it.
    """

    family: str
    command: tuple[str, ...]
    path: str
    version: str
    flags: tuple[str, ...]
    link_flags: tuple[str, ...]
    libraries: tuple[str, ...]


def probe(isa: Isa, family: str | None = None) -> Toolchain:
    """Return the first working compiler of an instruction set, or the one of ``family``.

    Raises ToolchainError that says what to install.
    """
    candidates = [one for one in isa.compilers if family in (None, one.family)]
    for candidate in candidates:
        if (found := _try(candidate)) is not None:
            return found
    raise ToolchainError(
        f"no compiler for {isa.name}",
        got="none of: " + ", ".join(_spelled(one) for one in candidates) if candidates else "",
        wanted=f"family {family}" if family else "",
        fix="; or ".join(one.install for one in candidates),
    )


def _spelled(compiler: Compiler) -> str:
    return " ".join(compiler.command).replace("{python}", "python")


@functools.cache
def _try(compiler: Compiler) -> Toolchain | None:
    """Start the compiler once; None when it is absent or does not run."""
    command = tuple(part.replace("{python}", sys.executable) for part in compiler.command)
    if compiler.family == "zig" and importlib.util.find_spec("ziglang") is None:
        return None
    path = shutil.which(command[0])
    if path is None:
        return None
    # `zig cc --version` names Clang's version only; `zig version` pins both.
    asked = [*command[:-1], "version"] if compiler.family == "zig" else [path, "--version"]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    first = done.stdout.strip().splitlines()[0] if done.stdout.strip() else "unknown version"
    return Toolchain(
        family=compiler.family,
        command=command,
        path=path,
        version=f"zig {first}" if compiler.family == "zig" else first,
        flags=compiler.flags,
        link_flags=compiler.link_flags,
        libraries=(*compiler.libraries, *_libgcc(path, compiler)),
    )


def _libgcc(path: str, compiler: Compiler) -> tuple[str, ...]:
    """Return the support library of ``libgcc_flags``: GCC picks by the spelling of -march."""
    if not compiler.libgcc_flags:
        return ()
    asked = [path, *compiler.libgcc_flags, "-print-libgcc-file-name"]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=True)
    return (done.stdout.strip(),)
