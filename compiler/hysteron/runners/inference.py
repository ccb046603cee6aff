"""What every runner does with a linked program: samples in, outputs, counts and traces out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

#: A generated layer's symbol behind the program's name.
LAYER: Final = re.compile(r"_layer_(\d+)")

#: (offset, bytes) in the arena of each tensor that a layer writes, layer by layer.
Watch = Sequence[Sequence[tuple[int, int]]]


@dataclass(frozen=True, slots=True)
class Inference:
    """One sample's outcome.

    ``output`` is the generated output struct. ``instructions`` is None where no
    counter is at hand; ``counts`` holds further exact counts by name;
    ``layer_instructions`` is empty without a counter. ``layers`` has, for each
    watched layer, the bytes of its tensors.
    """

    status: int
    output: bytes
    instructions: int | None
    stack_bytes: int
    counts: dict[str, int]
    layers: tuple[tuple[bytes, ...], ...] = ()
    layer_instructions: tuple[int, ...] = ()


class Runner(Protocol):
    """An emulated part with the program loaded."""

    version: str
    """The emulator and the processor it models: counts are keyed by it."""

    def infer(self, samples: Sequence[bytes], watch: Watch) -> list[Inference]:
        """Run the program on input structs; trace the watched layers (none: only run)."""
