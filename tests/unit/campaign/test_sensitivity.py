"""Sensitivity: what is ranked, by how much, and what is proposed to protect."""

from __future__ import annotations

import numpy as np
import pytest

from hysteron._assets import asset_dir
from hysteron.campaign.sensitivity import (
    Part,
    Sensitivity,
    difference,
    parts_of,
    protections,
    ranked,
)
from hysteron.campaign.statistics import Drop
from hysteron.campaign.trial import Correct, Trial
from hysteron.driver.compile import Options, compile_model


def _correct(share: float, seed: int, chips: int = 40, samples: int = 400) -> Correct:
    return np.random.default_rng(seed).random((chips, samples)) < share


def test_an_image_is_cut_by_section_layer_or_role(digits_trial: Trial) -> None:
    layout = digits_trial.program.layout
    names = [section.name for section in layout.sections]
    assert [part.name for part in parts_of(layout, names, "section")] == names
    assert [p.name for p in parts_of(layout, names, "layer")] == ["layer_0", "layer_1", "layer_2"]
    roles = parts_of(layout, names, "role")
    assert [part.name for part in roles] == ["weights", "thresholds", "inverts"]
    assert roles[0].sections == ("layer_0_weights", "layer_1_weights", "layer_2_weights")
    assert roles[0].cells == 64 * 256 + 256 * 256 + 256 * 10
    assert parts_of(layout, names[:1], "layer") == [Part("layer_0", (names[0],), 64 * 256)]


def test_check_bits_go_with_their_data() -> None:
    path = asset_dir("models") / "digits_mlp" / "digits_mlp.onnx"
    layout = compile_model(
        path, Options(inputs=("uint8",), ecc="weights=secded-72-64")
    ).program.layout
    names = [section.name for section in layout.sections]
    for cut in ("section", "layer", "role"):
        parts = parts_of(layout, names, cut)
        assert not any("check" in part.name for part in parts)
        assert sorted(name for part in parts for name in part.sections) == sorted(names)
    first = parts_of(layout, names, "section")[0]
    assert len(first.sections) == 2 and first.cells == 64 * 256 * 72 // 64


def test_parts_are_ranked_by_what_they_lose() -> None:
    golden = np.ones(400, dtype=np.bool_)
    a, b, c = (Part(name, (name,), 10) for name in "abc")
    found = {a: _correct(0.95, 0), b: _correct(0.6, 1), c: _correct(0.948, 2)}
    order = ranked(golden, found, 0)
    assert order[0].part is b and {order[1].part, order[2].part} == {a, c}
    assert order[0].drop.mean == pytest.approx(1 - found[b].mean())
    first, second, last = (one.over_next for one in order)
    assert first is not None and first.ci_low > 0.3  # far apart
    assert second is not None and second.ci_low < 0 < second.ci_high  # not told apart
    assert last is None


def test_the_difference_is_paired_over_samples() -> None:
    # The same hard samples fail in both: only the paired interval is narrow.
    hard = np.arange(400) < 200
    better = np.broadcast_to(~hard, (30, 400)).copy()
    worse = better.copy()
    worse[:, 399] = False
    gap = difference(worse, better, 0)
    assert gap.mean == pytest.approx(1 / 400)
    assert 0 <= gap.ci_low and gap.ci_high < 0.01
    assert difference(better, worse, 0).mean == -gap.mean


def _ranked(*drops: tuple[str, int, float]) -> list[Sensitivity]:
    return [
        Sensitivity(Part(name, (name,), cells), 10, Drop(drop, drop, drop), None)
        for name, cells, drop in drops
    ]


def test_protection_grows_by_drop_per_cell_from_the_first_that_may_be_enough() -> None:
    order = _ranked(("big", 1000, 0.10), ("small", 10, 0.05), ("harmless", 10, -0.01))
    sets = [[part.name for part in parts] for parts in protections(order, 0.02)]
    assert sets == [["small", "big"], ["small", "big", "harmless"]]
    assert next(protections(order, 0.2)) == ()
    sets = [[part.name for part in parts] for parts in protections(order, 0.12)]
    assert sets[0] == ["small"]
