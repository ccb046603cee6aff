"""From wrong cells to classes: how a chip answers the samples of a trial."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt

from hysteron.campaign.decoded import DecodedEvaluator, plain_program
from hysteron.campaign.incremental import IncrementalEvaluator, supports
from hysteron.chips.draw import Faults, apply
from hysteron.host.bridge import Net
from hysteron.image.program import Program
from hysteron.ir.types import Array

Classes = npt.NDArray[np.int64]


class Evaluator(Protocol):
    """Answers for one program and its samples; used by several threads at once."""

    def classes(self, wrong: Faults) -> Classes:
        """Return the class of every sample (n,) on a chip with these wrong cells."""


class NetEvaluator:
    """The generated C on the corrupted images: what every other evaluator must equal."""

    def __init__(self, program: Program, inputs: Mapping[str, Array]) -> None:
        """Compile for this machine. Raises ToolchainError without a C compiler."""
        self._program, self._inputs = program, inputs
        self._net = Net(program, threads=1)

    def classes(self, wrong: Faults) -> Classes:
        """Return the classes that the C computes from the corrupted bytes."""
        images = apply(self._program.layout, self._program.images, wrong)
        return self._net.with_images(images).predict(self._inputs)


def evaluator_for(program: Program, inputs: Mapping[str, Array]) -> Evaluator:
    """Return the fastest evaluator of a program; all give the same classes."""
    samples = len(next(iter(inputs.values()), ()))
    if program.layout.protected:
        return DecodedEvaluator(program, evaluator_for(plain_program(program), inputs), samples)
    if supports(program, samples):
        return IncrementalEvaluator(program, inputs)
    return NetEvaluator(program, inputs)
