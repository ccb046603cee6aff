"""Chips: binomial flip counts, uniform places, exact ends, nesting only where promised."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from hysteron.chips.draw import NestedDraw, SectionFaults, apply, chip_images, faults, stored_bits
from hysteron.errors import InputError
from hysteron.image.encodings import encoding
from hysteron.image.layout import ImageLayout, Section, rearrange, relayout
from hysteron.ir.types import TensorType
from hysteron.memory.channel import Channel


def _layout(*types: TensorType) -> ImageLayout:
    sections, offset = [], 0
    for number, type_ in enumerate(types):
        code = encoding("rows" if type_.dtype in ("b1", "t2") else "plain")
        name = f"layer_{number}_weights"
        made = Section(name, "weights", number, f"c{number}", code, type_, "main", offset)
        sections.append(made)
        offset += made.nbytes
    return ImageLayout(("main",), tuple(sections))


def _random_images(layout: ImageLayout, seed: int = 0) -> dict[str, bytes]:
    rng = np.random.default_rng(seed)
    return {"main": rng.bytes(layout.region_bytes("main"))}


_BITS = _layout(TensorType("b1", (1000, 1000)))
_IMAGES = _random_images(_BITS)
_NAME = "layer_0_weights"


def _count(p: float, chip: int) -> int:
    found = faults(_BITS, _IMAGES, {_NAME: Channel.symmetric(p)}, 7, chip)
    return found[_NAME].cell.size if found else 0


@pytest.mark.parametrize("p", [1e-4, 1e-3, 0.1])
def test_flip_counts_are_binomial(p: float) -> None:
    # A peer flips int(p * N) cells in every trial: right mean, no spread.
    counts = np.array([_count(p, chip) for chip in range(60)])
    spread = np.sum((counts - 1e6 * p) ** 2) / (1e6 * p * (1 - p))
    assert stats.chi2.cdf(spread, 60) == pytest.approx(0.5, abs=0.4995)
    assert abs(counts.mean() - 1e6 * p) < 4 * np.sqrt(1e6 * p / 60)


def test_rare_flips_come_at_their_rate() -> None:
    # int(1e-6 * N) would be 0 for ever below a million cells.
    small = _layout(TensorType("b1", (100, 1000)))
    images = _random_images(small)
    channel = {_NAME: Channel.symmetric(1e-5)}
    total = sum(
        found[_NAME].cell.size if (found := faults(small, images, channel, 1, chip)) else 0
        for chip in range(200)
    )
    assert stats.poisson(200).cdf(total) == pytest.approx(0.5, abs=0.4995)


def test_places_are_uniform_and_chips_independent() -> None:
    first, second = (
        faults(_BITS, _IMAGES, {_NAME: Channel.symmetric(0.02)}, 7, chip)[_NAME].cell
        for chip in (0, 1)
    )
    seen = np.bincount(first // 10_000, minlength=100)
    assert stats.chisquare(seen).pvalue > 1e-4
    shared = np.intersect1d(first, second).size
    assert stats.binom(first.size, 0.02).cdf(shared) == pytest.approx(0.5, abs=0.4999)


@pytest.mark.parametrize(("p01", "p10"), [(0.0, 1.0), (1.0, 0.0), (0.0, 0.0), (1.0, 1.0)])
def test_probabilities_0_and_1_are_exact(p01: float, p10: float) -> None:
    bits = stored_bits(_BITS.sections[0], _IMAGES)[0]
    wrong = faults(_BITS, _IMAGES, {_NAME: Channel.binary(p01, p10)}, 7, 0)
    read = stored_bits(_BITS.sections[0], apply(_BITS, _IMAGES, wrong))[0]
    assert np.array_equal(read[bits == 0], np.full((bits == 0).sum(), p01))
    assert np.array_equal(read[bits == 1], np.full((bits == 1).sum(), 1 - p10))


def test_errors_split_by_what_is_stored() -> None:
    bits = stored_bits(_BITS.sections[0], _IMAGES)[0]
    cell = faults(_BITS, _IMAGES, {_NAME: Channel.binary(1e-3, 2e-2)}, 7, 0)[_NAME].cell
    ups, downs = int((bits[cell] == 0).sum()), int((bits[cell] == 1).sum())
    assert abs(ups - 1e-3 * (bits == 0).sum()) < 5 * np.sqrt(1e-3 * 5e5)
    assert abs(downs - 2e-2 * (bits == 1).sum()) < 5 * np.sqrt(2e-2 * 5e5)


def test_raw_errors_nest_where_both_probabilities_grow() -> None:
    low = faults(_BITS, _IMAGES, {_NAME: Channel.binary(1e-3, 4e-3)}, 7, 0)[_NAME].cell
    high = faults(_BITS, _IMAGES, {_NAME: Channel.binary(2e-3, 1e-2)}, 7, 0)[_NAME].cell
    assert np.isin(low, high).all() and high.size > low.size


@settings(max_examples=20)
@given(st.sampled_from([0.0, 1e-4, 3e-3, 0.05, 0.2]))
def test_a_nested_draw_is_the_chip_at_every_rate(rate: float) -> None:
    layout = _layout(
        TensorType("b1", (70, 90)), TensorType("t2", (40, 30)), TensorType("i16", (50,))
    )
    images = _random_images(layout, 3)
    names = tuple(section.name for section in layout.sections)
    nested = NestedDraw(layout, images, names, 0.2, 5, 9)
    channels = dict.fromkeys(names, Channel.symmetric(rate))
    wanted = chip_images(layout, images, channels, 5, 9)
    assert apply(layout, images, nested.below(rate)) == wanted


def test_ternary_cells_follow_their_three_level_channel() -> None:
    layout = _layout(TensorType("t2", (500, 600)))
    rng = np.random.default_rng(0)
    section = layout.sections[0]
    values = rng.integers(-1, 2, section.type.shape).astype(np.int8)
    images = {"main": section.encoding.encode(values, section.type)}
    matrix = ((0.90, 0.08, 0.02), (0.03, 0.92, 0.05), (0.01, 0.04, 0.95))
    read_images = chip_images(layout, images, {_NAME: Channel(matrix)}, 2, 0)
    read = section.encoding.decode(read_images["main"], section.type)
    for s in range(3):
        total = int((values == s - 1).sum())
        for r in range(3):
            seen = int(((values == s - 1) & (read == r - 1)).sum())
            assert abs(seen - total * matrix[s][r]) < 5 * np.sqrt(total * matrix[s][r])


@pytest.mark.parametrize("dtype", ["b1", "t2"])
def test_a_chip_has_the_same_wrong_cells_in_every_layout(dtype: str) -> None:
    layout = _layout(TensorType(dtype, (45, 70)))
    images = _random_images(layout)
    sliced = rearrange(layout, {"c0": encoding("sliced")})
    channels = {_NAME: Channel.binary(0.03, 0.01)}
    moved = relayout(images, layout, sliced)
    there = relayout(chip_images(sliced, moved, channels, 3, 1), sliced, layout)
    # Relayout writes padding as zero, so compare what both mean.
    here = relayout(chip_images(layout, images, channels, 3, 1), layout, layout)
    assert there == here


def test_padding_bits_are_never_touched() -> None:
    layout = _layout(TensorType("b1", (3, 70)))
    images = {"main": b"\xff" * layout.region_bytes("main")}
    wrong = chip_images(layout, images, {_NAME: Channel.symmetric(1.0)}, 0, 0)["main"]
    row = np.unpackbits(np.frombuffer(wrong, np.uint8), bitorder="little").reshape(3, 128)
    assert not row[:, :70].any() and row[:, 70:].all()


def test_what_does_not_fit_is_refused() -> None:
    three = Channel(((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)))
    with pytest.raises(InputError, match="does not fit"):
        faults(_BITS, _IMAGES, {_NAME: three}, 0, 0)
    with pytest.raises(InputError, match="unknown section"):
        faults(_BITS, _IMAGES, {"nowhere": Channel.symmetric(0.1)}, 0, 0)
    with pytest.raises(InputError, match="image of region"):
        faults(_BITS, {"main": b""}, {}, 0, 0)
    outside = {_NAME: SectionFaults(np.array([10**7]), np.array([1], dtype=np.uint8))}
    with pytest.raises(InputError, match="outside"):
        apply(_BITS, _IMAGES, outside)


@pytest.mark.parametrize("p", [-1e-9, 1.0000001, float("nan")])
def test_probabilities_outside_0_to_1_are_refused(p: float) -> None:
    with pytest.raises(InputError, match=r"out of range|sum to 1"):
        Channel.symmetric(p)
