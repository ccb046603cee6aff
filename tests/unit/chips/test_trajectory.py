"""Trajectories: the same single cells as the derived channel, one specimen at all times."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from sections import NAME, layout_of, random_images

from hysteron._assets import asset_dir
from hysteron.chips.draw import Faults, apply
from hysteron.chips.philox import Stream
from hysteron.chips.purpose import SectionDraws
from hysteron.chips.source import engine_for
from hysteron.chips.trajectory import Part, Trajectory, estimated_rate, lived, resolved_part
from hysteron.errors import InputError, UnsupportedError
from hysteron.image.encodings import encoding
from hysteron.image.layout import rearrange, relayout
from hysteron.ir.types import TensorType
from hysteron.memory.load import load_technology, technology_names
from hysteron.memory.states.base import Site
from hysteron.memory.technology import Technology

_BITS = layout_of(TensorType("b1", (300, 1000)))
_IMAGES = random_images(_BITS)

#: Conditions under which errors are frequent enough to be compared, per physics.
_HARSH: dict[str, dict[str, float]] = {
    "st-mram": {"write_pulse_ns": 4, "delta": 50, "retention_years": 9, "temperature_c": 60,
                "reads": 3e13},
    "rram": {"hrs_spread": 0.9},
    "analog-rram": {"conductance_high_microsiemens": 60},
    "domain-wall": {"position_sigma": 0.25, "delta": 40, "retention_years": 0.3},
}  # fmt: skip
#: What an array may add; names that a technology lacks are left out.
_ARRAY = {
    "write_attempts": 3, "verify": 1, "verify_margin": 0.1, "verify_margin_microsiemens": 2,
    "column_offset_sigma": 0.2, "column_offset_sigma_microsiemens": 3, "sense_noise": 0.15,
    "sense_noise_microsiemens": 2, "die_sigma": 0.03, "device_share": 0.3,
}  # fmt: skip
_SCRUB = {
    "write_attempts": 2, "verify": 1, "column_offset_sigma": 0.15, "sense_noise": 0.15,
    "scrub_interval_hours": 100.0,
}  # fmt: skip


def _drifting(tmp_path: Path, name: str = "hfo2-rram-1t1r") -> Technology:
    """Return the technology with a linear drift of the high state up to 1000 hours."""
    text = (asset_dir("targets") / "memory" / f"{name}.toml").read_text()
    rows = [f"{{ retention_hours = {h}, lrs_shift = {0.1 * h / 1000}, lrs_spread = 0.0, "
            f"hrs_shift = {-0.6 * h / 1000}, hrs_spread = {0.3 * h / 1000} }}"
            for h in (1, 50, 100, 1000)]  # fmt: skip
    path = tmp_path / f"{name}.toml"
    path.write_text(
        text + f'\n[drift]\nstatus = "assumption"\nsource = "test"\nrows = [{", ".join(rows)}]\n'
    )
    return load_technology(str(path))


def _mine(technology: Technology, *conditions: dict[str, float]) -> dict[str, float]:
    known = {axis.name for axis in technology.conditions}
    return {k: v for one in conditions for k, v in one.items() if k in known}


def _assert_follows_channel(
    technology: Technology, levels: int, conditions: dict[str, float], count: int = 200_000
) -> None:
    """Compare drawn cells, each with an amplifier and a die of its own, with the channel."""
    part = resolved_part(technology, conditions)
    draws = SectionDraws(Stream(3, 1, "cells"), count)
    stored = (np.arange(count) % levels).astype(np.int8)
    site = Site(count, draws, draws.normal("column"), draws.normal("die"))
    cells = lived(part, levels, stored, site)
    read = cells.read(part.noise * draws.normal("sense"))
    seen = np.zeros((levels, levels))
    np.add.at(seen, (stored, read), 1)
    wanted = seen.sum(axis=1, keepdims=True) * np.array(
        technology.channel(levels, conditions).matrix
    )
    frequent = wanted > 5
    distance = float(((seen - wanted)[frequent] ** 2 / wanted[frequent]).sum())
    assert stats.chi2.sf(distance, max(int(frequent.sum()) - levels, 1)) > 1e-4, seen / wanted
    # what is too rare for chi-square must be rare
    assert seen[~frequent].sum() < 40


def _kinds(name: str) -> list[int]:
    technology = load_technology(name)
    return [levels for levels in (2, 3, 4) if technology.stores(levels)
            and (levels != 2 or technology.bit_levels == 2)]  # fmt: skip


@pytest.mark.parametrize("more", [{}, _ARRAY], ids=["plain", "array"])
@pytest.mark.parametrize(
    ("name", "levels"), [(name, k) for name in technology_names() for k in _kinds(name)]
)
def test_both_engines_have_the_same_single_cells(
    name: str, levels: int, more: dict[str, float]
) -> None:
    technology = load_technology(name)
    conditions = _mine(technology, _HARSH.get(technology.physics, {}), more)
    if technology.not_derivable(technology.resolve(conditions)):
        conditions.pop("verify")
    _assert_follows_channel(technology, levels, conditions)


@pytest.mark.parametrize("name", ["hfo2-rram-1t1r", "hfo2-rram-2t2r"])
def test_scrubbed_drift_has_its_channel(name: str, tmp_path: Path) -> None:
    technology = _drifting(tmp_path, name)
    hot = {"hrs_spread": 0.7, "retention_hours": 350.0}
    _assert_follows_channel(technology, 2, _mine(technology, hot, _SCRUB))
    _assert_follows_channel(technology, 2, _mine(technology, hot, {**_ARRAY, "verify": 0}))


def test_scrub_takes_drift_back_and_adds_write_errors_unless_verified(tmp_path: Path) -> None:
    technology = _drifting(tmp_path)
    old, scrub = {"retention_hours": 1000.0}, {"scrub_interval_hours": 50.0}
    verify = {"write_attempts": 4.0, "verify": 1.0, "verify_margin": 0.1}

    def rate(*conditions: dict[str, float]) -> float:
        return technology.channel(2, _mine(technology, old, *conditions)).error_rate()

    assert rate(scrub, verify) < rate(verify) / 5
    fresh = technology.channel(2, {"retention_hours": 50.0}).error_rate()
    assert rate(scrub) > 15 * fresh  # 20 unverified rewrites add their own errors


def test_scrub_of_domain_walls_has_its_channel() -> None:
    technology = load_technology("domain-wall")
    at = {"delta": 38.0, "retention_years": 0.04, "position_sigma": 0.2}
    _assert_follows_channel(technology, 4, _mine(technology, at, _SCRUB))


def test_scrub_of_st_mram_helps_no_cell_and_noise_makes_it_harm() -> None:
    mram = load_technology("st-mram")
    at = {**_HARSH["st-mram"], "scrub_interval_hours": 8766.0}
    assert mram.channel(2, at) == mram.channel(2, _HARSH["st-mram"])
    noisy = {**at, "sense_noise": 0.15}
    _assert_follows_channel(mram, 2, noisy, 100_000)
    once = {k: v for k, v in noisy.items() if k != "scrub_interval_hours"}
    assert mram.channel(2, noisy).error_rate() > mram.channel(2, once).error_rate()


@pytest.mark.parametrize("previous", ["random", "complement", "zeros", "ones"])
def test_old_data_of_st_mram_have_their_channel(previous: str) -> None:
    mram = load_technology("st-mram").configured(previous=previous)
    _assert_follows_channel(mram, 2, {"write_pulse_ns": 4.0, "write_attempts": 2})


@pytest.mark.parametrize("more", [{}, {"column_offset_sigma": 0.15, "sense_noise": 0.1}])
def test_unequal_states_and_a_temperature_profile_have_their_channel(
    more: dict[str, float], tmp_path: Path
) -> None:
    text = (asset_dir("targets") / "memory" / "st-mram.toml").read_text()
    for name, old, new in (("delta_ap_ratio", 1.0, 0.85), ("ic0_ap_ratio", 1.0, 1.2),
                           ("read_current_ratio", 0.1, 0.3)):  # fmt: skip
        old_text = f"[{name}]\nvalue = {old}"
        assert old_text in text
        text = text.replace(old_text, f"[{name}]\nvalue = {new}")
    path = tmp_path / "st-mram.toml"
    path.write_text(
        text + "\n[[profile]]\nhours = 0.1\ntemperature_c = 250\n"
        "[[profile]]\nhours = 24\ntemperature_c = 125\n"
    )
    hot = load_technology(str(path)).configured(read_toward="1")
    at = {"delta": 55.0, "write_pulse_ns": 6.0, "retention_years": 0.1, "temperature_c": 85.0,
          "reads": 1e9, **more}  # fmt: skip
    matrix = hot.channel(2, at).matrix
    assert matrix[0][1] != pytest.approx(matrix[1][0], rel=0.2)
    still = {**at, "retention_years": 0.0, "reads": 0.0}
    assert (
        hot.channel(2, still).error_rate()
        > 2 * load_technology("st-mram").channel(2, still).error_rate()
    )  # the profile alone costs bits
    _assert_follows_channel(hot, 2, at)


def _trajectory(technology: Technology, **conditions: float) -> Trajectory:
    return Trajectory({NAME: resolved_part(technology, conditions)})


def _wrong(source: Trajectory, chip: int = 0) -> np.ndarray[Any, Any]:
    bits = np.zeros(_BITS.sections[0].cells.count, dtype=np.uint8)
    for found in source.faults(_BITS, _IMAGES, 9, chip).values():
        bits[found.cell] = found.planes
    return bits


@pytest.mark.parametrize("kind", ["st-mram", "domain-wall", "rram"])
def test_several_times_are_one_specimen_that_ages(kind: str, tmp_path: Path) -> None:
    if kind == "rram":
        memory, axis, times = _drifting(tmp_path), "retention_hours", (50.0, 400.0, 1000.0)
        hot = {"hrs_spread": 0.5}
    else:
        memory, axis, times = load_technology(kind), "retention_years", (0.01, 0.1, 1.0)
        hot = {"delta": 40.0}
    ages = [_wrong(_trajectory(memory, **hot, **{axis: t})) for t in times]
    fresh = _wrong(_trajectory(memory, **hot, **({} if kind == "rram" else {axis: 0.0})))
    moved = [np.flatnonzero(fresh ^ age) for age in ages]
    assert 0 < moved[0].size < moved[1].size < moved[2].size
    if kind == "domain-wall":  # a wall may go on, so bits may flip back
        assert np.isin(moved[0], moved[1]).mean() > 0.5
        return
    assert np.isin(moved[0], moved[1]).all() and np.isin(moved[1], moved[2]).all()


def test_a_weak_cell_of_one_history_is_weak_in_another() -> None:
    mram = load_technology("st-mram")
    hard = {"write_pulse_ns": 4.0, "delta_sigma_percent": 10.0}
    once, often = _trajectory(mram, **hard), _trajectory(mram, **hard, write_attempts=3, verify=1)
    first, left = _wrong(once) > 0, _wrong(often) > 0
    assert not (left & ~first).any()  # the first pulse is the same one
    assert 0 < left.sum() < first.sum()
    independent = first.mean() ** 3 * 4 * first.size  # old data agree half the time
    assert left.sum() > 5 * independent


def test_order_and_other_chips_change_nothing() -> None:
    source = _trajectory(load_technology("hfo2-rram-1t1r"), column_offset_sigma=0.2)
    forward = [_wrong(source, chip) for chip in range(3)]
    backward = [_wrong(source, chip) for chip in reversed(range(3))]
    assert all(np.array_equal(a, b) for a, b in zip(forward, reversed(backward), strict=True))
    assert not np.array_equal(forward[0], forward[1])


@pytest.mark.parametrize("dtype", ["b1", "t2"])
def test_a_chip_has_the_same_wrong_cells_in_every_layout(dtype: str) -> None:
    layout = layout_of(TensorType(dtype, (45, 70)))
    images = random_images(layout)
    name = "hfo2-rram-2t2r" if dtype == "b1" else "hfo2-rram-2t2r-ternary"
    source = _trajectory(load_technology(name), hrs_spread=0.9, column_offset_sigma=0.5,
                         die_sigma=0.05, row_failure_rate=0.2, line_burst_rate=0.05)  # fmt: skip
    sliced = rearrange(layout, {"c0": encoding("sliced")})
    moved = relayout(images, layout, sliced)
    there = apply(sliced, moved, source.faults(sliced, moved, 3, 1))
    here = apply(layout, images, source.faults(layout, images, 3, 1))
    assert relayout(there, sliced, layout) == relayout(here, layout, layout) != images


def test_sections_of_one_technology_share_the_die_and_not_the_cells() -> None:
    layout = layout_of(TensorType("b1", (200, 500)), TensorType("b1", (200, 500)))
    images = random_images(layout)
    memory = load_technology("hfo2-rram-1t1r")
    part = resolved_part(memory, {"die_sigma": 0.05, "hrs_spread": 0.6})
    source = Trajectory({s.name: part for s in layout.sections})
    counts = np.zeros((40, 2))
    for chip in range(40):
        found = source.faults(layout, images, 1, chip)
        counts[chip] = [found[s.name].cell.size for s in layout.sections]
    assert stats.pearsonr(counts[:, 0], counts[:, 1]).statistic > 0.9
    found = source.faults(layout, images, 1, 0)
    first, second = (found[s.name].cell for s in layout.sections)
    shared = np.intersect1d(first, second).size
    assert shared < 0.2 * first.size


@pytest.mark.parametrize(
    ("conditions", "varied", "engine"),
    [
        ({}, (), "marginal"),
        ({"write_pulse_ns": 5.0}, ("write_pulse_ns",), "marginal"),
        ({"retention_years": 1.0}, (), "marginal"),
        ({"retention_years": 1.0}, ("retention_years",), "trajectory"),
        ({"reads": 1e6}, ("reads",), "trajectory"),
        ({"write_attempts": 2.0}, (), "trajectory"),
        ({"scrub_interval_hours": 24.0}, (), "trajectory"),
        ({"column_offset_sigma": 0.1}, (), "trajectory"),
        ({"die_sigma": 0.01}, (), "trajectory"),
        ({"sense_noise": 0.1}, (), "trajectory"),
        ({"stuck_at_rate": 1e-4}, (), "trajectory"),
    ],
)
def test_the_engine_follows_the_state_only_where_a_channel_is_not_enough(
    conditions: dict[str, float], varied: tuple[str, ...], engine: str
) -> None:
    assert engine_for(load_technology("st-mram"), conditions, varied) == engine


def test_bits_that_share_a_cell_are_followed() -> None:
    assert engine_for(load_technology("domain-wall"), {}) == "trajectory"


def test_what_cannot_be_derived_is_refused_and_estimated() -> None:
    ternary = load_technology("hfo2-rram-2t2r-ternary")
    at = {"hrs_spread": 0.9, "write_attempts": 3.0, "verify": 1.0}
    with pytest.raises(UnsupportedError, match="verify of ternary cells"):
        ternary.channel(3, at)
    rate = estimated_rate(resolved_part(ternary, at), 3)
    assert 0 < rate < ternary.channel(3, {"hrs_spread": 0.9}).error_rate() / 2


def test_verify_without_a_second_attempt_is_refused() -> None:
    with pytest.raises(InputError, match="verify needs a second attempt"):
        resolved_part(load_technology("st-mram"), {"verify": 1.0})
    with pytest.raises(InputError, match="write_attempts is not a whole number"):
        resolved_part(load_technology("st-mram"), {"write_attempts": 1.5})
    with pytest.raises(InputError, match="too many scrubs"):
        source = _trajectory(load_technology("domain-wall"), retention_years=10.0,
                             scrub_interval_hours=1.0)  # fmt: skip
        source.faults(_BITS, _IMAGES, 0, 0)


def test_old_images_decide_which_failed_writes_matter() -> None:
    mram = load_technology("st-mram")
    part = resolved_part(mram, {"write_pulse_ns": 4.0})
    same = Trajectory({NAME: part}, _IMAGES).faults(_BITS, _IMAGES, 1, 0)
    assert not same  # every bit is there already
    flipped = {"main": bytes(b ^ 0xFF for b in _IMAGES["main"])}
    worst = Trajectory({NAME: part}, flipped).faults(_BITS, _IMAGES, 1, 0)
    complement = Trajectory(
        {NAME: Part(mram.configured(previous="complement"), part.values)}
    ).faults(_BITS, _IMAGES, 1, 0)
    assert _listed(worst) == _listed(complement)
    with pytest.raises(InputError, match="image of region"):
        Trajectory({NAME: part}, {"main": b""}).faults(_BITS, _IMAGES, 1, 0)


def _listed(found: Faults) -> list[int]:
    return [int(cell) for cell in found[NAME].cell]
