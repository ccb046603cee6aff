"""Calls the C compiler of this machine and keeps what it made.

Objects and libraries are cached by content, compiler version, flags and CPU
features below the user's cache folder; a finished file appears under its name
by one rename, so concurrent builds are safe.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from hysteron.errors import ToolchainError
from hysteron.image.program import Isa

_TIMEOUT_S: Final = 600
_ERROR_LINES: Final = 12
SANITIZE: Final = (
    "-O1",
    "-g",
    "-fno-omit-frame-pointer",
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
)


@dataclass(frozen=True, slots=True)
class Cc:
    """A working compiler: command, its version text, compile and link flags."""

    command: tuple[str, ...]
    version: str
    flags: tuple[str, ...]
    link_flags: tuple[str, ...]


def find_cc(isa: Isa) -> Cc:
    """Return the first compiler of a native instruction set that runs.

    Raises ToolchainError that says what to install.
    """
    for candidate in isa.compilers:
        command = tuple(part.replace("{python}", sys.executable) for part in candidate.command)
        version = _version(command)
        if version:
            return Cc(command, version, tuple(candidate.flags), tuple(candidate.link_flags))
    raise ToolchainError(
        "no C compiler found",
        where=isa.name,
        wanted=" or ".join(" ".join(one.command) for one in isa.compilers),
        fix="; or ".join(one.install for one in isa.compilers),
    )


@cache
def _version(command: tuple[str, ...]) -> str:
    """Return what ``--version`` prints, "" when the command does not run."""
    if shutil.which(command[0]) is None:
        return ""
    try:
        done = subprocess.run(
            [*command, "--version"], capture_output=True, text=True, timeout=60, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout


@cache
def _cpu() -> str:
    """Return what identifies this processor's features."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return platform.machine() + platform.processor()
    lines = (line for line in text.splitlines() if line.startswith(("flags", "Features")))
    return platform.machine() + next(lines, "")


def cache_dir() -> Path:
    """Return the folder for compiled files (``XDG_CACHE_HOME``/hysteron)."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "hysteron"


def _digest(*parts: str | bytes) -> str:
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(len(data).to_bytes(8, "little") + data)
    return total.hexdigest()


def build(files: Mapping[str, bytes], cc: Cc, kind: str, extra: Sequence[str] = ()) -> Path:
    """Return the path of a shared library or executable made of ``files``.

    ``files`` is path -> content; every ``.c`` among them is compiled with the
    root as include folder. ``kind`` is "library" or "program"; ``extra`` flags
    come last, in both steps. Raises ToolchainError with the first error lines.
    """
    headers = _digest(*(x for f in sorted(files) if not f.endswith(".c") for x in (f, files[f])))
    base = _digest(cc.version, _cpu(), *cc.command, *cc.flags, *extra, headers)
    keys = {f: _digest(base, f, files[f]) for f in sorted(files) if f.endswith(".c")}
    folder = cache_dir()
    result = folder / f"{_digest(base, kind, *cc.link_flags, *keys.values())}.{kind}"
    if result.exists():
        return result
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix="build-") as scratch:
        root = Path(scratch)
        for path, content in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)
        missing = [f for f in keys if not (folder / f"{keys[f]}.o").exists()]
        with ThreadPoolExecutor(max(os.cpu_count() or 1, 1)) as pool:
            list(pool.map(lambda f: _compile(root, f, folder, keys[f], cc, extra), missing))
        objects = [str(folder / f"{key}.o") for key in keys.values()]
        link = cc.link_flags if kind == "library" else ()
        command = [*cc.command, *link, *extra, "-o", f"{scratch}/result", *objects]
        _call(command, root)
        os.replace(f"{scratch}/result", result)
    return result


def _compile(root: Path, source: str, folder: Path, key: str, cc: Cc, extra: Sequence[str]) -> None:
    made = root / f"{key}.o"
    _call([*cc.command, *cc.flags, *extra, "-I.", "-c", source, "-o", str(made)], root)
    os.replace(made, folder / made.name)


def _call(command: list[str], root: Path) -> None:
    try:
        done = subprocess.run(
            command, cwd=root, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ToolchainError("the C compiler did not run", got=str(error)[:200]) from error
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "error" in line.lower()]
        shown = "\n".join((lines or done.stderr.splitlines())[:_ERROR_LINES])
        raise ToolchainError("the C compiler failed", where=command[0], got=shown)
