"""Residual rates: enumerators equal the decoder's own counts, closed forms equal enumeration."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hysteron.errors import InputError
from hysteron.memory import ecc
from hysteron.memory.channel import Channel
from hysteron.memory.ecc.code import Bits
from hysteron.memory.ecc.enumerator import enumerate_errors

_PROBABILITY = st.floats(0.0, 1.0)


def _decoded(code: ecc.Code, errors: Bits) -> tuple[Bits, Bits]:
    """Return wrong data bits (words, k) and flags (words,) of error patterns on the zero word."""
    k = code.data_bits
    decoded = code.decode(errors[:, :k], errors[:, k:])
    return decoded.data, decoded.status == ecc.Status.DETECTED


@pytest.mark.parametrize("data_bits", [1, 4, 5, 8])
def test_enumerators_count_what_the_decoder_does_with_every_pattern(data_bits: int) -> None:
    code = ecc.Secded(data_bits)
    n = code.word_bits
    errors = ((np.arange(2**n)[:, None] >> np.arange(n)) & 1).astype(np.uint8)
    wrong, flagged = _decoded(code, errors)
    counted = enumerate_errors(code.columns, code.check_bits)
    for found, values in (
        (counted.detected, flagged),
        (counted.silent, wrong.any(axis=1) & ~flagged),
        (counted.wrong_undetected, wrong.sum(axis=1) * ~flagged),
        (counted.wrong_as_read, wrong.sum(axis=1)),
    ):
        wanted = np.zeros(found.shape, np.int64)
        np.add.at(wanted, (errors[:, :data_bits].sum(1), errors[:, data_bits:].sum(1)), values)
        assert np.array_equal(found, wanted)


@pytest.mark.parametrize(("data_bits", "share"), [(4, 1.0), (32, 0.70), (64, 0.76)])
def test_miscorrected_triple_errors_are_counted_exactly(data_bits: int, share: float) -> None:
    code = ecc.Secded(data_bits)
    triples = list(itertools.combinations(range(code.word_bits), 3))
    errors = np.zeros((len(triples), code.word_bits), np.uint8)
    errors[np.arange(len(triples))[:, None], triples] = 1
    wrong, flagged = _decoded(code, errors)
    assert wrong[~flagged].any(axis=1).all()  # a triple error that is not flagged is never right
    counted = enumerate_errors(code.columns, code.check_bits)
    assert sum(counted.silent[a, 3 - a] for a in range(4)) == (~flagged).sum()
    assert (~flagged).mean() == pytest.approx(share, abs=0.01)


@pytest.mark.parametrize(
    ("data_bits", "p", "failure", "silent"),
    [(32, 1e-3, 7.2e-4, 6.4e-6), (32, 1e-2, 5.8e-2, 4.5e-3), (64, 1e-3, 2.4e-3, 4.2e-5),
     (64, 1e-4, 2.5e-5, 4.5e-8), (128, 1e-3, 8.5e-3, 3.1e-4)],
)  # fmt: skip
def test_word_rates_of_secded(data_bits: int, p: float, failure: float, silent: float) -> None:
    code = ecc.Secded(data_bits)
    found = ecc.residual(code, Channel.symmetric(p))
    n = code.word_bits
    assert found.failure == pytest.approx(failure, rel=0.03)
    assert found.failure == pytest.approx(1 - (1 - p) ** n - n * p * (1 - p) ** (n - 1), rel=1e-8)
    assert found.silent == pytest.approx(silent, rel=0.06)


@pytest.mark.parametrize("data_bits", [4, 32, 64])
def test_sound_check_cells_leave_only_pairs_of_data_errors(data_bits: int) -> None:
    p, sound = 1e-6, Channel.symmetric(0.0)
    code = ecc.Secded(data_bits)
    on_data = ecc.residual(code, Channel.symmetric(p), sound)
    assert on_data.data_ber == pytest.approx((data_bits - 1) * p * p, rel=1e-3)
    assert ecc.residual(code, sound, Channel.symmetric(0.01)).data_ber < 1e-4
    assert ecc.residual(code, sound, sound) == ecc.Rates(0.0, 0.0, 0.0)


@pytest.mark.parametrize("policy", list(ecc.Policy))
def test_the_enumerator_equals_enumeration_on_a_symmetric_channel(policy: ecc.Policy) -> None:
    data, check = Channel.symmetric(0.03), Channel.symmetric(0.008)
    for code in (ecc.Secded(4), ecc.Secded(8)):
        found, wanted = (f(data, check, policy, 0.5) for f in (code.rates, _exact(code)))
        assert found.detected == pytest.approx(wanted.detected, rel=1e-12)
        assert found.silent == pytest.approx(wanted.silent, rel=1e-12)
        assert found.data_ber == pytest.approx(wanted.data_ber, rel=1e-12)


def _exact(code: ecc.Code):
    return lambda *arguments: ecc.exact(code, *arguments)


def test_on_balanced_data_an_asymmetric_channel_acts_by_its_mean() -> None:
    channel = Channel.binary(2e-3, 2e-4)
    for code in (ecc.Secded(4), ecc.Secded(8)):
        wanted = ecc.exact(code, channel, channel)
        assert code.rates(channel, channel).data_ber == pytest.approx(wanted.data_ber, rel=1e-3)


@pytest.mark.parametrize("data_bits", [32, 64])
@pytest.mark.parametrize("ones", [0.5, 0.8])
def test_an_asymmetric_channel_agrees_with_draws(data_bits: int, ones: float) -> None:
    code, words = ecc.Secded(data_bits), 100_000
    data, check = Channel.binary(0.02, 0.006), Channel.binary(0.001, 0.015)
    found = code.rates(data, check, ecc.Policy.AS_READ, ones)
    drawn = ecc.simulate(code, data, check, words, seed=5, ones=ones)
    for mine, theirs in ((found.detected, drawn.detected), (found.silent, drawn.silent)):
        # 4 standard errors of the draws, and 3 % for cells taken as independent of the data
        assert abs(mine - theirs) < 4 * math.sqrt(mine / words) + 0.03 * mine
    assert found.data_ber == pytest.approx(drawn.data_ber, rel=0.06)


@given(
    st.sampled_from([ecc.Repetition(2, 1), ecc.Repetition(2, 3), ecc.Repetition(3, 3)]),
    st.tuples(_PROBABILITY, _PROBABILITY), st.tuples(_PROBABILITY, _PROBABILITY),
    st.sampled_from(list(ecc.Policy)), _PROBABILITY,
)  # fmt: skip
def test_repetition_has_exact_closed_forms(
    code: ecc.Repetition, data: tuple[float, float], check: tuple[float, float],
    policy: ecc.Policy, ones: float,
) -> None:  # fmt: skip
    channels = Channel.binary(*data), Channel.binary(*check)
    found = code.rates(*channels, policy, ones)
    wanted = ecc.exact(code, *channels, policy, ones)
    assert found.data_ber == pytest.approx(wanted.data_ber, rel=1e-9, abs=1e-12)
    assert found.detected == pytest.approx(wanted.detected, rel=1e-9, abs=1e-12)
    assert found.silent == pytest.approx(wanted.silent, rel=1e-9, abs=1e-12)


def test_triplication_leaves_three_p_squared_and_duplication_flags() -> None:
    p = 1e-5
    triple = ecc.residual(ecc.load_code("triplicate"), Channel.symmetric(p))
    assert triple.data_ber == pytest.approx(3 * p**2 - 2 * p**3, rel=1e-9)
    double = ecc.residual(ecc.load_code("duplicate"), Channel.symmetric(p))
    assert double.data_ber == p
    assert double.detected == pytest.approx(64 * p, rel=1e-3)
    assert double.silent == pytest.approx(32 * p**2, rel=2e-3)


@pytest.mark.parametrize(("data_bits", "t"), [(8, 3), (32, 2), (32, 3), (64, 2), (64, 3)])
def test_bch_check_bits_are_the_degree_of_the_generator(data_bits: int, t: int) -> None:
    """The generator's roots are the cyclotomic cosets of 1, 3, ..., 2t - 1."""
    code = ecc.Bch(data_bits, t)
    order = 2**code.field_degree - 1
    roots = {(2 * i + 1) * 2**j % order for i in range(t) for j in range(code.field_degree)}
    assert len(roots) == code.word_bits - data_bits
    assert code.word_bits <= order


def test_bch_failure_is_the_binomial_tail() -> None:
    code, p = ecc.Bch(64, 2), 0.01
    n = code.word_bits
    tail = sum(math.comb(n, j) * p**j * (1 - p) ** (n - j) for j in range(3, n + 1))
    assert code.word_failure(p) == pytest.approx(tail, rel=1e-12)
    estimate, bound = code.data_ber(p)
    assert 3 / n * tail < estimate < bound < tail


def test_only_short_words_are_enumerated() -> None:
    channel = Channel.symmetric(0.1)
    with pytest.raises(InputError, match="at most 13"):
        ecc.exact(ecc.Secded(32), channel, channel)
    with pytest.raises(InputError, match="share of ones"):
        ecc.residual(ecc.Secded(4), channel, ones=1.5)
    with pytest.raises(InputError, match="nothing to simulate"):
        ecc.simulate(ecc.Secded(4), channel, channel, words=0, seed=0)
    with pytest.raises(InputError, match="1 to 1024"):
        ecc.Secded(0)
    with pytest.raises(InputError, match="2 or 3 copies"):
        ecc.Repetition(4)
