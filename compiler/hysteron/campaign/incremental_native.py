"""The incremental engine's C: built once per instruction set, called without the interpreter lock.

The kernels of the last layer, of whole products and of the head are the runtime's own.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import cffi
import numpy as np
import numpy.typing as npt

from hysteron._assets import asset_dir
from hysteron.codegen.runtime_files import runtime_files
from hysteron.host.compiler import build, find_cc
from hysteron.image.program import Isa
from hysteron.ops.kernel._base import Params
from hysteron.targets import load_isa

FFI: Final = cffi.FFI()
_LOCK: Final = threading.Lock()
_BLOCK: Final = re.compile(r"/\* cffi:begin \*/(.*?)/\* cffi:end \*/", re.DOTALL)
_PLAIN: Final = ("chain", "first_layer", "later_layer", "prepare", "work")
_HEADERS: Final = ("chain.h", "lanes.h", "work.h")
_KERNELS: Final = ("op_argmax", "op_fixed_head", "op_int_dense", "op_xnor_dense")


def sources(isa: Isa) -> dict[str, bytes]:
    """Return path -> content: the engine and the runtime's kernels for an instruction set."""
    folder = asset_dir("runtime_c") / "emulation"
    names = [*_HEADERS, *(f"{stem}.c" for stem in _PLAIN), _lanes(folder, isa)]
    headers = [f"hyst/{stem}.h" for stem in _KERNELS]
    kernels = runtime_files(headers, _KERNELS, isa.kernel_suffixes)
    return {name: (folder / name).read_bytes() for name in names} | kernels


def _lanes(folder: Path, isa: Isa) -> str:
    names = [f"lanes_{suffix}.c" for suffix in (*isa.kernel_suffixes, "portable")]
    return next(name for name in names if (folder / name).is_file())


def library(isa: Isa) -> Any:
    """Return the loaded library. Raises ToolchainError without a compiler."""
    with _LOCK:  # a declaration may be made once
        return _loaded(isa.name)


@cache
def _declared() -> None:
    header = (asset_dir("runtime_c") / "emulation" / "chain.h").read_text(encoding="utf-8")
    FFI.cdef("".join(_BLOCK.findall(header)))


@cache
def _loaded(name: str) -> Any:
    isa = load_isa(name)
    _declared()
    return FFI.dlopen(str(build(sources(isa), find_cc(isa), "library")))


def zeros(shape: Sequence[int], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Return a zeroed array that starts on a cache line."""
    kind = np.dtype(dtype)
    size = int(np.prod(shape, dtype=np.int64)) * kind.itemsize
    raw = np.zeros(size + 64, dtype=np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size].view(kind).reshape(tuple(shape))


class Struct:
    """A C struct and what its pointers keep alive."""

    def __init__(self, kind: str, **fields: Any) -> None:
        """Set the fields: integers, or arrays that are passed by address."""
        self._kept: list[Any] = []
        self.pointer = FFI.new(f"{kind} *")
        for name, value in fields.items():
            self.set(name, value)

    def set(self, name: str, value: Any) -> None:
        """Set one field; arrays stay alive with the struct."""
        if isinstance(value, np.ndarray):
            self._kept.append(value)
            kind = FFI.typeof(self.pointer[0]).fields
            wanted = dict(kind)[name].type
            value = FFI.cast(wanted, value.ctypes.data)
        setattr(self.pointer[0], name, value)


def params(fields: Params) -> npt.NDArray[np.int32]:
    """Return a kernel's parameters as its struct of int32_t."""
    return np.array([value for _, value in fields], dtype=np.int32)
