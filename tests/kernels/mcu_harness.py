"""Calls single kernels on an emulated core and counts their instructions.

Packing comes from kernel_harness; the sources are the files that a compiled model of
that target would get, with the flags of its TOML.
"""

from __future__ import annotations

import struct
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from kernel_harness import pack_activation, pack_constant, packed_size, unpack_activation

from hysteron.codegen.runtime_files import runtime_files
from hysteron.ir.graph import Graph, Node, Origin
from hysteron.ir.types import TensorType
from hysteron.ops.kernel._base import KernelOp
from hysteron.ops.kernel._steps import step_types
from hysteron.ops.kernel.xnor_conv import XnorConv
from hysteron.ops.kernel.xnor_dense import XnorDense
from hysteron.passes.choose_layouts import LIST_SCRATCH_BYTES, ChooseLayouts
from hysteron.runners import ElfInfo, EmulatedMcu, build_elf
from hysteron.targets import Isa, known, load_isa

SUMS = "hyst_sliced_sums"
FAMILIES = ("gcc", "zig")
#: Emulators whose counts are instructions.
KINDS = ("unicorn", "qemu")


def isas() -> list[Isa]:
    """Return the 32-bit instruction sets with sliced weights; emulator.kind says how they run."""
    every = [load_isa(name) for name in known("isa")]
    return [
        isa
        for isa in every
        if isa.weight_layout == "sliced" and isa.emulator and isa.emulator.kind in KINDS
    ]


@dataclass(frozen=True)
class Run:
    """One call: its outputs, executed instructions and deepest stack in bytes."""

    outputs: list[np.ndarray[Any, Any]]
    instructions: int
    stack_bytes: int


def kernel_sources(folder: Path, ops: list[type[KernelOp]], isa: Isa) -> list[Path]:
    """Write the runtime files that some ops need on an instruction set; return the C sources."""
    headers = [f"hyst/op_{op.name}.h" for op in ops]
    stems = sorted({stem for op in ops for stem in op.SOURCES})
    sources = []
    for path, content in runtime_files(headers, stems, isa.kernel_suffixes).items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        if path.endswith(".c"):
            sources.append(place)
    return sources


class McuKernels:
    """Kernels of some ops, linked for an instruction set; ``run`` calls one on one sample."""

    def __init__(self, isa: Isa, ops: list[type[KernelOp]], family: str | None = None) -> None:
        self.isa = isa
        self._folder = tempfile.TemporaryDirectory(prefix="hysteron-kernels-")
        self.elf = self._build(ops, family)

    def _build(self, ops: list[type[KernelOp]], family: str | None) -> ElfInfo:
        folder = Path(self._folder.name)
        sources = kernel_sources(folder, ops, self.isa)
        entries = [f"hyst_{op.name}" for op in ops] + [SUMS]
        return build_elf(sources, [folder], self.isa, folder / "k.elf", entries, family=family)

    def run(
        self,
        op: KernelOp,
        types: tuple[TensorType, ...],
        arrays: list[np.ndarray[Any, Any]],
        *,
        with_sums: bool = True,
    ) -> Run:
        """Call one op on the first sample of ``arrays``, given as ``reference`` takes them."""
        mcu = EmulatedMcu(self.elf.path, self.isa)
        count = op.activation_count(*types)
        encodings = op.const_encodings(*types)

        def place(data: bytes) -> int:
            at = mcu.alloc(-(-len(data) // 8) * 8)
            mcu.write(at, data)
            return at

        params = place(b"".join(struct.pack("<i", value) for _, value in op.params(*types)))
        activations = [
            place(pack_activation(array[0], type_.dtype))
            for array, type_ in zip(arrays[:count], types[:count], strict=True)
        ]
        constants = [
            place(pack_constant(array, type_, encoding, getattr(op, "groups", 1)))
            for array, type_, encoding in zip(
                arrays[count:], types[count:], encodings[: len(types) - count], strict=True
            )
        ]
        results = op.infer(*types)
        outs = [mcu.alloc(packed_size(type_)) for type_ in results]
        args = activations + [0] * (op.ACTIVATIONS[1] - count)
        args += constants + [0] * (op.CONSTANTS[1] - len(constants))
        args += outs + [0] * (op.OUTPUTS[1] - len(outs))
        if op.SUMS:
            args.append(self._sums(mcu, op, types, constants) if with_sums else 0)
        args.append(mcu.alloc(op.scratch_bytes(*types)))
        mcu.call(f"hyst_{op.name}", params, *args)
        outputs = [
            unpack_activation(mcu.read(at, packed_size(type_)), type_)
            for at, type_ in zip(outs, results, strict=True)
        ]
        return Run(outputs, mcu.instructions, mcu.peak_stack)

    def _sums(
        self, mcu: EmulatedMcu, op: KernelOp, types: tuple[TensorType, ...], constants: list[int]
    ) -> int:
        size = op.sums_bytes(*types)
        if not size:
            return 0
        at, t = mcu.alloc(size), constants[1] if len(constants) > 1 else 0
        numbers = [value for _, value in op.sums_params(*types)]
        mcu.call(SUMS, constants[0], t, *numbers, at)
        return at


def signs(
    rng: np.random.Generator, shape: tuple[int, ...], ones: int
) -> np.ndarray[Any, np.dtype[np.int8]]:
    """Return -1/+1 with exactly ``ones`` of +1 in random places."""
    values = np.full(int(np.prod(shape)), -1, dtype=np.int8)
    values[rng.permutation(values.size)[:ones]] = 1
    return values.reshape(shape)


@dataclass(frozen=True)
class Case:
    """A layer that is measured: its op, types and multiply-accumulates, padding included."""

    name: str
    op: KernelOp
    types: tuple[TensorType, ...]
    macs: int

    def arrays(self, density: float) -> list[np.ndarray[Any, Any]]:
        """Return one sample with exactly that share of ones, weights and thresholds."""
        rng = np.random.default_rng(1)
        x, w, t, inv = self.types
        return [
            signs(rng, (1, *x.shape), round(density * x.size)),
            signs(rng, w.shape, w.size // 2),
            rng.integers(-20, 21, t.shape).astype(np.int16),
            signs(rng, inv.shape, inv.size // 2),
        ]


def chosen(
    op: KernelOp,
    types: tuple[TensorType, ...],
    layout: str,
    list_scratch: int = LIST_SCRATCH_BYTES,
    costs: str = "scalar",
) -> KernelOp:
    """Return the op as the pass sets it for a target that prefers ``layout``."""
    names = tuple(f"t{i}" for i in range(len(types)))
    graph = Graph(
        inputs=names[:1],
        outputs=("y",),
        nodes=(Node(op, names, ("y",), Origin()),),
        types={**dict(zip(names, types, strict=True)), "y": op.infer(*types)[0]},
    )
    choose = ChooseLayouts(layout, list_scratch=list_scratch, costs=costs)
    found = choose.run(graph).nodes[0].op
    assert isinstance(found, KernelOp)
    return found


def cases(layout: str, costs: str = "scalar") -> tuple[Case, ...]:
    """Return the two layers of DESIGN: dense 1024x1024, conv 3x3 64->64 on 16x16, zero pads."""
    return _cases(layout, 1024, (16, 16, 64), LIST_SCRATCH_BYTES, costs)


def avr_cases(isa: Isa) -> tuple[Case, ...]:
    """Return the layers of 8-bit parts: dense 1024 -> 64, conv 3x3 32->32 on 8x8, zero pads."""
    return _cases("sliced", 64, (8, 8, 32), isa.list_scratch_bytes, isa.layout_costs)


def _cases(
    layout: str, outputs: int, x: tuple[int, int, int], list_scratch: int, costs: str
) -> tuple[Case, ...]:
    conv = XnorConv(out="b1", pad_top=1, pad_left=1, pad_bottom=1, pad_right=1)
    channels, pixels = x[2], x[0] * x[1]
    shapes: tuple[tuple[str, KernelOp, tuple[int, ...], tuple[int, ...], int], ...] = (
        ("dense", XnorDense(out="b1"), (1024,), (outputs, 1024), outputs * 1024),
        ("conv", conv, x, (channels, 3, 3, channels), pixels * channels * 9 * channels),
    )
    found = []
    for name, op, shape, w, macs in shapes:
        types = (TensorType("b1", shape), TensorType("b1", w), *step_types("b1", 1, w[0]))
        found.append(Case(name, chosen(op, types, layout, list_scratch, costs), types, macs))
    return tuple(found)
