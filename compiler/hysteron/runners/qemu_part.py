"""A program as an image that boots in QEMU; samples and answers are files, by semihosting.

Instructions, loads and stores are counted by a TCG plugin (``runtime_c/emulators``) that is built
here with the host's C compiler; without one the program still runs, uncounted.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from hysteron._assets import asset_dir
from hysteron.errors import InternalError, ToolchainError
from hysteron.runners.elf import Symbol, read_symbols
from hysteron.runners.inference import Inference, Watch
from hysteron.targets import Emulator

#: Traced arenas of one start of the emulator stay below this many bytes.
_TRACE_BYTES: Final = 1 << 26
_BUDGET: Final = 2_000_000_000
_SECONDS: Final = 600.0
_HUNG: Final = 97


class QemuPart:
    """The program ``name`` in the bootable image ``elf``.

    ``budget`` instructions per sample or ``seconds`` in all end a program that
    hangs. Raises ToolchainError when the emulator does not start.
    """

    def __init__(
        self,
        elf: Path,
        emulator: Emulator,
        name: str,
        sizes: Sequence[int],
        *,
        budget: int = _BUDGET,
        seconds: float = _SECONDS,
    ) -> None:
        self._path = shutil.which(emulator.command[0]) or emulator.command[0]
        self.version = f"{_version(self._path)}, {' '.join(emulator.command[1:])}"
        self._elf, self._emulator, self._name = elf, emulator, name
        self._sizes, self._budget, self._seconds = sizes, budget, seconds
        self._symbols = read_symbols(elf)
        self._plugin = _plugin(elf.parent)

    def infer(self, samples: Sequence[bytes], watch: Watch) -> list[Inference]:
        """Run samples, as many per boot as the trace allows; see ``Runner``."""
        arena = self._arena_bytes() * len(watch)
        step = max(1, _TRACE_BYTES // arena) if arena else len(samples)
        found: list[Inference] = []
        for at in range(0, len(samples), step):
            found += self._boot(samples[at : at + step], watch)
        return found

    def _arena_bytes(self) -> int:
        # The arena is the context's first field; firmware.c writes it whole.
        return self._sizes[-1]

    def _boot(self, samples: Sequence[bytes], watch: Watch) -> list[Inference]:
        with tempfile.TemporaryDirectory(prefix="hysteron-qemu-") as scratch:
            folder = Path(scratch)
            head = struct.pack("<2I", len(samples), bool(watch))
            (folder / "in.bin").write_bytes(head + b"".join(samples))
            (folder / "watch").write_text(self._watch_file(), encoding="ascii")
            self._execute(folder, self._command(folder, len(samples)))
            answers = (folder / "out.bin").read_bytes()
            counts = folder / "counts"
            windows = counts.read_text(encoding="ascii") if counts.exists() else ""
        return list(self._answers(answers, windows, len(samples), watch))

    def _command(self, folder: Path, samples: int) -> list[str]:
        command = [
            self._path,
            *self._emulator.command[1:],
            *("-nographic", "-monitor", "none", "-serial", "none"),
            *("-semihosting-config", "enable=on,target=native"),
            *("-kernel", str(self._elf)),
        ]
        if self._plugin is not None:
            budget = self._budget * max(samples, 1)
            files = f"watch={folder / 'watch'},out={folder / 'counts'}"
            command += ["-plugin", f"{self._plugin},{files},budget={budget}"]
        return command

    def _execute(self, folder: Path, command: list[str]) -> None:
        where = f"emulated {self._name}"
        try:
            done = subprocess.run(
                command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                timeout=self._seconds,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            what = f"no end after {self._seconds:g} s: stopped as hanging"
            raise ToolchainError(what, where=where) from error
        if done.returncode == _HUNG:
            what = f"more than {self._budget:,} instructions per sample: stopped as hanging"
            raise ToolchainError(what, where=where)
        if done.returncode != 0:
            text = " | ".join(done.stderr.strip().splitlines()[:3])
            what = "the program trapped" if done.returncode == 99 else "the emulator failed"
            raise ToolchainError(what, where=where, got=f"exit status {done.returncode} {text}")

    def _watch_file(self) -> str:
        """Return the plugin's windows: level 0 is the whole inference, level 1 the layers."""
        name = self._name
        layer = re.compile(rf"{name}_layer_(\d+)$")
        lines = [f"0 0 {_code(self._symbols[f'{name}_run']):#x}"]
        for symbol in self._symbols.values():
            if not symbol.is_code:
                continue
            low = _code(symbol)
            high = low + max(symbol.size, 2)
            if (match := layer.match(symbol.name)) is not None:
                lines.append(f"1 {match[1]} {low:#x}")
            elif symbol.name == "main":
                lines += [f"home 0 {low:#x} {high:#x}", f"home 1 {low:#x} {high:#x}"]
            elif symbol.name.startswith(f"{name}_") or symbol.name == "traced":
                lines.append(f"home 1 {low:#x} {high:#x}")
        return "\n".join(lines) + "\n"

    def _answers(
        self, data: bytes, windows: str, samples: int, watch: Watch
    ) -> Iterator[Inference]:
        runs, layers = _windows(windows, max(len(watch), 1) if watch else 0)
        at = 0
        for n in range(samples):
            seen: list[tuple[bytes, ...]] = []
            for places in watch:
                seen.append(tuple(data[at + start : at + start + size] for start, size in places))
                at += self._arena_bytes()
            status, stack = struct.unpack_from("<iI", data, at)
            output = data[at + 8 : at + 8 + self._sizes[2]]
            at += 8 + self._sizes[2]
            counted = runs[n] if runs else None
            yield Inference(
                status=status,
                output=output,
                instructions=counted[0] if counted else None,
                stack_bytes=stack,
                counts={"loads": counted[1], "stores": counted[2]} if counted else {},
                layers=tuple(seen),
                layer_instructions=layers[n] if layers else (),
            )
        if at != len(data):
            raise InternalError("the image wrote another number of bytes", where=self._name)


def _code(symbol: Symbol) -> int:
    """Return where a function's instructions start: bit 0 marks Thumb in a symbol only."""
    return symbol.address & ~1


def _windows(text: str, traced: int) -> tuple[list[tuple[int, int, int]], list[tuple[int, ...]]]:
    """Return each inference's counts and each inference's instructions per layer.

    A traced inference runs twice, whole and by steps; the layers of the first
    time are the ones inside the counted window.
    """
    runs: list[tuple[int, int, int]] = []
    layers: list[tuple[int, ...]] = []
    pending: list[int] = []
    for line in text.splitlines():
        level, _, instructions, loads, stores = (int(word) for word in line.split())
        if level == 1:
            pending.append(instructions)
            continue
        runs.append((instructions, loads, stores))
        layers.append(tuple(pending[-traced:]) if traced else ())
        pending.clear()
    return runs, layers


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
    cc = shutil.which(os.environ.get("CC", "cc"))
    if cc is None:
        return None
    source, out = asset_dir("runtime_c") / "emulators" / "qemu_count.c", folder / "qemu_count.so"
    done = subprocess.run(
        [cc, "-O2", "-fPIC", "-shared", str(source), "-o", str(out)], capture_output=True
    )
    return out if done.returncode == 0 else None
