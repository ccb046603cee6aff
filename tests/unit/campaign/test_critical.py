"""Critical bits: exact where everything was tried, told where it was not, replayable."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hysteron.campaign.critical import (
    Flip,
    choose_flips,
    critical_flips,
    fault_list,
    joined,
    place,
)
from hysteron.campaign.executors import Threads
from hysteron.campaign.run import Meter
from hysteron.campaign.trial import Correct, Trial
from hysteron.chips.draw import apply
from hysteron.chips.export import load_faults
from hysteron.host.bridge import Net


def _golden(trial: Trial) -> Correct:
    return Net(trial.program, threads=1).predict(trial.inputs) == trial.labels


def _bytes_flipped(trial: Trial, flip: Flip) -> Correct:
    """Return correctness with the flip made on the bytes, without chips or faults."""
    section = trial.program.layout.section(flip.section)
    byte, bit = section.cells.locate(flip.cell)
    image = bytearray(trial.program.images[section.region])
    image[section.offset + int(byte[flip.plane])] ^= 1 << int(bit[flip.plane])
    net = Net(trial.program, {section.region: bytes(image)}, threads=1)
    return net.predict(trial.inputs) == trial.labels


def test_an_exhaustive_search_finds_what_flipping_bytes_finds(digits_trial: Trial) -> None:
    trial, golden = digits_trial, _golden(digits_trial)
    sections = ["layer_0_inverts"]
    told = [0, 0]
    meter = Meter(
        lambda count: told.__setitem__(0, told[0] + count),
        lambda count: told.__setitem__(1, told[1] + count),
    )
    found = critical_flips(trial, golden, sections, 5, Threads(2), meter)
    assert found.exhaustive and found.flips == found.of == 256 and told == [256, -256]
    losses = []
    for cell in range(256):
        correct = _bytes_flipped(trial, Flip("layer_0_inverts", cell))
        losses.append((int((golden & ~correct).sum()), int((~golden & correct).sum())))
    order = sorted(range(256), key=lambda cell: losses[cell][1] - losses[cell][0])
    assert [(one.flip.cell, (one.lost, one.won)) for one in found.worst] == [
        (cell, losses[cell]) for cell in order[:5]
    ]
    assert found.worst[0].lost > 0


def test_a_bounded_search_says_so_and_counts_on_all_samples(digits_trial: Trial) -> None:
    trial, golden = digits_trial, _golden(digits_trial)
    sections = ["layer_0_inverts", "layer_1_inverts"]
    whole = critical_flips(trial, golden, sections, 3, Threads(2))
    fewer = critical_flips(trial, golden, sections, 3, Threads(2), most=(100, 10**9))
    assert not fewer.exhaustive and (fewer.flips, fewer.of, fewer.samples) == (100, 512, 60)
    assert fewer.worst[0].lost - fewer.worst[0].won <= whole.worst[0].lost - whole.worst[0].won
    for one in fewer.worst:
        correct = _bytes_flipped(trial, one.flip)
        assert one.lost == (golden & ~correct).sum() and one.won == (~golden & correct).sum()


def test_small_sections_are_tried_whole(digits_trial: Trial) -> None:
    layout = digits_trial.program.layout
    names = [section.name for section in layout.sections]
    flips = choose_flips(layout, names, 9000, 0)
    counts = {name: sum(flip.section == name for flip in flips) for name in names}
    assert counts["layer_0_inverts"] == counts["layer_1_inverts"] == 256
    assert sum(counts.values()) == 9000 == len(set(flips))
    assert min(counts.values()) == 256 and counts["layer_1_weights"] < 65536
    assert flips == choose_flips(layout, names, 9000, 0) != choose_flips(layout, names, 9000, 1)
    assert choose_flips(layout, names, 10**9, 0)[-1] == Flip("layer_2_weights", 2559)


def test_the_fault_list_replays_as_one_chip(digits_trial: Trial, tmp_path: Path) -> None:
    program = digits_trial.program
    flips = [Flip("layer_1_weights", 9), Flip("layer_0_inverts", 3), Flip("layer_1_weights", 2)]
    (tmp_path / "f.json").write_bytes(fault_list(program.layout, flips))
    replayed = load_faults(tmp_path / "f.json", program.layout)
    assert list(replayed["layer_1_weights"].cell) == [2, 9]
    images = apply(program.layout, program.images, replayed)
    different = sum(
        bin(a ^ b).count("1") for a, b in zip(images["main"], program.images["main"], strict=True)
    )
    assert different == 3
    assert images == apply(program.layout, program.images, joined(flips))


@pytest.mark.parametrize(
    ("flip", "wanted"),
    [
        (Flip("layer_1_weights", 257), "[1, 1]"),
        (Flip("layer_0_thresholds", 37), "[0, 0, 2] bit 5"),
        (Flip("layer_0_inverts", 255), "[0, 255]"),
    ],
)
def test_a_flip_is_placed_by_element_and_bit(flip: Flip, wanted: str, digits_trial: Trial) -> None:
    assert place(digits_trial.program.layout.section(flip.section), flip) == wanted


def test_both_planes_of_a_cell_join() -> None:
    both = joined([Flip("w", 4, 0), Flip("w", 4, 1), Flip("w", 1, 1)])
    assert list(both["w"].cell) == [1, 4] and list(both["w"].planes) == [2, 3]
    assert np.asarray(both["w"].planes).dtype == np.uint8
