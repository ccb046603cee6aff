"""Compiles another generator's C for an instruction set and counts it as ours is counted.

Same compiler, same flags, same linker script, same emulator; code is written to a temporary
folder and never kept.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from hysteron.errors import HysteronError
from hysteron.host.compiler import find_cc
from hysteron.runners import ElfInfo, EmulatedMcu, build_elf, probe
from hysteron.targets import Isa, load_isa

#: Where Debian's libnewlib-arm-none-eabi lies, or a copy of it unpacked elsewhere.
NEWLIB_ROOT = Path(os.environ.get("NEWLIB_ROOT", "/usr"))
NEED_NEWLIB = "their C includes <stdio.h> and <math.h>: apt install libnewlib-arm-none-eabi"


class MissingError(Exception):
    """A peer or what it needs is not installed; the text says how to get it."""


@dataclass(frozen=True)
class Digits:
    """Scikit-learn's digits: every third image (index % 3 == 2) is the test part."""

    train: NDArray[np.float64]
    train_labels: NDArray[np.int64]
    test: NDArray[np.float64]
    test_labels: NDArray[np.int64]


@cache
def digits() -> Digits:
    """Return pixels 0..16 as (samples, 64) and the classes."""
    every = load_digits()
    held_out = np.arange(every.target.size) % 3 == 2
    x, y = every.data, every.target.astype(np.int64)
    return Digits(x[~held_out], y[~held_out], x[held_out], y[held_out])


@dataclass(frozen=True, eq=False)
class Candidate:
    """One model in one form of one tool.

    ``source`` holds ``int32_t bench_class(const T *)``; ``inputs`` are the test samples as that
    function takes them, ``wanted`` the classes that the tool's own input, run in Python, gives.
    """

    tool: str
    name: str
    source: str
    inputs: NDArray[Any]
    wanted: NDArray[np.int64]
    includes: tuple[Path, ...] = ()

    @property
    def correct(self) -> int:
        """Return how many test images the C gets right."""
        return int((host_classes(self) == digits().test_labels).sum())

    @property
    def agrees(self) -> int:
        """Return for how many test images the C gives the Python model's class."""
        return int((host_classes(self) == self.wanted).sum())


@dataclass(frozen=True)
class Cost:
    """What one model costs on one core; instructions of the slowest sample that was run."""

    instructions: int
    flash_bytes: int
    ram_bytes: int
    stack_bytes: int


def with_newlib(isa: Isa) -> Isa:
    """Return the instruction set with GCC alone, newlib's headers and libraries added.

    Raises ToolchainError without GCC and MissingError without newlib.
    """
    tools = probe(isa, "gcc")
    compiler = next(one for one in isa.compilers if one.family == "gcc")

    def answer(question: str) -> str:
        asked = [*tools.command, *tools.flags, question]
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()

    flags, libraries = compiler.flags, ("-lm", "-lc", *compiler.libraries)
    if not Path(answer("-print-file-name=libm.a")).is_absolute():
        folder = NEWLIB_ROOT / "lib/arm-none-eabi/newlib" / answer("-print-multi-directory")
        if not (folder / "libm.a").is_file():
            raise MissingError(NEED_NEWLIB)
        flags = (*flags, "-isystem", str(NEWLIB_ROOT / "include/newlib"))
        libraries = (f"-L{folder}", *libraries)
    compiler = msgspec.structs.replace(compiler, flags=flags, libraries=libraries)
    return msgspec.structs.replace(isa, compilers=(compiler,))


@contextmanager
def linked(candidate: Candidate, isa: Isa) -> Iterator[ElfInfo]:
    """Yield the candidate as an ELF file, made by the GCC of ``isa``."""
    with tempfile.TemporaryDirectory(prefix="hysteron-peer-") as scratch:
        source = Path(scratch) / "peer.c"
        source.write_text(candidate.source, encoding="utf-8")
        yield build_elf(
            [source], list(candidate.includes), with_newlib(isa), Path(scratch) / "peer.elf",
            ["bench_class"],
        )  # fmt: skip


def measured(candidate: Candidate, isa: Isa, samples: int) -> Cost:
    """Run the first ``samples`` test images; every class must be what the same C gives here."""
    wanted = host_classes(candidate)
    with linked(candidate, isa) as elf:
        mcu = EmulatedMcu(elf.path, isa)
        at = mcu.alloc(candidate.inputs[0].nbytes)
        most = stack = 0
        for n in range(samples):
            mcu.write(at, candidate.inputs[n].tobytes())
            got = mcu.call("bench_class", at)
            if got != wanted[n]:
                raise SystemExit(f"{candidate.tool}, {candidate.name}, {isa.name}: sample {n} is "
                                 f"{wanted[n]} on this machine and {got} there")  # fmt: skip
            most, stack = max(most, mcu.instructions), max(stack, mcu.peak_stack)
        return Cost(most, elf.flash_bytes, elf.ram_bytes, stack)


@cache
def host_classes(candidate: Candidate) -> NDArray[np.int64]:
    """Return the classes of all test images from the same C, compiled for this machine."""
    cc = find_cc(load_isa("host-portable"))
    with tempfile.TemporaryDirectory(prefix="hysteron-peer-") as scratch:
        source, library = Path(scratch) / "peer.c", Path(scratch) / "peer.so"
        source.write_text(candidate.source, encoding="utf-8")
        includes = [f"-I{folder}" for folder in candidate.includes]
        command = [*cc.command, "-O2", "-std=c99", "-ffp-contract=off", "-shared", "-fPIC", "-w"]
        done = subprocess.run([*command, *includes, str(source), "-o", str(library), "-lm"],
                              capture_output=True, text=True, check=False)  # fmt: skip
        if done.returncode != 0:
            raise HysteronError(f"{candidate.name} does not compile", got=done.stderr[:300])
        function = ctypes.CDLL(str(library)).bench_class
        function.restype = ctypes.c_int32
        rows = [np.ascontiguousarray(row) for row in candidate.inputs]
        return np.array([function(ctypes.c_void_p(row.ctypes.data)) for row in rows])
