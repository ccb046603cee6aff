"""The draws in C are the draws in NumPy, and keep their rate where rates are tiny."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from hysteron.chips import native, philox
from hysteron.chips.philox import Stream, below, threshold
from hysteron.errors import InternalError
from hysteron.host.compiler import build, find_cc
from hysteron.targets import load_target

pytestmark = pytest.mark.kernels

_WORD = st.integers(0, 2**32 - 1)
_STREAMS = st.builds(
    Stream, st.integers(0, 2**64 - 1), _WORD, st.text(st.characters(codec="utf-8"), max_size=20)
)
# 0, 1 and the smallest and largest in between, besides ordinary ones.
_RATES = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 1.0, 2.0**-64, 1.0 - 2.0**-53, 1e-12]))
_SIZES = st.one_of(st.integers(0, 50), st.integers(510, 514), st.integers(0, 3000))


@given(st.tuples(_WORD, _WORD, _WORD, _WORD), st.tuples(_WORD, _WORD))
def test_a_block_in_c_is_the_block_in_numpy(counter: tuple[int, ...], key: tuple[int, int]) -> None:
    wanted = philox.philox4x32(np.array(counter, dtype=np.uint64).reshape(4, 1), key)[:, 0]
    assert native.philox4x32(counter, key) == tuple(int(word) for word in wanted)


@pytest.mark.parametrize(
    ("counter", "key", "wanted"),
    [
        ((0,) * 4, (0, 0), "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ((2**32 - 1,) * 4, (2**32 - 1,) * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_c_gives_the_published_vectors(
    counter: tuple[int, ...], key: tuple[int, int], wanted: str
) -> None:
    # Random123 1.14, tests/kat_vectors: philox4x32-10.
    assert " ".join(f"{word:08x}" for word in native.philox4x32(counter, key)) == wanted


@given(_STREAMS, _SIZES, st.sampled_from(sorted(philox.MECHANISMS)), st.integers(0, 2**24 - 1))
def test_draws_in_c_are_the_draws_in_numpy(
    stream: Stream, cells: int, mechanism: str, event: int
) -> None:
    wanted = stream.draw(cells, mechanism, event)
    assert np.array_equal(native.draw(stream, cells, mechanism, event), wanted)


@given(_STREAMS, _SIZES, _RATES, _RATES, st.integers(0, 2))
def test_wrong_cells_in_c_are_those_of_the_rule_in_numpy(
    stream: Stream, cells: int, p10: float, p01: float, event: int
) -> None:
    stored = np.random.default_rng(cells).integers(0, 2, cells).astype(np.uint8)
    draws = stream.draw(cells, "marginal", event)
    down, up = threshold(p10), threshold(p01)
    wrong = np.where(stored == 1, below(draws, down), below(~draws, up))
    cell, depth = native.marginal(stream, stored, down, up, event)
    assert np.array_equal(cell, np.flatnonzero(wrong))
    assert np.array_equal(depth, np.where(stored == 1, draws, ~draws)[cell])


def test_what_would_repeat_or_read_wrong_is_refused() -> None:
    stream = Stream(0, 0, "a")
    with pytest.raises(InternalError, match="repeat"):
        native.draw(stream, 1, "marginal", 2**24)
    with pytest.raises(InternalError, match="repeat"):
        stream.draw(2**33 + 1, "marginal")
    with pytest.raises(InternalError, match="0 and 1"):
        native.marginal(stream, np.array([0, 2], dtype=np.uint8), 0, 0)


def test_the_sources_compile_without_a_warning() -> None:
    cc = find_cc(load_target("host").isa)
    strict = ("-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror")
    assert build(native.sources(), replace(cc, link_flags=("-shared",)), "library", strict).exists()


def test_one_error_in_a_million_has_its_rate_and_its_spread() -> None:
    stored = np.resize(np.array([0, 1], dtype=np.uint8), 1_000_000)
    limit = threshold(1e-6)
    counts = np.array(
        [
            native.marginal(Stream(11, chip, "w"), stored, limit, limit)[0].size
            for chip in range(300)
        ]
    )
    # int(p * N) would give 1 on every chip; Poisson(1) gives none on 37 % of them.
    seen = np.bincount(np.minimum(counts, 4), minlength=5)
    poisson = stats.poisson(1)
    wanted = 300 * np.array([*poisson.pmf(np.arange(4)), poisson.sf(3)])
    assert stats.chisquare(seen, wanted).pvalue > 1e-4


@pytest.mark.slow
def test_one_error_in_a_hundred_million_has_its_rate_over_2e10_draws() -> None:
    # 24-bit uniforms (torch.rand) cannot: they err at 2^-24 = 6e-8 or not at all.
    cells, chips, limit = 1 << 26, 300, threshold(1e-8)
    stored = np.zeros(cells, dtype=np.uint8)
    total = sum(
        native.marginal(Stream(5, chip, "w"), stored, limit, limit)[0].size for chip in range(chips)
    )
    assert cells * chips > 2e10
    assert stats.poisson(cells * chips * 1e-8).cdf(total) == pytest.approx(0.5, abs=0.4999)
