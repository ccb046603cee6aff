"""The incremental engine gives the classes of the interpreter and of the generated C."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hand_built import Builder, convolutional, mlp, real
from hypothesis import given, settings
from hypothesis import strategies as st

from hysteron.campaign import incremental
from hysteron.campaign.evaluate import Evaluator, NetEvaluator, evaluator_for
from hysteron.campaign.incremental import IncrementalEvaluator, supports
from hysteron.campaign.incremental_native import sources
from hysteron.chips.draw import Faults, NestedDraw, SectionFaults, apply
from hysteron.errors import InputError, InternalError
from hysteron.host.compiler import build, find_cc
from hysteron.image.layout import read_image
from hysteron.image.program import Program
from hysteron.image.protection import protect
from hysteron.interpreter.final import run_final
from hysteron.ir.types import LIMITS, NUMPY, Array, TensorType
from hysteron.targets import cpu_features, load_isa

pytestmark = pytest.mark.kernels

_ISAS = [
    isa
    for isa in ("host-portable", "host-avx2")
    if set(load_isa(isa).cpu_features) <= cpu_features()
]
_RATES = (0.0, 1e-3, 0.02, 0.1, 0.5, 1.0)


class Chains(Builder):
    """Random chains of dense layers whose thresholds lie where the sums do."""

    def step_constants(self, n: int, flips: int, spread: float) -> list[str]:
        """Add thresholds and inversions."""
        wide = spread * 6 > LIMITS["i16"][1] or self.rng.random() < 0.3
        names = [self.const("i32" if wide else "i16", 1, flips, n), self.const("b1", 1, n)]
        low, high = LIMITS["i32" if wide else "i16"]
        drawn = np.clip(self.rng.normal(0, spread, (1, flips, n)).round(), low, high)
        self.consts[names[0]] = drawn.astype(NUMPY["i32" if wide else "i16"])
        return names

    def hidden(self, x: str, n: int, op: str = "xnor_dense") -> str:
        """Append a hidden layer of ``n`` outputs."""
        flips, layout = int(self.rng.integers(1, 3)), str(self.rng.choice(["rows", "sliced"]))
        dtype, k = self.types[x].dtype, self.types[x].size
        spread = {"u8": 100.0, "i8": 60.0, "i16": 9000.0, "b1": 1.0}[dtype]
        spread *= 1.0 if op == "step" else k**0.5
        if op == "step":
            channels = self.types[x].shape[-1]
            (y,) = self.add(op, x, *self.step_constants(channels, flips, spread), out="b1",
                            flips=flips)  # fmt: skip
            return y
        steps = self.step_constants(n, flips, spread)
        (y,) = self.add(op, x, self.const("b1", n, k), *steps, out="b1", flips=flips,
                        layout=layout)  # fmt: skip
        return y

    def finished(self, x: str, classes: int, pieces: int, **options: Any) -> Program:
        """Append the last product, a fixed-point head with some pieces (0: none), the winner."""
        k = self.types[x].size
        (scores,) = self.add("xnor_dense", x, self.const("b1", classes, k))
        if pieces:
            (table,) = self.add("reshape", scores, shape=(1, classes))
            m, d = (self.const("i32", pieces, classes) for _ in range(2))
            breaks = self.const("i32", pieces - 1, classes)
            (scores,) = self.add("fixed_head", table, m, d, breaks, shift=3, dshift=2)
        (winner,) = self.add("argmax", scores)
        return self.program(scores, winner, **options)


def chain(seed: int, first: str, dtype: str, hidden: int, pieces: int, **options: Any) -> Program:
    """Return a random chain: the first layer's op, its input type, later hidden layers."""
    rng = np.random.default_rng(seed)
    sizes = [int(n) for n in rng.choice([3, 16, 31, 33, 64, 65, 100, 257, 300], hidden + 2)]
    shape = (3, sizes[0]) if first == "step" else (sizes[0],)
    build = Chains(seed, TensorType(dtype, shape))
    x = build.hidden("v0", sizes[1], first)
    if first == "step":
        (x,) = build.add("reshape", x, shape=(build.types[x].size,))
    for n in sizes[2:]:
        x = build.hidden(x, n)
    return build.finished(x, int(rng.integers(2, 40)), pieces, **options)


def batch(program: Program, count: int, seed: int = 1) -> dict[str, Array]:
    """Return samples over the whole range of the input's type, some of them extreme."""
    (name,) = program.final.inputs
    type_ = program.final.types[name]
    rng = np.random.default_rng(seed)
    low, high = LIMITS[type_.dtype]
    if type_.dtype == "b1":
        return {name: rng.choice(np.array([-1, 1], np.int8), (count, *type_.shape))}
    drawn = rng.integers(low, high + 1, (count, *type_.shape))
    if seed % 3 == 0:  # small values: sums that fit 16 bits whatever the type
        drawn = drawn // (high // 40)
    drawn[0], drawn[-1] = drawn.min(), drawn.max()
    return {name: drawn.astype(NUMPY[type_.dtype])}


def interpreted(
    program: Program, inputs: Mapping[str, Array], wrong: Faults
) -> tuple[Array, Array]:
    """Return the classes, and the sums before the head, that the wrong bytes mean."""
    images = apply(program.layout, program.images, wrong)
    consts = read_image(program.layout, images)
    winner = str(program.output.winner)
    last = next(node for node in reversed(program.final.nodes) if node.op.name == "xnor_dense")
    sums = last.outputs[0]
    found = run_final(program.final, inputs, consts, keep=(winner, sums))
    return found[winner][:, 0], found[sums]


def assert_as_interpreted(
    engine: IncrementalEvaluator, program: Program, inputs: Mapping[str, Array], wrong: Faults
) -> None:
    """Compare classes and sums; the sums tell every changed bit, the classes few."""
    classes, sums = interpreted(program, inputs, wrong)
    assert np.array_equal(engine.sums(wrong), sums)
    assert np.array_equal(engine.classes(wrong), classes)


def drawn(program: Program, roles: tuple[str, ...], seed: int = 0) -> NestedDraw:
    """Return a draw over the sections of some roles."""
    names = tuple(s.name for s in program.layout.sections if s.role in roles)
    return NestedDraw(program.layout, program.images, names, 1.0, seed, 0)


_ROLES = ("weights", "thresholds", "inverts", "coefficients")
_FIRST = [
    ("int_dense", "u8"), ("int_dense", "i8"), ("int_dense", "i16"), ("xnor_dense", "b1"),
    ("step", "u8"), ("step", "i8"), ("step", "i16"),
]  # fmt: skip


@settings(max_examples=30)
@given(
    seed=st.integers(0, 10**6), first=st.sampled_from(_FIRST), hidden=st.integers(0, 3),
    pieces=st.integers(0, 3), count=st.sampled_from([1, 63, 255, 256, 257, 520]),
    roles=st.lists(st.sampled_from(_ROLES), min_size=1, unique=True),
    isa=st.sampled_from(_ISAS),
)  # fmt: skip
def test_random_chains_answer_as_interpreted_at_every_rate(
    seed: int,
    first: tuple[str, str],
    hidden: int,
    pieces: int,
    count: int,
    roles: list[str],
    isa: str,
) -> None:
    program = chain(seed, *first, hidden, pieces, isa=isa)
    inputs = batch(program, count, seed)
    engine, draw = IncrementalEvaluator(program, inputs), drawn(program, tuple(roles), seed)
    for rate in _RATES:
        wrong = draw.below(rate)
        assert_as_interpreted(engine, program, inputs, wrong)
    assert_as_interpreted(engine, program, inputs, {})


@pytest.mark.parametrize("first", _FIRST, ids="-".join)
def test_chains_answer_as_the_generated_c(first: tuple[str, str]) -> None:
    program = chain(5, *first, 2, 2, isa=_ISAS[-1])
    _same_as_the_generated_c(program, 300)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_many_chains_answer_as_the_generated_c(seed: int) -> None:
    program = chain(100 + seed, *_FIRST[seed % 7], seed % 4, seed % 3, isa=_ISAS[seed % len(_ISAS)])
    _same_as_the_generated_c(program, 700)


def _same_as_the_generated_c(program: Program, count: int) -> None:
    inputs = batch(program, count)
    engine, net = IncrementalEvaluator(program, inputs), NetEvaluator(program, inputs)
    draw = drawn(program, _ROLES)
    for rate in _RATES:
        wrong = draw.below(rate)
        assert np.array_equal(engine.classes(wrong), net.classes(wrong))


def _every_single_bit(section_bits: int) -> list[SectionFaults]:
    one = np.ones(1, dtype=np.uint8)
    return [SectionFaults(np.array([cell]), one) for cell in range(section_bits)]


@pytest.mark.parametrize("isa", _ISAS)
def test_every_single_wrong_bit_answers_as_interpreted(isa: str) -> None:
    # u8[20] -> 33 bits -> 5 sums: each bit of each section alone.
    program = mlp(3, isa=isa)
    inputs = batch(program, 40)
    engine = IncrementalEvaluator(program, inputs)
    changed = 0
    for section in program.layout.sections:
        for fault in _every_single_bit(section.cells.count):
            wrong = {section.name: fault}
            changed += not np.array_equal(engine.sums(wrong), engine.sums({}))
            assert_as_interpreted(engine, program, inputs, wrong)
    assert changed > 100


def test_a_threshold_bit_in_a_later_layer_is_followed_in_every_way() -> None:
    # Low bits shift a margin, middle ones need the whole sum, high ones decide alone.
    program = chain(11, "int_dense", "u8", 2, 0, isa=_ISAS[-1])
    inputs = batch(program, 300)
    engine = IncrementalEvaluator(program, inputs)
    sections = [s for s in program.layout.sections if s.role == "thresholds" and s.layer > 0]
    rng = np.random.default_rng(0)
    for section in sections:
        width = section.cells.count // section.type.size
        for bit in range(width):
            cells = np.sort(rng.choice(section.type.size, 3, replace=False)) * width + bit
            wrong = {section.name: SectionFaults(cells, np.ones(3, dtype=np.uint8))}
            assert_as_interpreted(engine, program, inputs, wrong)


def _aligned_weights(sizes: tuple[int, int, int], flips: int, **options: Any) -> Program:
    """Return a chain whose weights are all +1, so that sums are as large as they get."""
    inputs, first, second = sizes
    build = Chains(0, TensorType("u8", (inputs,)))
    x = "v0"
    for n, op in ((first, "int_dense"), (second, "xnor_dense")):
        k = build.types[x].size
        steps = [build.const("i32", 1, flips, n), build.const("b1", 1, n)]
        spread = 120 * k if op == "int_dense" else k
        build.consts[steps[0]] = build.rng.integers(0, spread, (1, flips, n)).astype(np.int32)
        weights = build.const("b1", n, k)
        build.consts[weights][:] = 1
        build.consts[steps[1]][:] = -1  # nothing inverted: changes have one direction
        (x,) = build.add(op, x, weights, *steps, out="b1", flips=flips)
    return build.finished(x, 300, 0, **options)


def _shades(program: Program, count: int) -> dict[str, Array]:
    """Return samples of one shade each, from 0 to 255, with some noise."""
    (name,) = program.final.inputs
    size = program.final.types[name].size
    shade = np.linspace(0, 255, count)[:, None] + np.random.default_rng(0).normal(0, 9, (1, size))
    return {name: np.clip(shade, 0, 255).astype(np.uint8)}


@pytest.mark.parametrize("isa", _ISAS)
@pytest.mark.parametrize(
    ("sizes", "wide"), [((450, 700, 200), 0), ((600, 700, 70), 1), ((64, 2000, 40), 0)]
)
@pytest.mark.parametrize("flips", [1, 2])
def test_the_largest_sums_stay_exact(
    sizes: tuple[int, int, int], wide: int, flips: int, isa: str
) -> None:
    # Kept sums near 2^15 and above, margins far outside 8 bits, hundreds of changed inputs,
    # hundreds of wrong weights in one output.
    program = _aligned_weights(sizes, flips, isa=isa)
    samples = _shades(program, 250)
    engine = IncrementalEvaluator(program, samples)
    assert engine._layers[0].pointer.wide == wide
    for roles in (("weights",), ("thresholds",), _ROLES):
        draw = drawn(program, roles)
        for rate in (1e-3, 0.01, 0.03, 0.1, 0.4):
            wrong = draw.below(rate)
            assert_as_interpreted(engine, program, samples, wrong)


def test_threads_share_the_clean_results_and_do_not_meet() -> None:
    program = chain(21, "int_dense", "u8", 2, 2, isa=_ISAS[-1])
    inputs = batch(program, 300)
    engine = IncrementalEvaluator(program, inputs)
    faults = [drawn(program, _ROLES, seed).below(0.02) for seed in range(24)]
    alone = [engine.classes(wrong) for wrong in faults]
    with ThreadPoolExecutor(6) as pool:
        for found, wanted in zip(pool.map(engine.classes, faults * 3), alone * 3, strict=True):
            assert np.array_equal(found, wanted)


@pytest.mark.parametrize("program", [convolutional(0), real(0)], ids=["convolutional", "real"])
def test_programs_that_are_no_chains_are_left_to_the_net(program: Program) -> None:
    assert not supports(program)
    with pytest.raises(InternalError, match="not a chain"):
        IncrementalEvaluator(program, {})


def test_the_evaluator_is_chosen_by_program_and_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    program = mlp(0)
    inputs = batch(program, 3)

    def chosen() -> type[Evaluator]:
        return type(evaluator_for(program, inputs))

    assert chosen() is IncrementalEvaluator
    monkeypatch.setattr(incremental, "MOST_BYTES", 100)
    assert chosen() is NetEvaluator


def test_a_section_that_no_layer_reads_is_not_taken_for_clean() -> None:
    # A layout with check bits the engine knows nothing of must go to the generated C.
    program = mlp(0)
    extra = replace(program.layout.sections[0], name="checks", const="unknown")
    layout = replace(program.layout, sections=(*program.layout.sections, extra))
    assert not supports(replace(program, layout=layout))


def test_a_program_that_decodes_its_memory_is_no_chain() -> None:
    program = mlp(0)
    protected = protect(program.layout, {"layer_0_weights": "secded-72-64"})
    assert supports(program)
    assert not supports(replace(program, layout=protected))


def test_samples_that_do_not_fit_are_refused() -> None:
    program = mlp(0)
    with pytest.raises(InputError, match="no samples"):
        IncrementalEvaluator(program, {})
    with pytest.raises(InputError, match="another shape"):
        IncrementalEvaluator(program, {program.final.inputs[0]: np.zeros((2, 19), np.uint8)})


@pytest.mark.parametrize("isa", _ISAS)
def test_the_sources_compile_without_a_warning(isa: str) -> None:
    cc = find_cc(load_isa(isa))
    strict = ("-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror")
    files = sources(load_isa(isa))
    assert build(files, replace(cc, link_flags=("-shared",)), "library", strict).exists()
