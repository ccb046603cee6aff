"""What every kernel op provides: shape rule, meaning, C parameters, buffers.

Calling convention of the C side, for an op ``name``::

    void hyst_<name>(const hyst_<name>_params *p,
                     const void *activation...,  /* ACTIVATIONS[1] of them */
                     const void *constant...,    /* CONSTANTS[1] of them   */
                     void *output...,            /* OUTPUTS[1] of them     */
                     [const void *sums,]         /* only where SUMS        */
                     void *scratch);

The C signature always has the *largest* number of pointers; a call passes NULL
for those its node does not have. Types and arrays are given in the same order:
activations first, then constants.

``sums`` (ops with ``SUMS``) points to ``sums_bytes`` bytes of RAM that
``hyst_sliced_sums(w, t or NULL, <sums_params>, sums)`` of hyst/sliced_steps.h filled
after the image was loaded; it is an optimisation: NULL gives the same result, slower.

Constant encodings (``const_encodings``): ``rows`` and ``sliced`` are weight
layouts of docs/architecture.md; ``plain`` is a little-endian array in row-major
order (i16, i32, f32); ``bits`` is a b1 array whose leading axes are planes, each
plane's bits padded with zeros to a multiple of 8 bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt

from hysteron.errors import ShapeError
from hysteron.ir.op import Op
from hysteron.ir.types import Array, TensorType

Example = tuple["KernelOp", tuple[TensorType, ...]]
Params = tuple[tuple[str, int], ...]
IntArray = npt.NDArray[Any]

#: Codes of runtime_c/include/hyst/types.h.
DTYPE_CODES: Final = {"b1": 0, "t2": 1, "u8": 2, "i8": 3, "i16": 4, "i32": 5, "f32": 6}
OUT_CODES: Final = {"i32": 0, "b1": 1, "t2": 2, "b1x2": 3}
LAYOUT_CODES: Final = {"rows": 0, "sliced": 1}
#: ``sliced_ct`` stores weights as ``sliced`` and reads all of them: time without data.
BINARY_LAYOUT_CODES: Final = {**LAYOUT_CODES, "sliced_ct": 2}

#: Bytes of one element of the byte-sized encodings.
ELEMENT_BYTES: Final = {"u8": 1, "i8": 1, "i16": 2, "i32": 4, "f32": 4}

BITS: Final = ("b1", "t2")
INTEGERS: Final = ("b1", "t2", "u8", "i8", "i16", "i32")
I32_MAX: Final = 2**31 - 1


class KernelOp(Op):
    """One C kernel: a frozen dataclass, its numpy meaning and its buffers.

    ``ACTIVATIONS`` and ``CONSTANTS`` are the smallest and largest number of
    each kind of input, ``OUTPUTS`` of outputs. ``SOURCES`` are the stems of the
    C files in runtime_c/src that the op needs (none with ``ALIAS``: output and input
    share one buffer and nothing is called); the build picks ``<stem>_<isa>.c``
    where it exists and fits, else ``<stem>_portable.c``.
    """

    ACTIVATIONS: ClassVar[tuple[int, int]] = (1, 1)
    CONSTANTS: ClassVar[tuple[int, int]] = (0, 0)
    OUTPUTS: ClassVar[tuple[int, int]] = (1, 1)
    SOURCES: ClassVar[tuple[str, ...]] = ()
    SUMS: ClassVar[bool] = False
    ALIAS: ClassVar[bool] = False

    def reference(self, *arrays: Array) -> tuple[Array, ...]:
        """Return the outputs on unpacked values.

        Activations and results have a leading batch axis, constants do not. b1
        is int8 -1/+1, t2 int8 -1/0/+1, the others their own numpy type.
        """
        raise NotImplementedError

    def params(self, *types: TensorType) -> Params:
        """Return (field, value) of ``hyst_<name>_params`` in C order."""
        raise NotImplementedError

    def scratch_bytes(self, *types: TensorType) -> int:
        """Return the scratch the kernel may use, for any word size."""
        return 0

    def sums_bytes(self, *types: TensorType) -> int:
        """Return the RAM for ``hyst_sliced_sums``, 0 when it is not used."""
        return 0

    def sums_params(self, *types: TensorType) -> Params:
        """Return (name, value) of the integer arguments of ``hyst_sliced_sums`` in C order."""
        raise NotImplementedError

    def activation_count(self, *types: TensorType) -> int:
        """Return how many of the inputs are activations (they come first)."""
        return self.ACTIVATIONS[0]

    def const_encodings(self, *types: TensorType) -> tuple[str, ...]:
        """Return one encoding name per constant input."""
        return ("plain",) * (len(types) - self.activation_count(*types))

    @classmethod
    def examples(cls) -> Iterator[Example]:
        """Yield (op, input types) that cover the kernel's cases, ragged sizes first."""
        raise NotImplementedError


def packed_bytes(dtype: str, size: int) -> int:
    """Return the bytes of ``size`` elements: bit planes are padded to 8 bytes."""
    if dtype in BITS:
        return (size + 63) // 64 * 8 * (1 + (dtype == "t2"))
    return size * ELEMENT_BYTES[dtype]


def row_words(k: int) -> int:
    """Return the number of 8-byte words of a row of ``k`` bits."""
    return (k + 63) // 64


def check_count(op: Op, types: Sequence[TensorType], *allowed: int) -> None:
    """Raise ShapeError unless the number of inputs is one of ``allowed``."""
    if len(types) not in allowed:
        raise ShapeError(
            f"{op.name}: wrong number of inputs",
            got=str(len(types)),
            wanted=" or ".join(map(str, allowed)),
        )


def check_dtype(op: Op, label: str, given: TensorType, *allowed: str) -> None:
    """Raise ShapeError unless ``given`` has one of the element encodings."""
    if given.dtype not in allowed:
        raise ShapeError(f"{op.name}: {label}", got=str(given), wanted=" or ".join(allowed))
    if given.size > I32_MAX:
        raise ShapeError(
            f"{op.name}: {label} is too large", got=str(given), wanted="at most 2^31-1 elements"
        )


def check_shape(op: Op, label: str, given: TensorType, wanted: tuple[int, ...]) -> None:
    """Raise ShapeError unless ``given`` has exactly the shape ``wanted``."""
    if given.shape != wanted:
        raise ShapeError(f"{op.name}: shape of {label}", got=str(given), wanted=str(wanted))


def check_rank(op: Op, label: str, given: TensorType, rank: int) -> None:
    """Raise ShapeError unless ``given`` has ``rank`` axes, all at least 1."""
    if len(given.shape) != rank or min(given.shape, default=1) < 1:
        raise ShapeError(
            f"{op.name}: rank of {label}", got=str(given), wanted=f"{rank} axes of size >= 1"
        )


def check_field(op: Op, field: str, value: object, allowed: Sequence[object]) -> None:
    """Raise ShapeError unless a field has one of its allowed values."""
    if value not in allowed:
        raise ShapeError(
            f"{op.name}: field {field}", got=repr(value), wanted=" or ".join(map(repr, allowed))
        )


def check_range(op: Op, field: str, value: int, low: int, high: int) -> None:
    """Raise ShapeError unless ``low <= value <= high``."""
    if not low <= value <= high:
        raise ShapeError(f"{op.name}: {field}", got=str(value), wanted=f"{low} .. {high}")


def exact_matmul(x: IntArray, w: IntArray, bound: int) -> npt.NDArray[np.int32]:
    """Return ``x @ w.T`` as int32, exact because all partial sums are <= ``bound``.

    BLAS in binary32 below 2^24, in binary64 below 2^53: every integer in that
    range is representable, so no rounding happens in any summation order.
    """
    kind = np.float32 if bound < 2**24 else np.float64
    product: npt.NDArray[Any] = np.matmul(x.astype(kind), w.astype(kind).T)
    return product.astype(np.int32)
