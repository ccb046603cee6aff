"""A campaign that decodes once per chip gives the classes of the C that decodes by itself."""

from __future__ import annotations

import numpy as np
import pytest
from hand_built import convolutional, mlp, protected, samples

from hysteron.campaign.decoded import DecodedEvaluator, plain_program
from hysteron.campaign.evaluate import NetEvaluator, evaluator_for
from hysteron.chips.draw import faults
from hysteron.host.bridge import UNCORRECTABLE
from hysteron.memory.channel import Channel

pytestmark = pytest.mark.kernels


@pytest.mark.parametrize(
    ("code", "policy", "rate"),
    [("secded-39-32", "as-read", 0.01), ("secded-8-4", "zero", 0.02), ("triplicate", "zero", 0.1)],
)
def test_classes_equal_those_of_the_decoding_c(code: str, policy: str, rate: float) -> None:
    program = protected(convolutional(0, layout="sliced"), code, policy)
    inputs = {"v0": samples(program, 40)}
    fast, slow = evaluator_for(program, inputs), NetEvaluator(program, inputs)
    assert isinstance(fast, DecodedEvaluator)
    channels = {s.name: Channel.symmetric(rate) for s in program.layout.sections}
    clean = slow.classes({})
    np.testing.assert_array_equal(fast.classes({}), clean)
    changed = 0
    for chip in range(6):
        wrong = faults(program.layout, program.images, channels, 1, chip)
        classes = slow.classes(wrong)
        np.testing.assert_array_equal(fast.classes(wrong), classes)
        changed += int((classes != clean).sum())
    assert changed > 0


def test_a_chip_that_traps_answers_nothing() -> None:
    program = protected(mlp(0), {"weights": "secded-39-32"}, "trap")
    inputs = {"v0": samples(program, 3)}
    fast, slow = evaluator_for(program, inputs), NetEvaluator(program, inputs)
    channels = {"layer_0_weights": Channel.symmetric(0.5)}
    wrong = faults(program.layout, program.images, channels, 1, 0)
    assert fast.classes(wrong).tolist() == slow.classes(wrong).tolist() == [UNCORRECTABLE] * 3
    np.testing.assert_array_equal(fast.classes({}), slow.classes({}))


def test_the_plain_program_is_the_one_compiled_without_codes() -> None:
    plain = mlp(0)
    stripped = plain_program(protected(plain, "triplicate"))
    assert stripped.layout == plain.layout and stripped.images == plain.images
