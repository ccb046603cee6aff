"""Silent statistics bugs of well-known fault injectors, one test each; see also the names below.

Not repeated here: fixed floored counts and rates below one cell (test_draw), clock seeds and
dependent neighbours (test_philox), 24-bit uniforms (test_philox, test_native).
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sections import NAME, layout_of, random_images

from hysteron._assets import asset_dir
from hysteron.chips.draw import faults, stored_bits
from hysteron.chips.philox import Stream
from hysteron.chips.purpose import SectionDraws, under, words_at
from hysteron.chips.trajectory import Trajectory, resolved_part
from hysteron.errors import InputError
from hysteron.ir.types import TensorType
from hysteron.memory.channel import Channel
from hysteron.memory.load import load_technology
from hysteron.memory.states.base import Site

_BITS = layout_of(TensorType("b1", (1000, 1000)))
_IMAGES = random_images(_BITS)
_STORED = stored_bits(_BITS.sections[0], _IMAGES)[0]


def _cells(channel: Channel, chip: int = 0) -> np.ndarray:
    found = faults(_BITS, _IMAGES, {NAME: channel}, 3, chip)
    return found[NAME].cell if found else np.zeros(0, dtype=np.int64)


def test_counts_at_one_in_a_million_are_binomial_through_the_image() -> None:
    # int(1e-6 * 10^6) would be 1 on every chip
    counts = np.array([_cells(Channel.symmetric(1e-6), chip).size for chip in range(220)])
    poisson = stats.poisson(1)
    wanted = 220 * np.array([*poisson.pmf(np.arange(4)), poisson.sf(3)])
    assert stats.chisquare(np.bincount(np.minimum(counts, 4), minlength=5), wanted).pvalue > 1e-4


@pytest.mark.parametrize(("p01", "p10"), [(0.4, 0.3), (0.7, 0.9)])
def test_low_and_high_faults_do_not_overwrite_each_other(p01: float, p10: float) -> None:
    cell = _cells(Channel.binary(p01, p10))
    for stored, p in ((0, p01), (1, p10)):
        total = int((stored == _STORED).sum())
        hit = int((_STORED[cell] == stored).sum())
        assert stats.binom(total, p).cdf(hit) == pytest.approx(0.5, abs=0.4999)


def test_every_cell_varies_on_its_own_not_every_level() -> None:
    """A peer draws the variation once per resistance level: 4096 cells, two conductances."""
    memory = load_technology("hfo2-rram-1t1r")
    draws = SectionDraws(Stream(0, 0, "x"), 4096)
    cells = memory.cells(2, None, Site(4096, draws, 0.0, 0.0))
    cells.write(np.resize(np.array([0, 1], dtype=np.int8), 4096), np.ones(4096, np.bool_), 0)
    # a sweep of the comparator meets another cell at almost every step
    seen = {int(cells.read(float(shift)).sum()) for shift in np.linspace(-2.5, 2.5, 400)}
    assert len(seen) > 100


def test_the_spread_of_a_conductance_follows_its_own_target() -> None:
    """A peer reads the wrong reference, so noise does not rescale with the range."""
    analog = load_technology("analog-rram")
    for high in (60.0, 90.0, 200.0):
        found = analog.derived({"conductance_high_microsiemens": high})
        assert found["sigma of the high conductance, uS"] == pytest.approx(4.782 - 0.00911 * high)


def test_any_time_inside_a_table_works_and_none_outside() -> None:
    """A peer knows 1 s, 1 d and 2 d only."""
    years = [load_technology("st-mram").channel(2, {"retention_years": y}).error_rate()
             for y in (1e-6, 0.001, 0.37, 10.0)]  # fmt: skip
    assert years == sorted(years)
    with pytest.raises(InputError, match="retention_years is out of range"):
        load_technology("st-mram").channel(2, {"retention_years": 21.0})


@pytest.mark.parametrize("p", [0.0625, 0.1, 0.5, 1.0])
def test_rates_of_a_tenth_and_more_are_reached_without_replacement(p: float) -> None:
    # drawn with replacement, the rate would be 1 - exp(-p): 0.39 instead of 0.5
    cell = _cells(Channel.symmetric(p))
    assert np.unique(cell).size == cell.size
    assert stats.binom(10**6, p).cdf(cell.size) == pytest.approx(0.5, abs=0.5 if p == 1 else 0.4999)
    assert p < 1 or cell.size == 10**6


def test_quantised_sections_are_drawn_without_a_copy_of_the_model() -> None:
    layout = layout_of(TensorType("i16", (3000,)), TensorType("i32", (500,)))
    images = random_images(layout)
    before = dict(images)
    channels = {s.name: Channel.symmetric(0.01) for s in layout.sections}
    found = faults(layout, images, channels, 0, 0)
    assert images == before
    for section in layout.sections:
        count, total = found[section.name].cell.size, section.cells.count
        assert stats.binom(total, 0.01).cdf(count) == pytest.approx(0.5, abs=0.4999)


def test_drift_adds_to_the_programming_error_instead_of_replacing_it(tmp_path) -> None:
    name = "hfo2-rram-1t1r"
    text = (asset_dir("targets") / "memory" / f"{name}.toml").read_text()
    still = "lrs_shift = 0.0, lrs_spread = 0.0, hrs_shift = 0.0, hrs_spread = "
    path = tmp_path / f"{name}.toml"
    path.write_text(
        text + '\n[drift]\nstatus = "assumption"\nsource = "test"\nrows = ['
        f"{{ retention_hours = 1, {still} 0.0 }}, {{ retention_hours = 100, {still} 0.01 }}]\n"
    )
    drifting = load_technology(str(path))
    fresh, old = (
        Trajectory({NAME: resolved_part(memory, at)}).faults(_BITS, _IMAGES, 1, 0)[NAME].cell
        for memory, at in (
            (load_technology(name), {}), (drifting, {"retention_hours": 100.0}),
        )
    )  # fmt: skip
    assert np.isin(fresh, old).mean() > 0.95


@pytest.mark.parametrize("p", [1e-12, 1e-8, 2.0**-64, 2.0**-65, 0.3, 1.0 - 2.0**-53, 1.0, 0.0])
def test_rates_per_cell_are_compared_in_64_bits(p: float) -> None:
    limit = int(p * 2**64)  # exact: a power of two
    words = np.array([max(limit - 1, 0), min(limit, 2**64 - 1), 2**64 - 1, 0], dtype=np.uint64)
    wanted = [limit > 0, limit > 2**64 - 1, limit > 2**64 - 1, limit > 0]
    assert under(words, np.full(4, p)).tolist() == wanted
    assert under(words, p).tolist() == wanted


def test_draws_of_some_cells_are_those_of_all() -> None:
    stream = Stream(11, 2, "y")
    chosen = np.array([0, 1, 6, 7, 4999, 65_536, 99_999])
    every = SectionDraws(stream, 100_000).words("sense", 77)
    assert np.array_equal(words_at(stream, chosen, "sense", 77), every[chosen])


def test_deviates_of_cells_are_normal_and_independent_of_each_other() -> None:
    draws = SectionDraws(Stream(1, 0, "z"), 200_000)
    first, second = draws.normal("cell", 0), draws.normal("cell", 1)
    assert stats.kstest(first[:20_000], "norm").pvalue > 1e-4
    assert abs(np.corrcoef(first, second)[0, 1]) < 5 / np.sqrt(200_000)
    assert abs(np.corrcoef(first[:-1], first[1:])[0, 1]) < 5 / np.sqrt(200_000)
