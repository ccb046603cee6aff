"""Programs with error-correcting codes: a chip is decoded once, not once per sample and layer.

The C decodes a layer each time it runs. What that gives depends on the chip alone, so a
campaign decodes the chip's wrong words and asks the same program without codes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from hysteron.chips.decode import ChipDecoder
from hysteron.chips.draw import Faults
from hysteron.host.bridge import UNCORRECTABLE
from hysteron.image.program import Program
from hysteron.image.protection import TRAP, data_images, unprotected


class _Evaluator(Protocol):
    def classes(self, wrong: Faults) -> npt.NDArray[np.int64]:
        """Return the class of every sample."""


def plain_program(program: Program) -> Program:
    """Return the same network without codes; its images hold the data alone."""
    images = data_images(program.layout, program.images)
    return replace(program, layout=unprotected(program.layout), images=images)


class DecodedEvaluator:
    """Decodes chips, and leaves the rest to the evaluator of ``plain_program``.

    Equal to the C that decodes by itself; a chip that traps answers -8 everywhere.
    """

    def __init__(self, program: Program, plain: _Evaluator, samples: int) -> None:
        """Take the evaluator of the plain program and the number of its samples."""
        self._plain, self._samples = plain, samples
        self._decoder = ChipDecoder(program.layout, program.images)
        self._trap = any(section.policy == TRAP for section in program.layout.protected)

    def classes(self, wrong: Faults) -> npt.NDArray[np.int64]:
        """Return the class of every sample (n,) on a chip with these wrong cells."""
        left, counts = self._decoder.decode(wrong)
        if self._trap and counts.detected:
            return np.full(self._samples, UNCORRECTABLE, dtype=np.int64)
        return self._plain.classes(left)
