"""Codes over sections: data stays in place, words are stored words, relayout keeps meaning."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import pytest
from hand_built import convolutional, mlp, protected
from hypothesis import given, settings
from hypothesis import strategies as st

from hysteron.errors import InputError
from hysteron.image.encodings import encoding
from hysteron.image.layout import (
    ImageLayout,
    build_image,
    read_image,
    rearrange,
    recode,
    relayout,
    section_bytes,
)
from hysteron.image.program import Program
from hysteron.image.protection import (
    WordCounts,
    data_images,
    decode_images,
    decoded_data,
    protect,
    unprotected,
)
from hysteron.ir.types import Array
from hysteron.memory.ecc import load_code

SECDED = ("secded-8-4", "secded-39-32", "secded-72-64")
CODES = (*SECDED, "duplicate", "triplicate")


def _same(one: Mapping[str, Array], two: Mapping[str, Array]) -> bool:
    return one.keys() == two.keys() and all(np.array_equal(one[k], two[k]) for k in one)


def _noisy(program: Program, rate: float, seed: int = 0) -> dict[str, bytes]:
    rng = np.random.default_rng(seed)
    return {
        region: (
            np.frombuffer(data, np.uint8) ^ np.packbits(rng.random(8 * len(data)) < rate)
        ).tobytes()
        for region, data in program.images.items()
    }


def _flip(program: Program, *cells: tuple[str, int]) -> dict[str, bytes]:
    """Return the images with the first bit of some cells wrong."""
    images = {region: bytearray(data) for region, data in program.images.items()}
    for name, cell in cells:
        section = program.layout.section(name)
        byte, bit = section.cells.locate(cell)
        images[section.region][section.offset + int(byte[0])] ^= 1 << int(bit[0])
    return {region: bytes(data) for region, data in images.items()}


@pytest.mark.parametrize("code", CODES)
def test_data_stays_in_place_and_unchanged(code: str) -> None:
    for make in (mlp, convolutional):
        plain = make(0)
        program = protected(plain, code)
        for section in plain.layout.sections:
            assert program.layout.section(section.name).offset == section.offset
        assert program.images["main"].startswith(plain.images["main"])
        assert len(program.images["main"]) > len(plain.images["main"])
        assert _same(read_image(program.layout, program.images), dict(plain.final.consts))
        assert unprotected(program.layout) == plain.layout
        assert data_images(program.layout, program.images) == plain.images
        assert protect(plain.layout, {}) == plain.layout


@pytest.mark.parametrize("layout", ["rows", "sliced"])
@pytest.mark.parametrize("code", SECDED)
def test_check_bits_are_those_of_the_stored_words_that_hold_cells(code: str, layout: str) -> None:
    """The rule of docs/ecc.md, word by word, without the code under test."""
    program = protected(convolutional(1, layout=layout), {"weights": code, "inverts": code})
    secded = load_code(code)
    width = secded.data_bits
    for section in program.layout.protected:
        (check,) = program.layout.checks_of(section.name)
        data = int.from_bytes(section_bytes(section, program.images), "little")
        stored = int.from_bytes(section_bytes(check, program.images), "little")
        byte, bit = section.cells.locate(np.arange(section.cells.count))
        words = sorted(set(((byte * 8 + bit) // width).ravel().tolist()))
        for number, word in enumerate(words):
            bits = [data >> (word * width + i) & 1 for i in range(width)]
            (wanted,) = secded.encode(np.array([bits], np.uint8)).tolist()
            at = number * secded.check_bits
            assert [stored >> (at + j) & 1 for j in range(secded.check_bits)] == wanted
        assert stored >> (len(words) * secded.check_bits) == 0
        assert check.cells.count == len(words) * secded.check_bits
        byte, bit = check.cells.locate(np.arange(check.cells.count))
        assert (byte * 8 + bit).ravel().tolist() == list(range(check.cells.count))


def test_copies_are_laid_out_like_their_data() -> None:
    program = protected(convolutional(0), "triplicate")
    for section in program.layout.protected:
        copies = program.layout.checks_of(section.name)
        assert [c.name for c in copies] == [f"{section.name}_copy_{i}" for i in (1, 2)]
        for copy in copies:
            assert (copy.encoding, copy.type) == (section.encoding, section.type)
            data = section_bytes(section, program.images)
            assert section_bytes(copy, program.images) == data


def test_image_json_names_codes_and_what_check_sections_protect() -> None:
    program = protected(mlp(0), {"weights": "secded-39-32"}, "zero")
    described = {s["name"]: s for s in json.loads(program.layout.to_json())["sections"]}
    assert described["layer_0_weights"]["code"] == {"name": "secded-39-32", "policy": "zero"}
    check = described["layer_0_weights_checks"]
    assert (check["role"], check["protects"]) == ("checks", "layer_0_weights")
    assert check["cells"]["count"] == 33 * 7  # 33 rows of 20 bits: the padding word has no cells
    assert "code" not in described["layer_0_thresholds"]


def test_code_and_policy_belong_to_the_layout() -> None:
    layouts = [
        protected(mlp(0), code, policy).layout
        for code in ("secded-39-32", "secded-72-64")
        for policy in ("as-read", "zero", "trap")
    ]
    assert len({layout.layout_id for layout in layouts}) == 6


def test_check_sections_go_where_a_placement_says() -> None:
    program = mlp(0, regions={"weights": "rram"})
    codes = dict.fromkeys(("layer_0_weights", "layer_1_weights"), "secded-8-4")
    beside = protect(program.layout, codes)
    assert {s.region for s in beside.sections if s.role == "checks"} == {"rram"}
    apart = protect(program.layout, codes, regions={"checks": "flash"})
    assert {s.region for s in apart.sections if s.role == "checks"} == {"flash"}
    one = protect(program.layout, codes, regions={"layer_1_weights_checks": "flash"})
    assert one.section("layer_0_weights_checks").region == "rram"
    for layout in (beside, apart, one):
        for region in layout.regions:
            offsets = [s.offset for s in layout.in_region(region)]
            ends = np.cumsum([0, *(s.nbytes for s in layout.in_region(region))])
            assert offsets == ends[:-1].tolist()
        images = build_image(layout, program.final.consts)
        assert _same(read_image(layout, images), dict(program.final.consts))


@pytest.mark.parametrize("code", CODES)
def test_decoding_twice_finds_nothing_more(code: str) -> None:
    for policy in ("as-read", "zero"):
        program = protected(convolutional(0, layout="sliced"), code, policy)
        images = _noisy(program, 0.02)
        first = decode_images(program.layout, images)
        assert first.total.corrected + first.total.detected > 0
        second = decode_images(program.layout, first.images)
        assert second.total == WordCounts(first.total.words, 0, 0)
        assert second.images == first.images
        wanted = read_image(program.layout, images)
        assert _same(read_image(program.layout, first.images), wanted)


@pytest.mark.parametrize("code", SECDED)
def test_one_error_heals_two_are_detected(code: str) -> None:
    program = protected(mlp(0), {"weights": code})
    one = decode_images(program.layout, _flip(program, ("layer_0_weights", 2)))
    assert one.images == program.images and one.total.corrected == 1
    for pair in ((("layer_0_weights", 2), ("layer_0_weights", 3)),
                 (("layer_0_weights", 2), ("layer_0_weights_checks", 1))):  # fmt: skip
        two = decode_images(program.layout, _flip(program, *pair))
        assert (two.total.corrected, two.total.detected) == (0, 1)
        assert two.counts["layer_0_weights"].detected == 1


def test_a_correction_that_points_to_padding_is_detected() -> None:
    """Rows of 20 bits: errors in check cells whose syndrome is the column of a padding bit."""
    program = protected(mlp(0), {"weights": "secded-39-32"})
    secded = load_code("secded-39-32")
    nothing = np.zeros((1, 32), np.uint8)
    for column, checks in enumerate(secded.encode(np.eye(32, dtype=np.uint8))):
        cells = [("layer_0_weights_checks", int(j)) for j in np.flatnonzero(checks)]
        found = decode_images(program.layout, _flip(program, *cells))
        padding = column >= 20
        assert (found.total.corrected, found.total.detected) == (1 - padding, padding)
        assert (found.images == program.images) == padding
        assert secded.decode(nothing, checks[None]).status.tolist() == [1]


def test_zero_makes_detected_words_minus_one_and_keeps_the_others() -> None:
    program = protected(mlp(0), {"weights": "secded-39-32"}, "zero")
    images = _flip(program, ("layer_1_weights", 0), ("layer_1_weights", 1))
    weights = read_image(program.layout, images)[program.layout.section("layer_1_weights").const]
    wanted = dict(program.final.consts)[program.layout.section("layer_1_weights").const].copy()
    wanted[0, :32] = -1
    np.testing.assert_array_equal(weights, wanted)


def test_a_miscorrection_counts_as_corrected_and_adds_a_fourth_error() -> None:
    program = protected(mlp(0), {"weights": "secded-39-32"})
    section = program.layout.section("layer_1_weights")  # rows of 33 bits: a full first word
    seen = []
    for third in range(2, 32):
        images = _flip(program, *((section.name, cell) for cell in (0, 1, third)))
        data, counts = decoded_data(program.layout, section, images)
        differ = int.from_bytes(data, "little") ^ int.from_bytes(
            section_bytes(section, program.images), "little"
        )
        if counts.corrected:
            seen.append(differ.bit_count())
    # Where the fourth wrong bit is a check bit, three data bits stay wrong.
    assert len(seen) > 15 and set(seen) <= {3, 4} and 4 in seen


@pytest.mark.parametrize("code", ["duplicate", "triplicate"])
@settings(max_examples=12)
@given(seed=st.integers(0, 2**16))
def test_copies_move_to_any_layout_cell_by_cell(code: str, seed: int) -> None:
    source = protected(convolutional(seed % 3), code)
    target = _sliced(source.layout)
    images = _noisy(source, 0.3, seed)
    moved = relayout(images, source.layout, target)
    assert relayout(relayout(moved, target, source.layout), source.layout, target) == moved
    if code == "triplicate":  # majority is bit by bit: the grouping into words does not matter
        wanted = read_image(source.layout, images)
        assert _same(read_image(target, moved), wanted)


def _sliced(layout: ImageLayout) -> ImageLayout:
    chosen = {
        s.const: encoding("sliced", 2 if s.type.dtype == "t2" else 1)
        for s in layout.data_sections
        if s.role == "weights"
    }
    return rearrange(layout, chosen)


@pytest.mark.parametrize("code", SECDED)
def test_check_bits_move_between_regions_and_not_between_groupings(code: str) -> None:
    source = protected(convolutional(0), code)
    images = _noisy(source, 0.02)
    regions = {s.const: s.role for s in source.layout.data_sections}
    apart = rearrange(source.layout, regions=regions)
    assert {s.code for s in apart.data_sections} == {code}
    moved = relayout(images, source.layout, apart)
    assert _same(read_image(apart, moved), read_image(source.layout, images))
    assert decode_images(apart, moved).total == decode_images(source.layout, images).total
    with pytest.raises(InputError, match=r"layer_0_weights: the check bits group other cells"):
        relayout(images, source.layout, _sliced(source.layout))
    with pytest.raises(InputError, match=r"use different codes; got .*no code.*decode first"):
        relayout(images, source.layout, unprotected(source.layout))


def test_recoding_moves_the_meaning_between_any_codes() -> None:
    source = protected(convolutional(0), "secded-39-32", "zero")
    images = _noisy(source, 0.02)
    wanted = read_image(source.layout, images)
    plain = unprotected(source.layout)
    for target in (
        _sliced(source.layout),
        plain,
        _sliced(plain),
        protected(convolutional(0, layout="sliced"), "triplicate").layout,
    ):
        there = recode(images, source.layout, target)
        assert _same(read_image(target, there), wanted)
        assert decode_images(target, there).total.corrected == 0
        back = recode(there, target, source.layout)
        assert _same(read_image(source.layout, back), wanted)


def test_rearranging_keeps_check_sections_that_lay_apart() -> None:
    program = mlp(0)
    codes = dict.fromkeys((s.name for s in program.layout.sections), "secded-72-64")
    layout = protect(program.layout, codes, regions={"layer_1_weights_checks": "flash"})
    again = rearrange(layout, regions={s.const: "rram" for s in layout.data_sections})
    assert again.section("layer_1_weights_checks").region == "flash"
    assert again.section("layer_0_weights_checks").region == "rram"


def test_unknown_codes_policies_and_sections_are_refused() -> None:
    layout = mlp(0).layout
    with pytest.raises(InputError, match=r"unknown error-correcting code; got hamming; wanted sec"):
        protect(layout, {"layer_0_weights": "hamming"})
    with pytest.raises(InputError, match="unknown policy; got pray; wanted as-read, zero, trap"):
        protect(layout, {"layer_0_weights": "secded-8-4"}, "pray")
    with pytest.raises(InputError, match="unknown section 'x'"):
        protect(layout, {"x": "secded-8-4"})
