"""Layouts: every constant placed once, images read back, exact moves between layouts."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import pytest
from hand_built import convolutional, mlp

from hysteron.errors import InputError
from hysteron.image.encodings import encoding
from hysteron.image.layout import ImageLayout, read_image, rearrange, relayout
from hysteron.ir.types import Array


def _noise(layout: ImageLayout, seed: int) -> dict[str, bytes]:
    rng = np.random.default_rng(seed)
    return {region: rng.bytes(layout.region_bytes(region)) for region in layout.regions}


def _same(one: Mapping[str, Array], two: Mapping[str, Array]) -> bool:
    return one.keys() == two.keys() and all(np.array_equal(one[k], two[k]) for k in one)


def test_built_images_read_back_as_the_constants() -> None:
    program = convolutional(0)
    found = read_image(program.layout, program.images)
    assert _same(found, dict(program.final.consts))


def test_sections_are_aligned_and_fill_each_region_without_gaps() -> None:
    layout = convolutional(1, regions={"weights": "rram", "thresholds": "flash"}).layout
    assert set(layout.regions) == {"rram", "flash", "main"}
    for region in layout.regions:
        end = 0
        for section in layout.in_region(region):
            assert section.offset == end and section.nbytes % 8 == 0
            end += section.nbytes
        assert end == layout.region_bytes(region)
    assert {s.role for s in layout.in_region("rram")} == {"weights"}


@pytest.mark.parametrize("seed", range(3))
def test_any_bytes_keep_their_cells_through_another_layout_and_back(seed: int) -> None:
    source = convolutional(seed).layout
    groups = {s.const: 2 if s.type.dtype == "t2" else 1 for s in source.sections}
    sliced = {
        s.const: encoding("sliced", groups[s.const]) for s in source.sections if s.role == "weights"
    }
    target = rearrange(source, sliced, {s.const: s.role for s in source.sections})
    assert target.layout_id != source.layout_id
    noise = _noise(source, seed)
    moved = relayout(noise, source, target)
    assert _same(read_image(target, moved), read_image(source, noise))
    back = relayout(moved, target, source)
    for section in source.sections:
        cells = section.cells
        byte, bit = cells.locate(np.arange(cells.count))
        one, two = (
            np.frombuffer(images[section.region], dtype=np.uint8)[section.offset + byte] >> bit & 1
            for images in (noise, back)
        )
        np.testing.assert_array_equal(one, two)
    assert relayout(back, source, target) == moved


def test_the_layout_id_is_a_function_of_the_layout() -> None:
    assert mlp(0).layout.layout_id == mlp(1).layout.layout_id
    assert mlp(0).layout.layout_id != mlp(0, layout="sliced").layout.layout_id


def test_image_json_states_the_bijection_in_closed_form() -> None:
    described = json.loads(mlp(0, layout="sliced").layout.to_json())
    first = described["sections"][0]
    assert first["role"] == "weights" and first["encoding"]["name"] == "sliced"
    assert first["cells"]["axes"] == [
        {"extent": 1, "stride_bits": 1280},
        {"extent": 33, "stride_bits": 1, "block": 32, "block_stride_bits": 640},
        {"extent": 20, "stride_bits": 32},
    ]


def test_missing_and_short_images_are_refused() -> None:
    layout = mlp(0).layout
    with pytest.raises(InputError, match="no image for region 'main'"):
        read_image(layout, {})
    with pytest.raises(InputError, match="image of region 'main'; got 3 B"):
        read_image(layout, {"main": b"abc"})


def test_unknown_sections_list_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"unknown section 'x'; wanted layer_0_weights, layer_0"):
        mlp(0).layout.section("x")


def test_layouts_of_other_constants_do_not_mix() -> None:
    one, two = mlp(0), convolutional(0)
    with pytest.raises(InputError, match="do not hold the same constants"):
        relayout(one.images, one.layout, two.layout)
