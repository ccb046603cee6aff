"""Decoding only the words that hold errors gives what decoding whole images gives."""

from __future__ import annotations

import numpy as np
import pytest
from hand_built import convolutional, mlp, protected

from hysteron.chips.decode import ChipDecoder
from hysteron.chips.draw import Faults, apply, faults
from hysteron.errors import InputError
from hysteron.image.layout import read_image
from hysteron.image.program import Program
from hysteron.image.protection import decode_images
from hysteron.memory.channel import Channel

CODES = ("secded-8-4", "secded-39-32", "secded-72-64", "duplicate", "triplicate")


def _drawn(program: Program, rate: float, chip: int = 0) -> Faults:
    channels = {s.name: Channel.symmetric(rate) for s in program.layout.sections}
    return faults(program.layout, program.images, channels, 7, chip)


@pytest.mark.parametrize("layout", ["rows", "sliced"])
@pytest.mark.parametrize("code", CODES)
def test_what_is_left_equals_the_decoded_image(code: str, layout: str) -> None:
    for policy in ("as-read", "zero"):
        program = protected(convolutional(0, layout=layout), code, policy)
        decoder = ChipDecoder(program.layout, program.images)
        for chip, rate in enumerate((0.0, 1e-4, 1e-3, 0.02, 0.5, 1.0)):
            wrong = _drawn(program, rate, chip)
            left, counts = decoder.decode(wrong)
            images = apply(program.layout, program.images, wrong)
            wanted = decode_images(program.layout, images)
            assert counts == wanted.total
            healed = read_image(program.layout, wanted.images)
            # Cells that are left wrong, put into error-free images without codes.
            plain = {s.const: s for s in program.layout.data_sections}
            there = apply(program.layout, program.images, left)
            for const, section in plain.items():
                data = there[section.region][section.offset : section.offset + section.nbytes]
                got = section.encoding.decode(data, section.type)
                np.testing.assert_array_equal(got, healed[const])


def test_sections_without_a_code_keep_their_errors() -> None:
    program = protected(mlp(0), {"weights": "secded-39-32"})
    wrong = _drawn(program, 1e-3, 1)
    left, _ = ChipDecoder(program.layout, program.images).decode(wrong)
    assert set(left) <= {s.name for s in program.layout.data_sections}
    name = "layer_0_thresholds"
    assert (name in wrong) == (name in left)
    only = _drawn(program, 0.05)
    left, _ = ChipDecoder(program.layout, program.images).decode({name: only[name]})
    assert left == {name: only[name]}


def test_images_with_errors_of_their_own_are_refused() -> None:
    program = protected(mlp(0), "secded-39-32")
    images = apply(program.layout, program.images, _drawn(program, 0.01))
    with pytest.raises(InputError, match="errors before any chip is drawn"):
        ChipDecoder(program.layout, images)


def test_ternary_copies_take_three_level_channels() -> None:
    program = protected(convolutional(0), "triplicate")
    (ternary,) = (s for s in program.layout.protected if s.type.dtype == "t2")
    matrix = ((0.9, 0.1, 0.0), (0.05, 0.9, 0.05), (0.0, 0.1, 0.9))
    names = (ternary.name, *(c.name for c in program.layout.checks_of(ternary.name)))
    wrong = faults(program.layout, program.images, dict.fromkeys(names, Channel(matrix)), 3, 0)
    assert set(wrong) == set(names)
    left, counts = ChipDecoder(program.layout, program.images).decode(wrong)
    images = apply(program.layout, program.images, wrong)
    assert counts == decode_images(program.layout, images).total
    # Planes vote on their own; three levels err at 0.1, so pairs at about 3 * 0.01.
    share = left[ternary.name].cell.size / ternary.cells.count
    assert 0.005 < share < 0.06
