"""Sense errors: one set per inference, or one per product, exact against doing it by hand."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hand_built import convolutional, mlp, real, samples

from hysteron.campaign.evaluate import NetEvaluator
from hysteron.campaign.products import classes_by_product
from hysteron.campaign.sensing import classes_of
from hysteron.campaign.trial import Condition, Trial, within
from hysteron.chips.draw import SectionFaults, apply
from hysteron.chips.source import SenseSource
from hysteron.chips.trajectory import Trajectory, resolved_part
from hysteron.errors import UnsupportedError
from hysteron.host.bridge import Net
from hysteron.image.layout import build_image, read_image
from hysteron.image.program import Program
from hysteron.image.protection import protect
from hysteron.interpreter.final import run_final
from hysteron.memory.load import load_technology

pytestmark = pytest.mark.kernels

_NOISY = {"hrs_spread": 0.7, "sense_noise": 0.6, "column_offset_sigma": 0.3}


def _source(program: Program, sense: str = "inference", **conditions: float) -> Trajectory:
    bits, ternary = (load_technology(f"hfo2-rram-2t2r{kind}") for kind in ("", "-ternary"))
    known = {**_NOISY, **conditions}
    parts = {
        s.name: resolved_part(ternary if s.type.dtype == "t2" else bits, known)
        for s in program.layout.sections
    }
    return Trajectory(parts, sense=sense)


def _trial(program: Program, count: int = 24) -> Trial:
    inputs = {program.final.inputs[0]: samples(program, count)}
    return Trial(program, inputs, np.zeros(count, dtype=np.int64), 5)


def _classes(trial: Trial, source: Trajectory, chip: int = 0) -> np.ndarray[Any, Any]:
    condition = Condition("x", source)
    wrong = source.faults(trial.program.layout, trial.program.images, trial.seed, chip)
    return classes_of(trial, NetEvaluator(trial.program, trial.inputs), condition, chip, wrong)


@pytest.mark.parametrize("make", [mlp, convolutional])
def test_each_sample_runs_on_the_reads_of_its_inference(make: Any) -> None:
    program = make(1)
    trial, source = _trial(program), _source(program)
    assert isinstance(source, SenseSource) and source.has_sense_errors
    layout = program.layout
    lasting = apply(layout, program.images, source.faults(layout, program.images, 5, 0))
    wanted, net = [], Net(program, threads=1)
    for number in range(24):
        reads = source.reads(layout, program.images, 5, 0, number)
        images = apply(layout, lasting, reads)
        one = {name: array[number : number + 1] for name, array in trial.inputs.items()}
        wanted.append(int(net.with_images(images).predict(one)[0]))
    found = _classes(trial, source)
    assert found.tolist() == wanted
    still = NetEvaluator(program, trial.inputs).classes(source.faults(layout, program.images, 5, 0))
    assert (found != still).any()


def test_without_noise_the_evaluator_answers() -> None:
    program = mlp(1)
    trial, source = _trial(program), _source(program, sense_noise=0.0)
    assert not source.has_sense_errors
    wrong = source.faults(program.layout, program.images, 5, 0)
    assert np.array_equal(
        _classes(trial, source), NetEvaluator(program, trial.inputs).classes(wrong)
    )


def test_a_sample_answers_the_same_in_a_shorter_list() -> None:
    program = mlp(1)
    long, short = _trial(program, 24), _trial(program, 24)
    short = replace(short, inputs={k: v[:7] for k, v in short.inputs.items()})
    assert np.array_equal(_classes(long, _source(program))[:7], _classes(short, _source(program)))


@pytest.mark.parametrize("sense", ["xnor", "per-fetch"])
@pytest.mark.parametrize("make", [mlp, convolutional])
def test_products_are_sensed_one_by_one(make: Any, sense: str) -> None:
    """By hand: every output position gets weights of its own and keeps only its own sums."""
    program = make(2)
    trial, source = _trial(program, 6), _source(program, sense)
    specimen = source.specimen(program.layout, program.images, 5, 0)
    found = classes_by_product(program, trial.inputs, specimen, sense)
    by_hand = [_by_hand(program, trial, specimen, number, sense) for number in range(6)]
    assert found.tolist() == by_hand
    assert np.array_equal(_classes(trial, source), found)


def _by_hand(program: Program, trial: Trial, specimen: Any, number: int, sense: str) -> int:
    kinds = ("xnor_dense", "xnor_conv") + (("int_dense", "int_conv") if sense != "xnor" else ())
    graph, layout = program.final, program.layout
    mine = {n.inputs[1] for n in graph.nodes if n.op.name in kinds}
    reads = specimen.reads(number)
    once = {k: v for k, v in reads.items() if layout.section(k).const not in mine}
    lasting = apply(layout, program.images, specimen.faults)
    images = apply(layout, lasting, once)
    values: dict[str, Any] = {**graph.consts, **read_image(layout, images)}
    values |= {n: np.asarray(a[number : number + 1]) for n, a in trial.inputs.items()}
    for node in graph.nodes:
        arrays = [values[n] for n in node.inputs]
        op: Any = node.op
        out = list(op.reference(*arrays))
        if node.op.name in kinds:
            section = layout.by_const[node.inputs[1]]
            shape = out[0].shape[1:-1] or (1,)
            wrong = specimen.products(section.name, number, int(np.prod(shape)))
            for place in range(int(np.prod(shape))):
                weights = _weights(program, section, images, wrong, place)
                local = op.reference(arrays[0], weights, *arrays[2:])
                for target, source in zip(out, local, strict=True):
                    width = target.shape[-1]
                    target.reshape(-1, width)[place] = source.reshape(-1, width)[place]
        values.update(zip(node.outputs, out, strict=True))
    return int(values[program.output.winner or ""].reshape(-1)[0])


def _weights(program: Program, section: Any, images: Any, wrong: Any, place: int) -> Any:
    faults = {}
    if wrong is not None:
        at = wrong[0] == place
        faults = {section.name: SectionFaults(wrong[1][at], wrong[2][at])}
    return read_image(program.layout, apply(program.layout, images, faults))[section.const]


def test_products_of_one_position_differ_from_those_of_another() -> None:
    program = convolutional(2)
    source = _source(program, "xnor")
    specimen = source.specimen(program.layout, program.images, 5, 0)
    section = next(s for s in program.layout.sections if str(s.type).startswith("t2"))
    wrong = specimen.products(section.name, 3, 16)
    assert wrong is not None
    sets = [set(wrong[1][wrong[0] == place].tolist()) for place in range(16)]
    assert len({frozenset(one) for one in sets}) == 16
    undecided = specimen.sensed[section.name].undecided
    assert set().union(*sets) <= set(undecided.tolist())


def test_what_has_no_products_is_refused() -> None:
    program = real(0)
    trial = _trial(program, 3)
    bits = load_technology("hfo2-rram-2t2r")
    parts = {s.name: resolved_part(bits, _NOISY) for s in program.layout.sections}
    with pytest.raises(UnsupportedError, match=r"per-fetch of float_dense"):
        _classes(trial, Trajectory(parts, sense="per-fetch"))
    assert _classes(trial, Trajectory(parts, sense="xnor")).shape == (3,)


def test_sources_travel_to_other_processes() -> None:
    program = mlp(1)
    source = _source(program)
    source.faults(program.layout, program.images, 5, 0)
    there = pickle.loads(pickle.dumps(source))
    assert np.array_equal(_classes(_trial(program), source, 3), _classes(_trial(program), there, 3))


def test_errors_kept_in_some_sections_keep_their_sense_errors() -> None:
    program = mlp(1)
    trial, source = _trial(program), _source(program)
    chosen = program.layout.sections[0].name
    some = within(Condition("x", source), [chosen]).source
    assert isinstance(some, SenseSource) and some.has_sense_errors
    layout, images = program.layout, program.images
    for kept, every in (
        (some.faults(layout, images, 5, 0), source.faults(layout, images, 5, 0)),
        (some.specimen(layout, images, 5, 0).reads(3), source.reads(layout, images, 5, 0, 3)),
    ):
        assert set(kept) == {chosen}
        assert np.array_equal(kept[chosen].cell, every[chosen].cell)
    assert isinstance(some, Trajectory) and _classes(trial, some).shape == (24,)


def test_products_of_protected_sections_are_refused() -> None:
    program = mlp(1)
    layout = protect(program.layout, {program.layout.sections[0].name: "secded-39-32"})
    images = build_image(layout, program.final.consts)
    coded = replace(program, layout=layout, images=images)
    specimen = _source(program, "xnor").specimen(program.layout, program.images, 5, 0)
    with pytest.raises(UnsupportedError, match="sense = xnor of protected sections"):
        classes_by_product(coded, _trial(program).inputs, specimen, "xnor")


def test_the_interpreter_with_no_wrong_product_is_the_interpreter() -> None:
    program = convolutional(3)
    trial, source = _trial(program, 4), _source(program, "xnor", sense_noise=1e-9)
    images = apply(
        program.layout, program.images, source.faults(program.layout, program.images, 5, 0)
    )
    values = run_final(program.final, trial.inputs, read_image(program.layout, images))
    wanted = values[program.output.winner or ""].reshape(-1)
    assert np.array_equal(_classes(trial, source), wanted)
