"""Sense errors of encoded sections pass the decoder, inference by inference."""

from __future__ import annotations

import numpy as np
import pytest
from hand_built import mlp, protected, samples

from hysteron.campaign.evaluate import evaluator_for
from hysteron.campaign.sensing import classes_of
from hysteron.campaign.trial import Condition, Trial
from hysteron.chips.draw import apply
from hysteron.chips.trajectory import Trajectory, resolved_part
from hysteron.image.layout import read_image
from hysteron.interpreter.final import run_final
from hysteron.memory.load import load_technology

pytestmark = pytest.mark.kernels


def test_each_inference_decodes_what_it_reads() -> None:
    program = protected(mlp(1), "secded-39-32", "zero")
    inputs = {"v0": samples(program, 24)}
    trial, layout = Trial(program, inputs, np.zeros(24, dtype=np.int64), 5), program.layout
    noisy = {"hrs_spread": 0.7, "sense_noise": 0.6, "column_offset_sigma": 0.3}
    part = resolved_part(load_technology("hfo2-rram-2t2r"), noisy)
    source = Trajectory({section.name: part for section in layout.sections})
    wrong = source.faults(layout, program.images, 5, 0)
    assert set(wrong) & {s.name for s in layout.sections if s.role == "checks"}
    lasting, winner = apply(layout, program.images, wrong), program.output.winner
    assert winner is not None
    wanted = []
    for number in range(24):
        reads = source.reads(layout, program.images, 5, 0, number)
        consts = read_image(layout, apply(layout, lasting, reads))
        one = {"v0": inputs["v0"][number : number + 1]}
        wanted.append(int(run_final(program.final, one, consts)[winner].ravel()[0]))
    evaluator = evaluator_for(program, inputs)
    found = classes_of(trial, evaluator, Condition("x", source), 0, wrong)
    assert found.tolist() == wanted
    assert (found != evaluator.classes(wrong)).any()
