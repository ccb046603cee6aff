"""Calls single kernels on parts that only boot (QEMU): many calls in one start, all counted.

The image is kernel_server.c with the sources that a compiled model of that target would get. Counts
come from the plugin of runtime_c/emulators, as for whole models.
"""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from kernel_harness import pack_activation, pack_constant, packed_size, unpack_activation
from mcu_harness import SUMS, McuKernels, Run, kernel_sources

from hysteron.errors import ToolchainError
from hysteron.ir.types import TensorType
from hysteron.ops.kernel._base import KernelOp
from hysteron.runners import build_elf, choose_emulator
from hysteron.runners.qemu_part import QemuPart
from hysteron.targets import Isa

SERVER = Path(__file__).parent / "kernel_server.c"
CANARY = b"\xa5" * 64
Arrays = list[np.ndarray[Any, Any]]


@dataclass(frozen=True)
class Job:
    """One kernel call: op, types, arrays as ``reference`` takes them (first sample).

    With ``dirty`` the padding bits of constants are ones, as a chip with wrong bits may have them.
    """

    op: KernelOp
    types: tuple[TensorType, ...]
    arrays: Arrays
    with_sums: bool = True
    dirty: bool = False


@dataclass
class _Arena:
    """Buffers of one job, each followed by a guard zone."""

    data: bytearray = field(default_factory=bytearray)
    guards: list[int] = field(default_factory=list)

    def place(self, data: bytes, size: int | None = None) -> int:
        at = len(self.data)
        self.data += data.ljust(len(data) if size is None else size, b"\xa5")
        self.guards.append(len(self.data))
        self.data += CANARY
        self.data += bytes(-len(self.data) % 8)
        return at


def _constant(job: Job, array: np.ndarray[Any, Any], type_: TensorType, encoding: str) -> bytes:
    groups = getattr(job.op, "groups", 1)
    data = pack_constant(array, type_, encoding, groups)
    if not job.dirty or type_.dtype != "b1":
        return data
    valid = pack_constant(np.ones_like(array), type_, encoding, groups)
    return bytes(a | ~b & 0xFF for a, b in zip(data, valid, strict=True))


class _Server(QemuPart):
    """The booted image; ``ask`` returns its answer and the counted windows."""

    def __init__(self, elf: Path, isa: Isa, functions: Sequence[str]) -> None:
        super().__init__(elf, choose_emulator(isa, "qemu"), "kernels", ())
        if self._plugin is None:
            raise ToolchainError("no host compiler for the counting plugin")
        self._functions = functions

    def _watch_file(self) -> str:
        main = self._symbols["main"]
        low = main.address & ~1
        lines = [f"home 0 {low:#x} {low + main.size:#x}"]
        for number, name in enumerate(self._functions):
            lines.append(f"0 {number} {self._symbols[name].address & ~1:#x}")
        return "\n".join(lines) + "\n"

    def ask(self, data: bytes, jobs: int) -> tuple[bytes, list[tuple[int, int]]]:
        with tempfile.TemporaryDirectory(prefix="hysteron-image-") as scratch:
            folder = Path(scratch)
            (folder / "in.bin").write_bytes(data)
            (folder / "watch").write_text(self._watch_file(), encoding="ascii")
            self._execute(folder, self._command(folder, self._budget * max(jobs, 1)))
            rows = (folder / "counts").read_text(encoding="ascii").splitlines()
            windows = [(int(row.split()[1]), int(row.split()[2])) for row in rows]
            return (folder / "out.bin").read_bytes(), windows


class BootedKernels:
    """Kernels of some ops in one bootable image; ``run_all`` calls many in one start."""

    def __init__(self, isa: Isa, ops: list[type[KernelOp]], family: str | None = None) -> None:
        self.isa = isa
        self._folder = tempfile.TemporaryDirectory(prefix="hysteron-kernels-")
        folder = Path(self._folder.name)
        sums = any(op.SUMS for op in ops)
        self._functions = [f"hyst_{op.name}" for op in ops] + [SUMS] * sums
        lines = [f"void {name}(void);" for name in self._functions]
        lines.append("#define FUNCTIONS " + ", ".join(f"(function){n}" for n in self._functions))
        (folder / "calls.inc").write_text("\n".join(lines) + "\n", encoding="ascii")
        sources = [*kernel_sources(folder, ops, isa), SERVER]
        boot = choose_emulator(isa, "qemu")
        self.elf = build_elf(
            sources, [folder], isa, folder / "k.elf", ["main", *self._functions],
            family=family, boot=boot,
        )  # fmt: skip
        self._server = _Server(self.elf.path, isa, self._functions)

    def run(
        self, op: KernelOp, types: tuple[TensorType, ...], arrays: Arrays, *, with_sums: bool = True
    ) -> Run:
        """Call one op on the first sample of ``arrays``."""
        return self.run_all([Job(op, types, arrays, with_sums)])[0]

    def run_all(self, jobs: Sequence[Job]) -> list[Run]:
        """Call each job's op on its first sample; checks that nothing else was written."""
        arenas, asked = [], [struct.pack("<I", len(jobs))]
        outs = []
        for job in jobs:
            arena, calls, places = self._job(job)
            arenas.append(arena)
            outs.append(places)
            size = len(arena.data)
            asked.append(struct.pack("<4I", size, len(calls), 0, size))
            asked += [bytes(arena.data), *calls]
        answer, windows = self._server.ask(b"".join(asked), len(jobs))
        counts = [count for number, count in windows if self._functions[number] != SUMS]
        runs, at = [], 0
        for job, arena, places, count in zip(jobs, arenas, outs, counts, strict=True):
            left = answer[at : at + len(arena.data)]
            at += len(arena.data)
            for guard in arena.guards:
                assert left[guard : guard + len(CANARY)] == CANARY, f"{job.op}: past a buffer"
            results = job.op.infer(*job.types)
            runs.append(Run([
                unpack_activation(left[place : place + packed_size(type_)], type_)
                for place, type_ in zip(places, results, strict=True)
            ], count, 0))  # fmt: skip
        return runs

    def run_example(
        self, op: KernelOp, types: tuple[TensorType, ...], arrays: Arrays, *, with_sums: bool = True
    ) -> Arrays:
        """Return the outputs of every sample, batch axis first, from one start."""
        count = op.activation_count(*types)
        jobs = [
            Job(op, types, [a[n : n + 1] for a in arrays[:count]] + arrays[count:], with_sums)
            for n in range(len(arrays[0]))
        ]
        samples = [run.outputs for run in self.run_all(jobs)]
        return [np.stack(column) for column in zip(*samples, strict=True)]

    def _job(self, job: Job) -> tuple[_Arena, list[bytes], list[int]]:
        op, types, arrays = job.op, job.types, job.arrays
        arena, count = _Arena(), job.op.activation_count(*job.types)
        params = arena.place(b"".join(struct.pack("<i", value) for _, value in op.params(*types)))
        args: list[int | None] = [params]
        for array, type_ in zip(arrays[:count], types[:count], strict=True):
            args.append(arena.place(pack_activation(array[0], type_.dtype)))
        args += [None] * (op.ACTIVATIONS[1] - count)
        encodings = op.const_encodings(*types)[: len(types) - count]
        constants = [
            arena.place(_constant(job, array, type_, encoding))
            for array, type_, encoding in zip(arrays[count:], types[count:], encodings, strict=True)
        ]
        args += [*constants, *[None] * (op.CONSTANTS[1] - len(constants))]
        outs = [arena.place(b"", packed_size(type_)) for type_ in op.infer(*types)]
        args += [*outs, *[None] * (op.OUTPUTS[1] - len(outs))]
        calls = []
        if op.SUMS:
            size = op.sums_bytes(*types) if job.with_sums else 0
            sums = arena.place(b"", size) if size else None
            args.append(sums)
            if sums is not None:
                t = constants[1] if len(constants) > 1 else None
                numbers = [value for _, value in op.sums_params(*types)]
                calls.append(self._call(SUMS, [constants[0], t], numbers, [sums]))
        args.append(arena.place(b"", op.scratch_bytes(*types)))
        calls.append(self._call(f"hyst_{op.name}", args))
        return arena, calls, outs

    def _call(
        self, name: str, first: list[int | None], numbers: Sequence[int] = (),
        last: Sequence[int | None] = (),
    ) -> bytes:  # fmt: skip
        """Return a call whose ``first`` and ``last`` arguments are offsets or NULL."""
        words: list[int] = []
        mask = 0
        for group, is_offset in ((first, True), (numbers, False), (last, True)):
            for value in group:
                mask |= (1 << len(words)) if is_offset and value is not None else 0
                words.append((value or 0) & 0xFFFFFFFF)
        assert len(words) <= 10, name
        words += [0] * (10 - len(words))
        return struct.pack("<12I", self._functions.index(name), mask, *words)


def kernels_on(
    isa: Isa, ops: list[type[KernelOp]], family: str | None = None
) -> McuKernels | BootedKernels:
    """Link kernels for the preferred emulator of an instruction set; both have ``run``."""
    assert isa.emulator is not None
    kind = McuKernels if isa.emulator.kind == "unicorn" else BootedKernels
    return kind(isa, ops, family)
