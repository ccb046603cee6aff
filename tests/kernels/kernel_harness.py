"""Builds runtime_c into one library per variant and calls kernels through cffi.

Packing is written here on purpose once more, straight from docs/architecture.md,
so that it does not share a mistake with the compiler.
"""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import cffi
import numpy as np

from hysteron._assets import asset_dir
from hysteron.ir.types import NUMPY, TensorType
from hysteron.ops import registry
from hysteron.ops.kernel._base import KernelOp

WARNINGS = ("-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror")
CFFI_BLOCK = re.compile(r"/\* cffi:begin \*/(.*?)/\* cffi:end \*/", re.DOTALL)
GUARD = 64
CANARY = 0xA5


def kernel_ops() -> dict[str, type[KernelOp]]:
    """Return name -> class of every op that calls C."""
    return {
        name: cls  # type: ignore[misc]
        for name, cls in registry("kernel").items()
        if not getattr(cls, "ALIAS", False)
    }


def examples() -> list[tuple[KernelOp, tuple[TensorType, ...]]]:
    """Return every (op, types) of every op, in order."""
    return [example for cls in kernel_ops().values() for example in cls.examples()]


def has_cpu_flag(flag: str) -> bool:
    """Say whether this machine is an x86-64 with an extension, as /proc/cpuinfo names it."""
    info = Path("/proc/cpuinfo")
    return (
        platform.machine() in ("x86_64", "AMD64")
        and info.exists()
        and f" {flag} " in info.read_text()
    )


AVX512 = ("-mpopcnt", *(f"-mavx512{part}" for part in ("f", "bw", "dq", "vl", "vnni", "vpopcntdq")))

#: Vectors of a core that this machine lacks, lane by lane in C: sanitizers see their accesses.
EMULATED = f"-isystem{Path(__file__).parent / 'emulated'}"
VARIANTS: dict[str, tuple[tuple[str, ...], str]] = {
    "portable64": ((), "portable"),
    "portable32": (("-DHYST_WORD_BITS=32",), "portable"),
    "mve": (("-DHYST_WORD_BITS=32", EMULATED), "mve"),
    **({"avx2": (("-mavx2", "-mpopcnt"), "avx2")} if has_cpu_flag("avx2") else {}),
    **({"avx512": (AVX512, "avx512")} if has_cpu_flag("avx512_vpopcntdq") else {}),
    # what a user's own flags may do to the real tier: fused multiply-add, vectorised
    **({"gnu11_fma": (("-std=gnu11", "-O3", "-mfma"), "portable")} if has_cpu_flag("fma") else {}),
}


def compiler() -> str:
    """Return the C compiler or raise."""
    found = shutil.which("gcc") or shutil.which("cc")
    if found is None:
        raise RuntimeError("kernel tests need a C compiler (gcc or cc)")
    return found


#: Not kernels: what they call is not in the library.
OTHERS = ("serial_portable.c",)


def sources(suffix: str) -> list[Path]:
    """Return one file per stem: the variant's where there is one, else the portable one."""
    folder = asset_dir("runtime_c") / "src"
    chosen = []
    for portable in sorted({*folder.glob("*_portable.c")} - {folder / name for name in OTHERS}):
        variant = portable.with_name(portable.name.replace("_portable.c", f"_{suffix}.c"))
        chosen.append(variant if variant.exists() else portable)
    alone = () if suffix == "portable" else folder.glob(f"*_{suffix}.c")
    return sorted({*chosen, *alone, folder / "crc32.c"})


def build(variant: str, folder: Path, extra: tuple[str, ...] = ("-O2",)) -> Path:
    """Compile all kernels of a variant into one shared library, warnings being errors."""
    flags, suffix = VARIANTS[variant]
    library = folder / f"kernels_{variant}.so"
    include = asset_dir("runtime_c") / "include"
    subprocess.run(
        [
            *(compiler(), "-std=c99", *WARNINGS, *extra, *flags, "-fPIC", "-shared"),
            *(f"-I{include}", "-o", str(library)),
            *map(str, sources(suffix)),
        ],
        check=True,
        timeout=300,
    )
    return library


@cache
def declarations() -> str:
    """Return the cffi text of all op headers."""
    folder = asset_dir("runtime_c") / "include" / "hyst"
    blocks = ["typedef const void *hyst_rom;"]
    for header in sorted(folder.glob("op_*.h")):
        found = CFFI_BLOCK.findall(header.read_text())
        assert len(found) == 1, f"{header.name} needs exactly one cffi block"
        blocks.append(found[0])
    blocks.append(
        "void hyst_sliced_sums(const void *w, const void *t, int32_t t_type, int32_t steps,"
        " int32_t k, int32_t n, int32_t groups, int32_t ternary, void *sums);"
    )
    return "\n".join(blocks)


def pack_bits(bits: np.ndarray[Any, Any]) -> bytes:
    """Return the rows of a 0/1 matrix (R, K), each padded with zeros to 8 bytes."""
    rows, length = bits.shape
    padded = np.zeros((rows, -(-length // 64) * 64), dtype=np.uint8)
    padded[:, :length] = bits
    return np.packbits(padded, axis=1, bitorder="little").tobytes()


def pack_activation(x: np.ndarray[Any, Any], dtype: str) -> bytes:
    """Return one sample in the activation encoding."""
    flat = x.reshape(1, -1)
    if dtype == "b1":
        return pack_bits(flat > 0)
    if dtype == "t2":
        return pack_bits(flat > 0) + pack_bits(flat < 0)
    return np.ascontiguousarray(flat).tobytes()


def unpack_activation(data: bytes, type_: TensorType) -> np.ndarray[Any, Any]:
    """Return one sample and check that its padding bits are zero."""
    if type_.dtype not in ("b1", "t2"):
        kind = np.dtype(NUMPY[type_.dtype])
        return np.frombuffer(data, dtype=kind)[: type_.size].reshape(type_.shape).copy()
    planes = np.frombuffer(data, dtype=np.uint8).reshape(1 + (type_.dtype == "t2"), -1)
    bits = np.unpackbits(planes, axis=1, bitorder="little").astype(np.int8)
    assert not bits[:, type_.size :].any(), "padding bits of an output are not zero"
    bits = bits[:, : type_.size]
    value = 2 * bits[0] - 1 if type_.dtype == "b1" else bits[0] - bits[1]
    return np.asarray(value.reshape(type_.shape))


def pack_constant(x: np.ndarray[Any, Any], type_: TensorType, encoding: str, groups: int) -> bytes:
    """Return a constant in the named encoding of _base.py."""
    if encoding == "plain":
        return np.ascontiguousarray(x).tobytes()
    if encoding == "bits":
        return pack_bits((x > 0).reshape(-1, x.shape[-1]))
    planes = [x > 0] if type_.dtype == "b1" else [x > 0, x < 0]
    if encoding == "rows":
        return b"".join(pack_bits(plane.reshape(len(plane), -1)) for plane in planes)
    return b"".join(_sliced(plane.reshape(len(plane), -1), groups) for plane in planes)


def _sliced(bits: np.ndarray[Any, Any], groups: int) -> bytes:
    per_group, k = len(bits) // groups, bits.shape[1]
    words = []
    for group in range(groups):
        for first in range(0, per_group, 32):
            block = bits[group * per_group + first : group * per_group + min(first + 32, per_group)]
            lane = (1 << np.arange(len(block), dtype=np.uint64))[:, None]
            words.append((block.astype(np.uint64) * lane).sum(axis=0).astype("<u4").reshape(k))
    return np.concatenate(words).tobytes()


def random_array(
    rng: np.random.Generator, type_: TensorType, batch: int | None
) -> np.ndarray[Any, Any]:
    """Return values that cover the encoding; floats of mixed magnitude with exact ties."""
    shape = type_.shape if batch is None else (batch, *type_.shape)
    if type_.dtype == "b1":
        return (2 * rng.integers(0, 2, shape) - 1).astype(np.int8)
    if type_.dtype == "t2":
        return rng.integers(-1, 2, shape).astype(np.int8)
    if type_.dtype == "f32":
        scale = rng.choice(np.array([0.25, 1.0, 30.0]), shape)
        mixed = (rng.normal(size=shape) * scale).astype(np.float32)
        return np.asarray(mixed.round(int(rng.integers(1, 6))))
    limits = np.iinfo(NUMPY[type_.dtype])  # type: ignore[type-var]
    whole = rng.integers(limits.min, limits.max, shape, dtype=np.int64, endpoint=True)
    return np.asarray(whole.astype(NUMPY[type_.dtype]))


class Kernels:
    """A loaded library; ``call`` runs one op on one sample in guarded buffers."""

    def __init__(self, library: Path) -> None:
        self.ffi = cffi.FFI()
        self.ffi.cdef(declarations())
        self.lib = self.ffi.dlopen(str(library))
        self.keep: list[Any] = []

    def _buffer(self, data: bytes, size: int | None = None) -> Any:
        """Return an 8-byte aligned copy with a guard zone behind it."""
        length = ((len(data) if size is None else size) + 7) & ~7
        words = self.ffi.new("uint64_t[]", (length + GUARD) // 8)
        view = self.ffi.buffer(words)
        view[:] = bytes([CANARY]) * (length + GUARD)
        view[: len(data)] = data
        self.keep.append(words)
        return words

    def _guarded(self, words: Any) -> bool:
        return bytes(self.ffi.buffer(words))[-GUARD:] == bytes([CANARY]) * GUARD

    def call(
        self,
        op: KernelOp,
        types: tuple[TensorType, ...],
        activations: list[bytes],
        constants: list[bytes],
        *,
        with_sums: bool = False,
    ) -> list[np.ndarray[Any, Any]]:
        """Return the outputs of one sample; checks that nothing else was written."""
        self.keep = []
        null = self.ffi.NULL
        params = self.ffi.new(f"hyst_{op.name}_params *", dict(op.params(*types)))
        inputs = [self._buffer(data) for data in activations]
        consts = [self._buffer(data) for data in constants]
        results = op.infer(*types)
        outs = [self._buffer(b"", packed_size(type_)) for type_ in results]
        scratch = self._buffer(b"", op.scratch_bytes(*types))
        args = inputs + [null] * (op.ACTIVATIONS[1] - len(inputs))
        args += consts + [null] * (op.CONSTANTS[1] - len(consts))
        if op.name == "float_binary":
            args = [inputs[0], (inputs[1:] + consts)[0]]
        args += outs + [null] * (op.OUTPUTS[1] - len(outs))
        if op.SUMS:
            args.append(self._sums(op, types, consts) if with_sums else null)
        before = [bytes(self.ffi.buffer(words)) for words in inputs + consts]
        getattr(self.lib, f"hyst_{op.name}")(params, *args, scratch)
        assert before == [bytes(self.ffi.buffer(words)) for words in inputs + consts]
        assert all(self._guarded(words) for words in [*outs, scratch]), "wrote past a buffer"
        return [
            unpack_activation(bytes(self.ffi.buffer(words))[: packed_size(type_)], type_)
            for words, type_ in zip(outs, results, strict=True)
        ]

    def _sums(self, op: KernelOp, types: tuple[TensorType, ...], consts: list[Any]) -> Any:
        size = op.sums_bytes(*types)
        if not size:
            return self.ffi.NULL
        sums = self._buffer(b"", size)
        t = consts[1] if len(consts) > 1 else self.ffi.NULL
        numbers = [value for _, value in op.sums_params(*types)]
        self.lib.hyst_sliced_sums(consts[0], t, *numbers, sums)
        assert self._guarded(sums)
        return sums


def zeros_for(type_: TensorType) -> np.ndarray[Any, Any]:
    """Return zeros of the numpy type that holds an encoding."""
    return np.zeros(type_.shape, dtype=NUMPY[type_.dtype])


def packed_size(type_: TensorType) -> int:
    """Return the bytes of an activation buffer."""
    if type_.dtype in ("b1", "t2"):
        return -(-type_.size // 64) * 8 * (1 + (type_.dtype == "t2"))
    return type_.size * np.dtype(NUMPY[type_.dtype]).itemsize


def random_inputs(
    rng: np.random.Generator, op: KernelOp, types: tuple[TensorType, ...], batch: int
) -> list[np.ndarray[Any, Any]]:
    """Return activations with a batch axis and constants; thresholds lie among the accumulators."""
    count = op.activation_count(*types)
    arrays = [
        random_array(rng, type_, batch if number < count else None)
        for number, type_ in enumerate(types)
    ]
    if getattr(op, "out", "i32") != "i32" and len(types) == count + 2 + (op.CONSTANTS[1] == 3):
        spread = max(2.0, float(np.sqrt(types[0].size)))
        if types[0].dtype not in ("b1", "t2", "f32"):
            spread *= float(np.iinfo(NUMPY[types[0].dtype]).max) / 2  # type: ignore[type-var]
        kind = NUMPY[types[-2].dtype]
        t = rng.normal(size=types[-2].shape) * spread
        if types[-2].dtype != "f32":
            limits = np.iinfo(kind)  # type: ignore[type-var]
            t = np.clip(np.round(t), limits.min, limits.max)
        arrays[-2] = t.astype(kind)
    return arrays


def run_example(
    kernels: Kernels,
    op: KernelOp,
    types: tuple[TensorType, ...],
    arrays: list[np.ndarray[Any, Any]],
    *,
    with_sums: bool = False,
) -> list[np.ndarray[Any, Any]]:
    """Return the C outputs with the batch axis first, for arrays as ``reference`` takes them."""
    count = op.activation_count(*types)
    encodings = op.const_encodings(*types)
    constants = [
        pack_constant(array, type_, encoding, getattr(op, "groups", 1))
        for array, type_, encoding in zip(
            arrays[count:], types[count:], encodings[: len(types) - count], strict=True
        )
    ]
    samples = []
    for index in range(len(arrays[0])):
        activations = [
            pack_activation(array[index], type_.dtype)
            for array, type_ in zip(arrays[:count], types[:count], strict=True)
        ]
        samples.append(kernels.call(op, types, activations, constants, with_sums=with_sums))
    return [np.stack(column) for column in zip(*samples, strict=True)]


def assert_identical(got: Any, wanted: Any, message: str) -> None:
    """Compare values and, for floats, bits (a NaN equals the same NaN, -0 differs from +0)."""
    assert got.dtype == wanted.dtype, message
    if got.dtype == np.float32:
        got, wanted = got.view(np.uint32), np.ascontiguousarray(wanted).view(np.uint32)
    np.testing.assert_array_equal(got, wanted, err_msg=message)
