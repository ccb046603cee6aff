"""Runs single kernels on an emulated AVR part: constants in flash, cycles counted.

Every sample goes through one boot of the image; the sources are the files that a compiled model
of that part would get, with the flags of its TOML.
"""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from kernel_harness import pack_activation, pack_constant, packed_size, unpack_activation

from hysteron._assets import asset_dir
from hysteron.codegen.runtime_files import runtime_files
from hysteron.errors import CapacityError
from hysteron.ir.types import TensorType
from hysteron.ops.kernel._base import KernelOp
from hysteron.runners import build_elf, choose_emulator, probe
from hysteron.runners.simavr_part import SimavrPart
from hysteron.targets import load_target

Arrays = list[np.ndarray[Any, Any]]
#: Bytes of the largest array that avr-gcc takes.
LARGEST = 2**15 - 1
_FOLDER = tempfile.TemporaryDirectory(prefix="hysteron-avr-objects-")

_MAIN = """
#include "semihosting.h"
#include "hyst/abi.h"
#include "hyst/op_{op}.h"
#include "hyst/sliced_steps.h"
{constants}
static const hyst_{op}_params params = {{ {params} }};
static uint64_t sample[{sample_words}], answer[{answer_words}];
static uint64_t sums[{sums_words}], scratch[{scratch_words}];
__attribute__((noinline)) void net_run(void);
void net_run(void) {{
    hyst_{op}({arguments});
}}
int main(void) {{
    static uint32_t head[2], record[3];
    const int from = hyst_host_open("in.bin", 6u, 1), to = hyst_host_open("out.bin", 7u, 5);
    const uintptr_t top = hyst_stack_pointer();
    int wrong = hyst_host_read(from, head, sizeof head);
    {fill}
    for (uint32_t i = 0; i < head[0]; i++) {{
        wrong |= hyst_host_read(from, sample, {sample_bytes});
        hyst_stack_paint();
        net_run();
        record[1] = hyst_stack_used(top);
        record[2] = hyst_stack_room(top);
        wrong |= hyst_host_write(to, record, sizeof record);
        wrong |= hyst_host_write(to, answer, {answer_bytes});
    }}
    return wrong;
}}
"""


@dataclass(frozen=True)
class AvrRun:
    """Outputs with the batch axis first; the most cycles and the deepest stack of a call."""

    outputs: Arrays
    cycles: int
    stack_bytes: int
    version: str
    flags: tuple[str, ...]


class _Source:
    """The program around one op: names and places of its buffers."""

    def __init__(
        self,
        op: KernelOp,
        types: tuple[TensorType, ...],
        constants: list[bytes],
        place: str = "HYST_BUILT_IN",
    ) -> None:
        self.op, self.types, self.place = op, types, place
        self.count = op.activation_count(*types)
        self.results = op.infer(*types)
        self.in_sizes = [_aligned(packed_size(one)) for one in types[: self.count]]
        self.out_sizes = [_aligned(packed_size(one)) for one in self.results]
        self.constants = constants

    def text(self) -> str:
        """Return the C source."""
        op, types = self.op, self.types
        sums = op.sums_bytes(*types) if op.SUMS else 0
        given = [f"{self.place}(c{i})" for i in range(len(self.constants))]
        arguments = ["&params", *_places("sample", self.in_sizes, op.ACTIVATIONS[1])]
        arguments += given + ["0"] * (op.CONSTANTS[1] - len(given))
        if op.name == "float_binary":
            second = _places("sample", self.in_sizes, 2)[1]
            given = given or [f"HYST_IN_SRAM({second})"]
            arguments = ["&params", "sample", *given]
        arguments += _places("answer", self.out_sizes, op.OUTPUTS[1])
        arguments += (["sums" if sums else "NULL"] if op.SUMS else []) + ["scratch"]
        fill = ""
        if sums:
            numbers = ", ".join(str(value) for _, value in op.sums_params(*types))
            t = given[1] if len(given) > 1 else "0"
            fill = f"hyst_sliced_sums({given[0]}, {t}, {numbers}, sums);"
        return _MAIN.format(
            op=op.name,
            constants="\n".join(
                self._array(f"c{i}", data) for i, data in enumerate(self.constants)
            ),
            params=", ".join(str(value) for _, value in op.params(*types)),
            sample_words=max(sum(self.in_sizes) // 8, 1),
            answer_words=max(sum(self.out_sizes) // 8, 1),
            sample_bytes=f"{sum(self.in_sizes)}u",
            answer_bytes=f"{sum(self.out_sizes)}u",
            sums_words=max(_aligned(sums) // 8, 1),
            scratch_words=max(_aligned(op.scratch_bytes(*types)) // 8, 1),
            arguments=", ".join(arguments),
            fill=fill,
        )

    def _array(self, name: str, data: bytes) -> str:
        words = np.frombuffer(data + bytes(-len(data) % 4), dtype="<u4")
        text = ", ".join(f"{word}u" for word in words)
        section = "HYST_IMAGE_SECTION" if self.place == "HYST_BUILT_IN" else ""
        attributes = f"{section} __attribute__((aligned(8)))"
        declared = f"extern const uint32_t {name}[];"
        return f"{declared}\n{attributes} const uint32_t {name}[] = {{ {text} }};"


def _aligned(size: int) -> int:
    return -(-size // 8) * 8


def _places(name: str, sizes: list[int], wanted: int) -> list[str]:
    starts = np.cumsum([0, *sizes])[: len(sizes)]
    return [f"{name} + {start // 8}" for start in starts] + ["NULL"] * (wanted - len(sizes))


@cache
def _objects(target: str, op: str, stems: tuple[str, ...]) -> tuple[Path, tuple[Path, ...]]:
    """Compile the runtime of one op once; return the folder of headers and the objects."""
    isa = load_target(target).isa
    tools = probe(isa)
    folder = Path(_FOLDER.name) / f"{target}-{op}"
    headers = [f"hyst/op_{op}.h", "hyst/sliced_steps.h"]
    made = []
    for path, content in runtime_files(headers, stems, isa.kernel_suffixes).items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        if path.endswith(".c"):
            made.append(place.with_suffix(".o"))
    freestanding = asset_dir("runtime_c") / "freestanding"
    for place in made:
        command = [*tools.command, *tools.flags, f"-I{folder}", "-isystem", str(freestanding)]
        source = str(place.with_suffix(".c"))
        subprocess.run([*command, "-c", source, "-o", str(place)], check=True, timeout=100)
    return folder, tuple(made)


def run_on_avr(
    target: str,
    op: KernelOp,
    types: tuple[TensorType, ...],
    arrays: Arrays,
    *,
    place: str = "HYST_BUILT_IN",
) -> AvrRun:
    """Call one op on every sample of ``arrays``, given as ``reference`` takes them.

    Constants lie in flash, or with ``place="HYST_IN_SRAM"`` in SRAM. Raises
    CapacityError when the part is too small.
    """
    part = load_target(target)
    count = op.activation_count(*types)
    encodings = op.const_encodings(*types)
    constants = [
        pack_constant(array, type_, encoding, getattr(op, "groups", 1))
        for array, type_, encoding in zip(
            arrays[count:], types[count:], encodings[: len(types) - count], strict=True
        )
    ]
    if any(len(data) > LARGEST for data in constants):
        raise CapacityError("a constant is larger than an array of avr-gcc", where=target)
    source = _Source(op, types, constants, place)
    include, objects = _objects(target, op.name, tuple(sorted(op.SOURCES)))
    samples = [_sample(source, arrays, index) for index in range(len(arrays[0]))]
    with tempfile.TemporaryDirectory(prefix="hysteron-avr-") as scratch:
        folder = Path(scratch)
        main = folder / "main.c"
        main.write_text(source.text())
        emulator = choose_emulator(part.isa, "simavr")
        built = build_elf(
            [main, *objects], [include], part.isa, folder / "k.elf", ["net_run"],
            memory=part.memory, boot=emulator,
        )  # fmt: skip
        sizes = (0, sum(source.in_sizes), sum(source.out_sizes), 0)
        cpu = part.mcu.emulator_cpu if part.mcu else ""
        done = SimavrPart(built.path, emulator, "net", sizes, cpu=cpu).infer(samples, ())
    number = range(len(source.results))
    outputs = [_unpacked(source, [one.output for one in done], n) for n in number]
    cycles, stack = max(one.counts["cycles"] for one in done), max(one.stack_bytes for one in done)
    return AvrRun(outputs, cycles, stack, built.version, built.flags)


def _sample(source: _Source, arrays: Arrays, index: int) -> bytes:
    parts = []
    for array, type_, size in zip(arrays, source.types, source.in_sizes, strict=False):
        parts.append(pack_activation(array[index], type_.dtype).ljust(size, b"\0"))
    return b"".join(parts)


def _unpacked(source: _Source, outputs: list[bytes], n: int) -> np.ndarray[Any, Any]:
    at, type_ = sum(source.out_sizes[:n]), source.results[n]
    size = packed_size(type_)
    return np.stack([unpack_activation(out[at : at + size], type_) for out in outputs])
