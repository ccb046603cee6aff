"""Residual error rates through the image and the generated decoder, against the analysis.

One layer of 2^19 weights; chips are drawn cell by cell, decoded by the C, and the bits of
the tile are compared with what was stored.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import numpy.typing as npt
import pytest
from hand_built import Builder

from hysteron.chips.draw import Faults, SectionFaults, apply, faults
from hysteron.host.bridge import Net
from hysteron.host.ecc import decoded_sections, run_counts
from hysteron.image.layout import build_image, section_bytes
from hysteron.image.program import Program
from hysteron.image.protection import WordCounts, protect, section_code
from hysteron.ir.types import TensorType
from hysteron.memory.channel import Channel
from hysteron.memory.ecc import load_code, residual

pytestmark = pytest.mark.kernels

_DATA, _CHECKS = "layer_0_weights", "layer_0_weights_checks"
_INPUTS, _OUTPUTS = 1024, 512
#: Standard errors a rate may be off: one in 150,000 tests would fail by chance.
_Z = 4.5


@dataclass(frozen=True)
class Observed:
    """Per code word: wrong data bits, and whether it was flagged as uncorrectable."""

    wrong: npt.NDArray[np.int64]
    counts: WordCounts


@cache
def _program(code: str) -> Program:
    build = Builder(0, TensorType("b1", (_INPUTS,)))
    (sums,) = build.add("xnor_dense", "v0", build.const("b1", _OUTPUTS, _INPUTS))
    program = build.program(sums, None)
    layout = protect(program.layout, {_DATA: code})
    return replace(program, layout=layout, images=build_image(layout, program.final.consts))


def _observe(code: str, wrong: Faults) -> Observed:
    """Return what the C made of a chip."""
    program = _program(code)
    net = Net(program, apply(program.layout, program.images, wrong), threads=1)
    x = np.ones((1, _INPUTS), dtype=np.int8)
    coder = section_code(program.layout.section(_DATA))
    stored = coder.cut(section_bytes(program.layout.section(_DATA), program.images))
    decoded = coder.cut(decoded_sections(net, x)[_DATA])
    return Observed((stored != decoded).sum(axis=1), run_counts(net, x))


def _drawn(code: str, channels: dict[str, Channel], chip: int) -> Faults:
    program = _program(code)
    return faults(program.layout, program.images, channels, 11, chip)


def _check_rates(code: str, data: float, check: float, chips: int) -> float:
    """Compare all rates with the closed form; return the observed data bit error rate."""
    channels = {_DATA: Channel.symmetric(data), _CHECKS: Channel.symmetric(check)}
    seen = [_observe(code, _drawn(code, channels, chip)) for chip in range(chips)]
    wrong = np.concatenate([one.wrong for one in seen])
    total = sum((one.counts for one in seen), WordCounts())
    words = wrong.size
    assert total.words == words
    wanted = residual(load_code(code), channels[_DATA], channels[_CHECKS])
    spread = np.sqrt(wanted.detected * (1 - wanted.detected) / words)
    assert abs(total.detected / words - wanted.detected) <= _Z * spread
    bits = load_code(code).data_bits
    # Wrong bits come in clusters, one per word: the words are the independent draws.
    error = _Z * wrong.std() / np.sqrt(words) / bits
    rate = float(wrong.mean()) / bits
    assert error < 0.25 * wanted.data_ber
    assert abs(rate - wanted.data_ber) <= error
    return rate


@pytest.mark.parametrize(
    ("code", "p", "chips"),
    [("secded-8-4", 1e-2, 2), ("secded-39-32", 1e-2, 3), ("secded-72-64", 3e-3, 3)],
)
def test_the_residual_rate_of_the_c_is_the_analytic_one(code: str, p: float, chips: int) -> None:
    rate = _check_rates(code, p, p, chips)
    n = load_code(code).word_bits
    # The leading term; at these rates triple errors take off or add up to a sixth.
    assert 0.75 < rate / ((n - 1) * p * p) < 1.05


@pytest.mark.parametrize("code", ["secded-39-32", "secded-72-64"])
def test_at_small_rates_only_the_leading_term_is_left(code: str) -> None:
    p = 1e-3
    rate = _check_rates(code, p, p, 40)
    assert 0.9 < rate / ((load_code(code).word_bits - 1) * p * p) < 1.05


@pytest.mark.parametrize("code", ["secded-8-4", "secded-39-32", "secded-72-64"])
def test_errors_only_in_check_cells_reach_data_by_miscorrection_alone(code: str) -> None:
    secded = load_code(code)
    channels = {_DATA: Channel.symmetric(0.0), _CHECKS: Channel.symmetric(0.1)}
    found = _observe(code, _drawn(code, channels, 0))
    wanted = residual(secded, channels[_DATA], channels[_CHECKS])
    words = found.wrong.size
    assert set(np.unique(found.wrong)) <= {0, 1}
    for got, rate in ((found.counts.detected, wanted.detected), (found.wrong.sum(), wanted.silent)):
        assert abs(got / words - rate) <= _Z * np.sqrt(rate * (1 - rate) / words)
    assert found.wrong.sum() > 100


def _pattern(code: str, errors: int, seed: int) -> Faults:
    """Return a chip with exactly ``errors`` wrong cells in every word."""
    secded = load_code(code)
    program, rng = _program(code), np.random.default_rng(seed)
    coder = section_code(program.layout.section(_DATA))
    places = rng.random((coder.words, secded.word_bits)).argsort(axis=1)[:, :errors]
    row = np.arange(coder.words)[:, None].repeat(errors, axis=1)
    data = places < secded.data_bits
    where = np.sort(row[data] * secded.data_bits + places[data])  # 1024 inputs: no padding
    check = np.sort(row[~data] * secded.check_bits + places[~data] - secded.data_bits)
    ones = (np.ones(where.size, np.uint8), np.ones(check.size, np.uint8))
    return {_DATA: SectionFaults(where, ones[0]), _CHECKS: SectionFaults(check, ones[1])}


@pytest.mark.parametrize(
    ("code", "share"), [("secded-39-32", 0.70), ("secded-72-64", 0.76), ("secded-8-4", 1.0)]
)
def test_one_two_and_three_errors_in_every_word(code: str, share: float) -> None:
    """One is corrected, two are detected, three are taken for another single error mostly."""
    words = _observe(code, {}).counts.words
    one = _observe(code, _pattern(code, 1, 1))
    assert one.counts == WordCounts(words, words, 0) and not one.wrong.any()
    two = _observe(code, _pattern(code, 2, 2))
    assert two.counts == WordCounts(words, 0, words)
    three = _observe(code, _pattern(code, 3, 3))
    assert three.counts.corrected + three.counts.detected == words
    assert abs(three.counts.corrected / words - share) < 0.015
    before = 3 * load_code(code).data_bits / load_code(code).word_bits
    assert three.wrong.mean() > 1.1 * before  # what counts as corrected is more wrong than it was
