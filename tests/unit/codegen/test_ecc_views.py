"""The pattern of cells that the C walks is the section's own, whatever its encoding."""

from __future__ import annotations

import numpy as np
import pytest
from hand_built import Builder, convolutional, mlp, protected
from hypothesis import given, settings
from hypothesis import strategies as st

from hysteron.codegen.ecc_views import cell_pattern, ecc_report, tile_bytes, tile_offsets
from hysteron.image.encodings import encoding
from hysteron.image.sections import Section
from hysteron.ir.types import TensorType

_PLAIN = ("u8", "i8", "i16", "i32", "f32")


@st.composite
def sections(draw: st.DrawFn) -> Section:
    name = draw(st.sampled_from(("rows", "sliced", "bits", "plain")))
    groups = draw(st.integers(1, 3))
    rows = groups * draw(st.integers(1, 70))
    shape = (rows, *draw(st.lists(st.integers(1, 9), min_size=1, max_size=3)))
    dtype = draw(st.sampled_from(_PLAIN if name == "plain" else ("b1", "t2")))
    return Section("s", "weights", 0, "c", encoding(name, groups), TensorType(dtype, shape), "r", 0)


@settings(max_examples=60)
@given(sections())
def test_the_pattern_tells_every_word_of_every_encoding(section: Section) -> None:
    pattern = cell_pattern(section)
    every = np.arange(8 * section.nbytes)
    owner, _ = section.cells.index(every // 8, every % 8)
    cells = (owner >= 0).reshape(-1, 32)
    assert pattern.words == len(cells) and pattern.words % 2 == 0
    for index, word in enumerate(cells):
        at = index % pattern.block
        mask = 0
        if index < pattern.cell_words and at < pattern.full + pattern.tail:
            mask = 0xFFFFFFFF if at < pattern.full else pattern.tail_mask
        assert sum(int(bit) << place for place, bit in enumerate(word)) == mask


def test_the_tile_holds_the_largest_layer() -> None:
    program = protected(convolutional(0), "secded-39-32")
    by_layer: dict[int, int] = {}
    for section in program.layout.protected:
        by_layer[section.layer] = by_layer.get(section.layer, 0) + section.nbytes
    assert tile_bytes(program) == max(by_layer.values())
    only = protected(convolutional(0), {"inverts": "secded-39-32"})
    assert tile_bytes(only) < tile_bytes(program)
    assert tile_bytes(convolutional(0)) == 0 and ecc_report(convolutional(0)) == {}


def test_a_layer_that_shares_a_constant_fetches_it_too() -> None:
    build = Builder(0, TensorType("b1", (70,)))
    weights = build.const("b1", 70, 70)
    (first,) = build.add("xnor_dense", "v0", weights, *build.steps(70), out="b1")
    (sums,) = build.add("xnor_dense", first, weights)
    program = protected(build.program(sums, None), {"weights": "secded-39-32"})
    assert tile_offsets(program) == {(0, "layer_0_weights"): 0, (1, "layer_0_weights"): 0}


@pytest.mark.parametrize(
    ("code", "words", "check_bytes", "check_cells"),
    [
        ("secded-8-4", 33 * 5 + 5 * 9, 88 + 24, 4 * (33 * 5 + 5 * 9)),
        ("secded-39-32", 33 + 10, 32 + 16, 7 * 43),
        ("secded-72-64", 33 + 5, 40 + 8, 8 * 38),
        ("triplicate", 33 + 10, 2 * (264 + 40), 2 * (660 + 165)),
    ],
)
def test_the_report_says_what_a_code_costs(
    code: str, words: int, check_bytes: int, check_cells: int
) -> None:
    report = ecc_report(protected(mlp(0), {"weights": code}))["ecc"]
    assert sum(one["words"] for one in report["sections"].values()) == words
    assert (report["check_bytes"], report["check_cells"]) == (check_bytes, check_cells)
    assert report["tile_bytes"] == 264 and report["policy"] == "as-read"
