"""Residual error rates measured on the decoder itself: exhaustively or by seeded draws."""

from __future__ import annotations

import numpy as np

from hysteron.errors import InputError
from hysteron.memory.channel import Channel
from hysteron.memory.ecc.code import Bits, Code, Policy, Rates, Status, check_ones

#: Longest code word that ``exact`` enumerates: 2^k stored times 2^n received words.
EXACT_BITS = 13
_CHUNK_WORDS = 1 << 16


def residual(
    code: Code,
    data: Channel,
    check: Channel | None = None,
    policy: Policy = Policy.AS_READ,
    ones: float = 0.5,
) -> Rates:
    """Return ``exact`` for short codes and ``code.rates`` for the others.

    ``check`` is the channel of the check cells, by default that of the data cells.
    """
    check = data if check is None else check
    if code.word_bits <= EXACT_BITS:
        return exact(code, data, check, policy, ones)
    return code.rates(data, check, policy, ones)


def exact(
    code: Code,
    data: Channel,
    check: Channel,
    policy: Policy = Policy.AS_READ,
    ones: float = 0.5,
) -> Rates:
    """Return the rates by decoding every received word for every stored word.

    Cells err independently given what they store; data bits are independent with
    P(1) = ``ones``. Raises InputError for code words longer than EXACT_BITS.
    """
    check_ones(ones)
    if code.word_bits > EXACT_BITS:
        raise InputError("code word too long to enumerate", got=f"{code.word_bits} bits",
                         wanted=f"at most {EXACT_BITS}")  # fmt: skip
    k = code.data_bits
    received = _all_words(code.word_bits)
    decoded = code.decode(received[:, :k], received[:, k:], policy)
    flagged = decoded.status == Status.DETECTED
    stored = _all_words(k)
    likely = np.where(stored == 1, ones, 1.0 - ones).prod(axis=1)
    totals = np.zeros(3)
    for word, probability, checks in zip(stored, likely, code.encode(stored), strict=True):
        reads = _reads(data, word, received[:, :k]) * _reads(check, checks, received[:, k:])
        wrong = decoded.data != word
        outcome = np.stack((wrong.mean(axis=1), flagged, wrong.any(axis=1) & ~flagged))
        totals += probability * (outcome @ reads)
    return Rates(*(float(total) for total in totals))


def simulate(
    code: Code,
    data: Channel,
    check: Channel,
    words: int,
    seed: int,
    policy: Policy = Policy.AS_READ,
    ones: float = 0.5,
) -> Rates:
    """Return the observed rates of ``words`` random words through channel and decoder.

    The standard error of a word rate r is sqrt(r (1 - r) / words).
    """
    check_ones(ones)
    if words < 1:
        raise InputError("nothing to simulate", got=f"{words} words", wanted="1 or more")
    rng = np.random.default_rng(seed)
    totals = np.zeros(3)
    for first in range(0, words, _CHUNK_WORDS):
        size = min(_CHUNK_WORDS, words - first)
        stored = (rng.random((size, code.data_bits)) < ones).astype(np.uint8)
        checks = code.encode(stored)
        decoded = code.decode(_read(rng, data, stored), _read(rng, check, checks), policy)
        wrong, flagged = decoded.data != stored, decoded.status == Status.DETECTED
        totals += (wrong.mean(axis=1).sum(), flagged.sum(), (wrong.any(axis=1) & ~flagged).sum())
    return Rates(*(float(total) / words for total in totals))


def _all_words(bits: int) -> Bits:
    """Return all words, (2^bits, bits)."""
    return ((np.arange(2**bits)[:, None] >> np.arange(bits)) & 1).astype(np.uint8)


def _reads(
    channel: Channel, stored: Bits, received: Bits
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return P(received word | stored word) for every received word."""
    matrix = np.array(channel.matrix)
    return np.asarray(matrix[stored[None, :], received].prod(axis=1))


def _read(rng: np.random.Generator, channel: Channel, stored: Bits) -> Bits:
    p = np.where(stored == 1, channel.p10, channel.p01)
    return stored ^ (rng.random(stored.shape) < p)
