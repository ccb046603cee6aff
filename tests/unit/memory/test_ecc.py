"""Codes correct, detect and miscorrect as their distance says; residual rates are known tables."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hysteron.errors import InputError
from hysteron.memory import ecc
from hysteron.memory.channel import Channel

_SECDED = ["secded-8-4", "secded-39-32", "secded-72-64"]


def _read(
    code: ecc.Code, flips: np.ndarray, seed: int = 0, policy: ecc.Policy = ecc.Policy.AS_READ
) -> tuple[np.ndarray, ecc.Decoded]:
    """Return random data (words, k) and what is decoded after flips (words, n)."""
    rng = np.random.default_rng(seed)
    data = rng.integers(0, 2, (len(flips), code.data_bits)).astype(np.uint8)
    word = np.concatenate([data, code.encode(data)], axis=1) ^ flips
    return data, code.decode(word[:, : code.data_bits], word[:, code.data_bits :], policy)


def _patterns(bits: int, errors: int) -> np.ndarray:
    places = list(itertools.combinations(range(bits), errors))
    flips = np.zeros((len(places), bits), dtype=np.uint8)
    for row, place in enumerate(places):
        flips[row, list(place)] = 1
    return flips


@pytest.mark.parametrize("name", ecc.code_names())
def test_error_free_words_pass_unchanged(name: str) -> None:
    code = ecc.load_code(name)
    data, decoded = _read(code, np.zeros((50, code.word_bits), dtype=np.uint8))
    assert np.array_equal(decoded.data, data)
    assert (decoded.status == ecc.Status.OK).all()


@pytest.mark.parametrize("name", _SECDED)
def test_secded_corrects_every_single_and_detects_every_double_error(name: str) -> None:
    code = ecc.load_code(name)
    data, decoded = _read(code, _patterns(code.word_bits, 1))
    assert np.array_equal(decoded.data, data)
    assert (decoded.status == ecc.Status.CORRECTED).all()
    data, decoded = _read(code, _patterns(code.word_bits, 2))
    assert (decoded.status == ecc.Status.DETECTED).all()


def test_secded_miscorrects_most_triple_errors() -> None:
    for name, share in (("secded-39-32", 0.70), ("secded-72-64", 0.76)):
        code = ecc.load_code(name)
        rng = np.random.default_rng(1)
        order = rng.random((20_000, code.word_bits)).argsort(axis=1)
        flips = (order < 3).astype(np.uint8)
        data, decoded = _read(code, flips)
        silent = (decoded.status == ecc.Status.CORRECTED).mean()
        assert abs(silent - share) < 0.08
        assert (decoded.data != data).any(axis=1).mean() > 0.7


@pytest.mark.parametrize("name", _SECDED)
def test_detected_words_can_be_cleared(name: str) -> None:
    code = ecc.load_code(name)
    flips = _patterns(code.word_bits, 2)[:200]
    _, decoded = _read(code, flips, policy=ecc.Policy.ZERO)
    assert not decoded.data.any()


# Residual data bit error rate; (8,4) by decoding all words, the others by independent simulation.
@pytest.mark.parametrize(
    ("name", "p", "wanted", "band"),
    [
        ("secded-8-4", 1e-1, 5.6e-2, 0.02),
        ("secded-8-4", 1e-2, 6.9e-4, 0.02),
        ("secded-8-4", 1e-4, 7.0e-8, 0.02),
        ("secded-39-32", 1e-3, 3.7e-5, 0.03),
        ("secded-39-32", 1e-2, 3.3e-3, 0.06),
        ("secded-72-64", 1e-3, 6.9e-5, 0.03),
        ("secded-72-64", 1e-4, 7.1e-7, 0.03),
    ],
)
def test_residual_rates_of_secded(name: str, p: float, wanted: float, band: float) -> None:
    found = ecc.residual(ecc.load_code(name), Channel.symmetric(p))
    assert found.data_ber == pytest.approx(wanted, rel=band)


@pytest.mark.parametrize("name", _SECDED)
def test_residual_rates_fall_with_the_square(name: str) -> None:
    code, p = ecc.load_code(name), 1e-6
    found = ecc.residual(code, Channel.symmetric(p)).data_ber
    assert found == pytest.approx((code.word_bits - 1) * p * p, rel=0.02)


@pytest.mark.parametrize("name", ["secded-39-32", "secded-72-64", "triplicate"])
@pytest.mark.parametrize("channel", [Channel.symmetric(0.01), Channel.binary(0.02, 0.004)])
def test_closed_forms_agree_with_the_decoder(name: str, channel: Channel) -> None:
    code = ecc.load_code(name)
    wanted = ecc.simulate(code, channel, channel, words=60_000, seed=3).data_ber
    found = ecc.residual(code, channel).data_ber
    assert found == pytest.approx(wanted, rel=0.12)


@given(st.integers(1, 1024))
def test_every_length_has_the_distance_of_a_secded_code(data_bits: int) -> None:
    columns = ecc.Secded(data_bits).columns
    assert len(set(columns.tolist())) == data_bits
    assert all(bin(int(column)).count("1") % 2 == 1 for column in columns)


def test_bch_fails_with_more_errors_than_it_corrects() -> None:
    two, three = ecc.Bch(64, 2), ecc.Bch(64, 3)
    assert two.word_bits == 64 + 14 and three.word_bits == 64 + 21
    p = 1e-4
    n = two.word_bits
    assert two.word_failure(p) == pytest.approx(n * (n - 1) * (n - 2) / 6 * p**3, rel=0.01)
    assert three.word_failure(p) < two.word_failure(p) / 100


def test_what_does_not_fit_is_refused() -> None:
    code = ecc.load_code("secded-8-4")
    with pytest.raises(InputError, match="do not fit"):
        code.encode(np.zeros((1, 5), dtype=np.uint8))
    with pytest.raises(InputError, match="not all 0 or 1"):
        code.encode(np.full((1, 4), 2, dtype=np.uint8))
    with pytest.raises(InputError, match="secded-39-32"):
        ecc.load_code("parity")
    with pytest.raises(InputError, match="BCH"):
        ecc.Bch(64, 4)
