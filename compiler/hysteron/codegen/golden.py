"""Self-test vectors as C words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hysteron.image.buffers import pack_buffer
from hysteron.image.encodings import align
from hysteron.image.program import Program
from hysteron.ir.types import Array, TensorType


@dataclass(frozen=True, slots=True)
class VectorView:
    """Self-test vectors of one field: one line of words per sample."""

    field: str
    lines: tuple[str, ...]
    words: int


def word_lines(data: bytes, per_line: int = 8) -> tuple[str, ...]:
    """Return the little-endian 32-bit words of ``data`` as C text, a few to a line."""
    padded = data.ljust(align(len(data), 4), b"\0")
    words = [
        f"0x{int.from_bytes(padded[at : at + 4], 'little'):08x}u" for at in range(0, len(padded), 4)
    ]
    return tuple(
        ", ".join(words[at : at + per_line]) + "," for at in range(0, len(words), per_line)
    )


def _vector(name: str, batch: Array, type_: TensorType) -> VectorView:
    packed = pack_buffer(batch, type_)
    lines = tuple(" ".join(word_lines(row.tobytes())) for row in packed)
    return VectorView(name, lines, -(-packed.shape[1] // 4))


def golden_views(
    program: Program,
) -> tuple[tuple[VectorView, ...], VectorView | None, str, int]:
    """Return (inputs, scores, classes, count); empty without vectors."""
    golden, graph = program.golden, program.final
    if golden is None:
        return (), None, "", 0
    inputs = tuple(
        _vector(f"in{number}", golden.inputs[tensor], graph.types[tensor])
        for number, tensor in enumerate(graph.inputs)
    )
    scores = None
    if golden.scores is not None and program.output.scores is not None:
        scores = _vector("scores", golden.scores, graph.types[program.output.scores])
    classes = ""
    if golden.classes is not None and program.output.winner is not None:
        classes = ", ".join(str(int(value)) for value in np.ravel(golden.classes))
    return inputs, scores, classes, len(next(iter(golden.inputs.values())))
