"""Scrub through a code: corrected words are written again, everything else goes on ageing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sections import NAME, layout_of, random_images

from hysteron._assets import asset_dir
from hysteron.chips.draw import apply
from hysteron.chips.trajectory import Trajectory, resolved_part
from hysteron.errors import InputError
from hysteron.image.layout import ImageLayout, section_bytes
from hysteron.image.protection import (
    decode_images,
    encoded_checks,
    policy_named,
    protect,
    section_code,
)
from hysteron.ir.types import TensorType
from hysteron.memory.ecc import Status
from hysteron.memory.load import load_technology

_YEAR = 365.25 * 24


def _protected(code: str, *shape: int) -> tuple[ImageLayout, dict[str, bytes]]:
    plain = layout_of(TensorType("b1", shape or (120, 640)))
    layout = protect(plain, {NAME: code})
    images = random_images(plain)
    (region,) = layout.regions
    data = section_bytes(layout.section(NAME), {region: images["main"]})
    parts = [data, *encoded_checks(layout.section(NAME), data)]
    return layout, {region: b"".join(parts)}


def _source(layout: ImageLayout, technology: Any, **conditions: float) -> Trajectory:
    part = resolved_part(technology, conditions)
    return Trajectory({section.name: part for section in layout.sections})


def _words(layout: ImageLayout, images: dict[str, bytes]) -> Any:
    """Return (data words, check words, decoded data words, status)."""
    section = layout.section(NAME)
    coder = section_code(section)
    data = coder.cut(section_bytes(section, images))
    checks = coder.cut_checks(tuple(section_bytes(part, images) for part in layout.checks_of(NAME)))
    return (data, checks, *coder.decode(data, checks, policy_named(section.policy)))


@pytest.mark.parametrize("code", ["secded-39-32", "secded-72-64", "secded-8-4", "triplicate"])
def test_one_scrub_repairs_the_corrected_words_and_no_others(code: str) -> None:
    layout, images = _protected(code)
    mram = load_technology("st-mram")
    at = {"delta": 42.0, "write_pulse_ns": 100.0, "retention_years": 0.05}
    aged = apply(layout, images, _source(layout, mram, **at).faults(layout, images, 3, 0))
    data, checks, words, status = _words(layout, aged)
    corrected = status == Status.CORRECTED
    assert 0 < corrected.mean() < 1
    assert (status == Status.DETECTED).any() or code == "triplicate"  # which corrects anything
    every = {"scrub_interval_hours": 0.05 * _YEAR}
    scrubbed = _source(layout, mram, **at, **every).faults(layout, images, 3, 0)
    now_data, now_checks, _, now = _words(layout, apply(layout, images, scrubbed))
    assert np.array_equal(now_data[corrected], words[corrected])
    assert np.array_equal(now_data[~corrected], data[~corrected])
    assert np.array_equal(now_checks[~corrected], checks[~corrected])
    assert (now[corrected] == Status.OK).all()


def test_words_that_are_never_rewritten_age_through_all_intervals() -> None:
    layout, images = _protected("duplicate")  # detects, never corrects
    mram = load_technology("st-mram")
    at = {"delta": 42.0, "write_pulse_ns": 100.0, "retention_years": 0.2}
    rate = mram.channel(2, at).error_rate()
    source = _source(layout, mram, **at, scrub_interval_hours=0.02 * _YEAR)
    wrong = sum(found.cell.size for found in source.faults(layout, images, 3, 0).values())
    cells = sum(section.cells.count for section in layout.sections)
    assert wrong / cells == pytest.approx(rate, abs=4 * (rate / cells) ** 0.5)


def test_scrub_through_a_code_keeps_errors_from_meeting_in_a_word() -> None:
    layout, images = _protected("secded-72-64", 400, 640)
    mram = load_technology("st-mram")
    at = {"delta": 44.0, "write_pulse_ns": 100.0, "retention_years": 0.5}

    def left(**more: float) -> int:
        wrong = _source(layout, mram, **at, **more).faults(layout, images, 3, 0)
        decoded = decode_images(layout, apply(layout, images, wrong)).images
        one, other = (section_bytes(layout.section(NAME), i) for i in (decoded, images))
        return int(
            np.unpackbits(np.frombuffer(one, np.uint8) ^ np.frombuffer(other, np.uint8)).sum()
        )

    once, often = left(), left(scrub_interval_hours=0.01 * _YEAR)
    assert once > 100 and often < once / 8


def test_what_is_not_rewritten_keeps_its_drift(tmp_path: Any) -> None:
    name = "hfo2-rram-2t2r"
    text = (asset_dir("targets") / "memory" / f"{name}.toml").read_text()
    rows = [f"{{ retention_hours = {h}, lrs_shift = 0.0, lrs_spread = 0.0, "
            f"hrs_shift = {-0.5 * h / 300}, hrs_spread = {0.5 * h / 300} }}"
            for h in (1, 100, 200, 300)]  # fmt: skip
    path = tmp_path / f"{name}.toml"
    path.write_text(
        text + f'\n[drift]\nstatus = "assumption"\nsource = "test"\nrows = [{", ".join(rows)}]\n'
    )
    memory = load_technology(str(path))
    layout, images = _protected("secded-72-64")

    def aged(hours: float, **more: float) -> Any:
        source = _source(layout, memory, hrs_spread=0.5, retention_hours=hours, **more)
        return _words(layout, apply(layout, images, source.faults(layout, images, 3, 0)))

    data, checks, *_ = aged(290.0)
    now_data, now_checks, *_ = aged(290.0, scrub_interval_hours=100.0)
    written = aged(100.0)[3] == Status.CORRECTED
    later = aged(200.0)[3] == Status.CORRECTED
    kept = ~(written | later)
    assert 100 < kept.sum() < len(kept) - 100
    assert np.array_equal(data[kept], now_data[kept])
    assert np.array_equal(checks[kept], now_checks[kept])
    due = aged(200.0, scrub_interval_hours=100.0)  # read right after the second scrub
    assert np.array_equal(aged(200.0)[0][kept], due[0][kept])
    good = _words(layout, images)[0]
    assert (now_data != good)[~kept].sum() < (data != good)[~kept].sum() / 1.5


def test_check_bits_in_another_memory_do_not_age_with_the_data() -> None:
    layout, images = _protected("secded-39-32")
    mram = load_technology("st-mram")
    at = {"delta": 42.0, "write_pulse_ns": 100.0, "retention_years": 0.05,
          "scrub_interval_hours": 0.05 * _YEAR}  # fmt: skip
    alone = Trajectory({NAME: resolved_part(mram, at)}).faults(layout, images, 3, 0)
    both = _source(layout, mram, **at).faults(layout, images, 3, 0)
    assert set(alone) == {NAME} and len(both) == 2
    other = {**at, "retention_years": 0.06}
    parts = {s.name: resolved_part(mram, at if s.name == NAME else other) for s in layout.sections}
    with pytest.raises(InputError, match="scrubbed at different times"):
        Trajectory(parts).faults(layout, images, 3, 0)
