"""A compiled model before any C is written: graph, plan, layout and images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from hysteron.image.layout import ImageLayout
from hysteron.ir.graph import Graph, InputSpec
from hysteron.ir.types import Array


class Compiler(Protocol):
    """One way to call a C compiler (``[[compilers]]`` of ``targets/isa``)."""

    @property
    def family(self) -> str:
        """Name of the compiler family: gcc, zig."""

    @property
    def command(self) -> tuple[str, ...]:
        """Command; ``{python}`` stands for the running interpreter."""

    @property
    def flags(self) -> tuple[str, ...]:
        """Compile flags, instruction set and optimisation included."""

    @property
    def link_flags(self) -> tuple[str, ...]:
        """Flags of the link step."""

    @property
    def install(self) -> str:
        """What to do when the command is missing."""


class Isa(Protocol):
    """What code generation and the host bridge need to know of an instruction set."""

    @property
    def name(self) -> str:
        """Name in ``targets/isa``."""

    @property
    def kernel_suffixes(self) -> tuple[str, ...]:
        """Suffixes of kernel files, best first."""

    @property
    def compilers(self) -> Sequence[Compiler]:
        """Compilers in order of preference."""

    @property
    def largest_array_bytes(self) -> int:
        """Bytes of the largest object that the compilers take; 0: anything."""


@dataclass(frozen=True)
class Plan:
    """Where each activation lives while the network runs.

    ``offsets`` maps tensor ids to byte offsets (multiples of 8) in an arena of
    ``arena_bytes``; model inputs are read in place and have none. One scratch of
    ``scratch_bytes`` serves every layer. ``steps`` lists node numbers in
    execution order. ``lower_bound_bytes`` is the largest live set.
    """

    offsets: Mapping[str, int]
    arena_bytes: int
    scratch_bytes: int
    lower_bound_bytes: int
    steps: tuple[int, ...]


@dataclass(frozen=True)
class OutputSpec:
    """What the caller gets.

    ``kind`` is "class", "logits", "probabilities" or "values". ``scores`` is the
    tensor of scores (any type; i32 or f32 with ``winner``), ``winner`` the i32
    tensor of the class; either may be None, not both. A real score is
    ``scale * score`` where one scale exists; fixed-point scores are right within
    ``error_lsb``.
    """

    kind: str
    classes: int
    scores: str | None
    winner: str | None
    scale: Fraction | None = None
    error_lsb: Fraction = Fraction(0)


@dataclass(frozen=True, eq=False)
class Golden:
    """Self-test vectors: inputs (n, *shape) per input id, expected outputs per sample."""

    inputs: Mapping[str, Array]
    classes: npt.NDArray[np.integer[Any]] | None = None
    scores: Array | None = None


@dataclass(frozen=True, eq=False)
class Program:
    """Everything the code generator and the host bridge read.

    ``final`` is the kernel graph, ``imported`` the graph before any pass (None
    for hand-built programs). ``images`` holds the built-in bytes per region.
    ``options`` and ``report`` hold JSON values; ``model`` is the model file's
    bytes (None leaves the copy out) and ``model_sha256`` its digest in hex.
    """

    name: str
    imported: Graph | None
    final: Graph
    plan: Plan
    layout: ImageLayout
    images: Mapping[str, bytes]
    target: str
    isa: Isa
    word_bits: int
    input_specs: Mapping[str, InputSpec]
    output: OutputSpec
    options: Mapping[str, Any] = field(default_factory=dict)
    report: Mapping[str, Any] = field(default_factory=dict)
    golden: Golden | None = None
    model: bytes | None = None
    model_sha256: str = ""
