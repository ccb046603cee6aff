"""Weights in cells of more than two levels: two bits of a domain-wall cell err together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sections import NAME, layout_of, random_images

from hysteron.chips.draw import apply, stored_bits
from hysteron.chips.packing import Packing, packing_of
from hysteron.chips.trajectory import Trajectory, resolved_part
from hysteron.ir.types import TensorType
from hysteron.memory.domain_wall import DomainWall
from hysteron.memory.gray import gray_bits
from hysteron.memory.load import load_technology


def _flips(packing: Packing, stored: np.ndarray, read: np.ndarray) -> np.ndarray:
    differ = np.flatnonzero(stored != read)
    cell, planes = packing.wrong(differ, stored[differ], read[differ])
    out = np.zeros((packing.planes, packing.cells), dtype=np.uint8)
    for plane in range(packing.planes):
        out[plane, cell] = planes >> plane & 1
    return out


@given(st.sampled_from([2, 4, 8, 16]), st.integers(1, 2), st.integers(1, 70), st.integers(0, 1000))
def test_wrong_cells_are_the_wrong_bits(levels: int, planes: int, cells: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    packing = Packing(levels, planes, cells)
    bits = rng.integers(0, 2, (planes, cells)).astype(np.uint8)
    level = packing.pack(bits)
    assert level.size == packing.count == -(-cells * planes // packing.bits_per_cell)
    read = rng.integers(0, levels, level.size).astype(np.int8)
    codes = np.array([gray_bits(k, packing.bits_per_cell) for k in range(levels)])
    flat = codes[read].reshape(-1)[: cells * planes].reshape(cells, planes).T
    assert np.array_equal(bits ^ _flips(packing, level, read), flat)
    assert np.array_equal(packing.pack(bits), level)


@pytest.mark.parametrize("count", [1, 2, 3, 4095, 4096])
def test_a_four_level_cell_holds_two_weights(count: int) -> None:
    section = layout_of(TensorType("b1", (1, count))).sections[0]
    packing = packing_of(section, load_technology("domain-wall"))
    assert packing.count == -(-count // 2)


def test_a_ternary_weight_is_one_cell_where_three_levels_fit() -> None:
    section = layout_of(TensorType("t2", (3, 5))).sections[0]
    assert packing_of(section, load_technology("hfo2-rram-2t2r-ternary")).count == 15
    assert packing_of(section, load_technology("hfo2-rram-2t2r")).count == 30
    assert packing_of(section, load_technology("domain-wall")).count == 15


def test_faults_per_weight_follow_the_level_channel_of_their_cell() -> None:
    layout = layout_of(TensorType("b1", (400, 1000)))
    images = random_images(layout)
    wall = load_technology("domain-wall")
    at = {"position_sigma": 0.25, "delta": 40.0, "retention_years": 0.1}
    source = Trajectory({NAME: resolved_part(wall, at)})
    packing = packing_of(layout.sections[0], wall)
    bits = stored_bits(layout.sections[0], images)
    stored = packing.pack(bits)
    seen = np.zeros((4, 4))
    flipped = []
    for chip in range(3):
        images_read = apply(layout, images, source.faults(layout, images, 1, chip))
        read_bits = stored_bits(layout.sections[0], images_read)
        np.add.at(seen, (stored, packing.pack(read_bits)), 1)
        flipped.append((bits ^ read_bits)[0].reshape(-1, 2))
    wanted = seen.sum(axis=1, keepdims=True) * np.array(wall.channel(4, at).matrix)
    frequent = wanted > 5
    distance = ((seen - wanted)[frequent] ** 2 / wanted[frequent]).sum()
    assert stats.chi2.sf(distance, frequent.sum() - 4) > 1e-4
    # Were the bits independent, both would fail at once twice as often: one step costs one bit.
    both = np.concatenate(flipped)
    first, second = both.mean(axis=0)
    assert isinstance(wall, DomainWall)
    for rate, channel in zip((first, second), wall.bit_channels(at), strict=True):
        assert rate == pytest.approx(channel.error_rate(), rel=0.03)
    matrix = np.array(wall.channel(4, at).matrix)
    codes = np.array([gray_bits(level, 2) for level in range(4)])
    differ = (codes[:, None] != codes[None]).all(axis=2)
    together = float((matrix * differ).sum() / 4)
    assert both.all(axis=1).mean() == pytest.approx(together, rel=0.1)
    assert together > 1.3 * first * second or together < 0.7 * first * second


def test_the_spare_bit_of_the_last_cell_is_nobodys() -> None:
    layout = layout_of(TensorType("b1", (1, 5)))
    images = random_images(layout)
    part = resolved_part(load_technology("domain-wall"), {"stuck_at_rate": 1.0})
    for chip in range(40):
        for found in Trajectory({NAME: part}).faults(layout, images, 1, chip).values():
            assert found.cell.max() < 5 and (found.planes == 1).all()
