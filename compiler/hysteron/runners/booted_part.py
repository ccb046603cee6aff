"""A program as an image that boots in an emulator; samples and answers are files.

The image reads in.bin and writes out.bin (``firmware.c.j2``) through the emulator's port; what the
emulator counts comes back as a text file of windows (``runtime_c/emulators``).
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Final

from hysteron._assets import asset_dir
from hysteron.errors import CapacityError, InternalError, ToolchainError
from hysteron.runners.elf import Symbol, read_symbols
from hysteron.runners.inference import LAYER, Inference, Watch

#: Traced arenas of one start of the emulator stay below this many bytes.
_TRACE_BYTES: Final = 1 << 26
BUDGET: Final = 2_000_000_000
SECONDS: Final = 600.0
_DEEP, _HUNG = 96, 97
#: Start-up code alone needs more than this.
_LEAST_STACK: Final = 64


class BootedPart:
    """The program ``name`` in the bootable image ``elf``, in some emulator.

    ``budget`` instructions per sample or ``seconds`` in all end a program that
    hangs.
    """

    version = ""
    #: What the emulator counts in a window besides instructions.
    COUNTS: ClassVar[tuple[str, str]] = ("", "")

    def __init__(
        self, elf: Path, name: str, sizes: Sequence[int], budget: int, seconds: float
    ) -> None:
        self._elf, self._name = elf, name
        self._sizes, self._budget, self._seconds = sizes, budget, seconds
        self._symbols = read_symbols(elf)
        self._check_stack(_LEAST_STACK, self._room())

    def _room(self) -> int:
        limits = (self._symbols["hyst_stack_top"], self._symbols["hyst_stack_limit"])
        return limits[0].address - limits[1].address

    def _command(self, folder: Path, budget: int) -> list[str]:
        """Return how to start the emulator; ``watch`` and ``counts`` lie in ``folder``."""
        raise NotImplementedError

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

    def _check_stack(self, used: int, room: int) -> None:
        if used >= room:
            raise CapacityError(
                "the stack met the data or its limit",
                where=f"emulated {self._name}",
                got=f"{used:,} bytes or more",
                wanted=f"less than {room:,}",
                fix="choose a part with more RAM or a smaller model",
            )

    def _boot(self, samples: Sequence[bytes], watch: Watch) -> list[Inference]:
        with tempfile.TemporaryDirectory(prefix="hysteron-image-") as scratch:
            folder = Path(scratch)
            head = struct.pack("<2I", len(samples), bool(watch))
            (folder / "in.bin").write_bytes(head + b"".join(samples))
            (folder / "watch").write_text(self._watch_file(), encoding="ascii")
            budget = self._budget * max(len(samples), 1)
            self._execute(folder, self._command(folder, budget))
            answers = (folder / "out.bin").read_bytes()
            counts = folder / "counts"
            windows = counts.read_text(encoding="ascii") if counts.exists() else ""
        return list(self._answers(answers, windows, len(samples), watch))

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
        if done.returncode == _DEEP:
            room = self._room()
            self._check_stack(room, room)
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
        lines = [f"0 0 {_code(self._symbols[f'{name}_run']):#x}"]
        for symbol in self._symbols.values():
            if not symbol.is_code:
                continue
            low = _code(symbol)
            high = low + max(symbol.size, 2)
            if (match := LAYER.fullmatch(symbol.name.removeprefix(name))) is not None:
                lines.append(f"1 {match[1]} {low:#x}")
            elif symbol.name == "main":
                lines += [f"home 0 {low:#x} {high:#x}", f"home 1 {low:#x} {high:#x}"]
            elif symbol.name.startswith(f"{name}_") or symbol.name == "traced":
                lines.append(f"home 1 {low:#x} {high:#x}")
        return "\n".join(lines) + "\n"

    def _answers(
        self, data: bytes, windows: str, samples: int, watch: Watch
    ) -> Iterator[Inference]:
        count = sum(bool(LAYER.fullmatch(key.removeprefix(self._name))) for key in self._symbols)
        runs, layers = _windows(windows, count)
        at = 0
        for n in range(samples):
            seen: list[tuple[bytes, ...]] = []
            for places in watch:
                seen.append(tuple(data[at + start : at + start + size] for start, size in places))
                at += self._arena_bytes()
            status, painted, room = struct.unpack_from("<iII", data, at)
            output = data[at + 12 : at + 12 + self._sizes[2]]
            at += 12 + self._sizes[2]
            counted = runs[n] if runs else None
            counts = dict(zip(self.COUNTS, counted[1:], strict=True)) if counted else {}
            # Paint misses what a frame reserved and never wrote; a watched pointer does not.
            stack = counts.pop("lowest_stack_bytes", painted)
            self._check_stack(stack, room)
            yield Inference(
                status=status,
                output=output,
                instructions=counted[0] if counted else None,
                stack_bytes=stack,
                counts=counts,
                layers=tuple(seen),
                layer_instructions=layers[n] if layers else (),
            )
        if at != len(data):
            raise InternalError("the image wrote another number of bytes", where=self._name)


def _code(symbol: Symbol) -> int:
    """Return where a function's instructions start: bit 0 marks Thumb in a symbol only."""
    return symbol.address & ~1


def _windows(text: str, count: int) -> tuple[list[tuple[int, int, int]], list[tuple[int, ...]]]:
    """Return each inference's counts and each inference's instructions per layer.

    ``count`` layers run inside each counted window; a traced inference runs a
    second time, layer by layer, outside of it.
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
        layers.append(tuple(pending[-count:]) if count else ())
        pending.clear()
    return runs, layers


def build_tool(source: str, out: Path, *flags: str) -> str:
    """Build ``runtime_c/emulators/<source>`` for this machine; return why not, or an empty text."""
    cc = shutil.which(os.environ.get("CC", "cc"))
    if cc is None:
        return "no host C compiler"
    path = asset_dir("runtime_c") / "emulators" / source
    command = [cc, "-O2", str(path), "-o", str(out), *flags]
    done = subprocess.run(command, capture_output=True, text=True)
    return "" if done.returncode == 0 else " | ".join(done.stderr.strip().splitlines()[:2])
