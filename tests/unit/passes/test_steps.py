"""Step functions against brute force: every lattice point of random chains."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hysteron.exact import Surd, sign
from hysteron.passes.pieces import Pieces, Segment, constant, keep
from hysteron.passes.steps import Plane, step_function, threshold_arrays

LO, HI = -37, 37

coefficient = st.fractions(min_value=-4, max_value=4, max_denominator=64)
link = st.one_of(
    st.tuples(st.just("affine"), coefficient, coefficient),
    st.tuples(st.just("root"), coefficient, st.fractions(Fraction(1, 8), 9, max_denominator=8)),
    st.tuples(st.just("prelu"), coefficient, st.just(0)),
    st.tuples(
        st.just("clip"),
        st.fractions(-9, 0, max_denominator=99),
        st.fractions(0, 9, max_denominator=99),
    ),
)


def build(pieces: Pieces, chain: list[tuple[str, Fraction, Fraction]]) -> Pieces:
    for kind, a, b in chain:
        if kind == "affine":
            pieces = pieces.affine([a], [b])
        elif kind == "root":
            pieces = pieces.affine([Surd.sqrt(b) / b * a], [Fraction(1, 3)])
        elif kind == "prelu":
            rule = lambda _, s, a=a: Segment(s.start, s.slope * a, s.offset * a)  # noqa: E731
            pieces = pieces.by_sign([Fraction(0)], rule, keep, keep)
        else:
            pieces = pieces.by_sign([a], constant(a), keep, keep)
            pieces = pieces.by_sign([b], keep, keep, constant(b))
    return pieces


def brute(n: int, chain: list[tuple[str, Fraction, Fraction]]) -> Surd:
    value = Surd.of(n)
    for kind, a, b in chain:
        if kind == "affine":
            value = value * a + b
        elif kind == "root":
            value = value * a * Surd.sqrt(b) / b + Fraction(1, 3)
        elif kind == "prelu":
            value = value * a if sign(value) < 0 else value
        else:
            value = Surd.of(a) if value < a else Surd.of(b) if value > b else value
    return value


def to_sign(pieces: Pieces, at_zero: int) -> Pieces:
    one = Fraction(1)
    return pieces.by_sign([Fraction(0)], constant(-one), constant(Fraction(at_zero)), constant(one))


def plane_bit(plane: Plane, n: int) -> bool:
    return plane.start ^ (sum(n >= flip for flip in plane.flips) % 2 == 1)


@settings(max_examples=150, deadline=None)
@given(st.lists(link, min_size=1, max_size=4), st.sampled_from([(1, 0), (2, 0), (2, 1)]))
def test_piecewise_function_equals_direct_evaluation_everywhere(chain, lattice):
    pieces = build(Pieces.identity(LO, HI), chain)
    (channel,) = pieces.channels
    for n in range(LO, HI + 1):
        seg = next(s for s in reversed(channel) if s.start <= n)
        assert sign(seg.at(n) - brute(n, chain)) == 0


@settings(max_examples=150, deadline=None)
@given(
    st.lists(link, min_size=1, max_size=3),
    st.sampled_from([(1, 0), (2, 0), (2, 1)]),
    st.sampled_from([0, 1]),
)
def test_thresholds_equal_the_exact_sign_on_every_lattice_point(chain, lattice, at_zero):
    stride, residue = lattice
    pieces = to_sign(build(Pieces.identity(LO, HI), chain), at_zero)
    points = [n for n in range(LO, HI + 1) if n % stride == residue]
    wanted = [sign(brute(n, chain)) or at_zero for n in points]
    try:
        step = step_function(pieces, stride, residue)
    except ValueError as reason:
        assert "flip points" in str(reason)
        changes = [
            sum(a != b for a, b in itertools.pairwise(bits))
            for bits in ([w > 0 for w in wanted], [w < 0 for w in wanted])
        ]
        assert max(changes) > 2
        return
    (planes,), (low,), (high,) = step.planes, step.low, step.high
    for n, value in zip(points, wanted, strict=True):
        if step.ternary:
            got = plane_bit(planes[0], n) - plane_bit(planes[1], n)
            assert (low + high) / 2 + (high - low) / 2 * got == value
        else:
            assert (high if plane_bit(planes[0], n) else low) == value


@pytest.mark.parametrize("k", [576, 1152, 2304, 4608, 9216])
@pytest.mark.parametrize("beta", [-1e-4, -1e-5, 1e-4])
def test_threshold_next_to_zero_is_not_rounded_away(k, beta):
    """Larq Compute Engine rounds 0.5*(bias/|mult| + K) in float32 and gets K>=2304 wrong."""
    exact_beta = Fraction(float(np.float32(beta)))
    pieces = to_sign(Pieces.identity(-k, k).affine([Fraction(1)], [exact_beta]), 1)
    step = step_function(pieces, 2, k % 2)
    for acc in (-2 + k % 2, k % 2, 2 + k % 2):
        assert plane_bit(step.planes[0][0], acc) == (acc + exact_beta >= 0)


def test_a_zero_scale_gives_a_constant_bit():
    pieces = to_sign(Pieces.identity(-8, 8).affine([Fraction(0)], [Fraction(-1, 7)]), 1)
    step = step_function(pieces, 1, 0)
    assert all(not plane_bit(step.planes[0][0], n) or step.high == step.low for n in range(-8, 9))


def test_unused_flips_get_a_threshold_that_is_never_reached():
    t, inv = threshold_arrays([[Plane((3,), False), Plane((), True)]], 2, 2, -8, 8)
    assert t.tolist() == [[[3, 9], [9, 9]]]
    assert inv.tolist() == [[-1, 1]]
    assert t.dtype == np.int16


def test_thresholds_beyond_16_bits_are_stored_as_int32():
    t, _ = threshold_arrays([[Plane((40000,), False)]], 1, 1, -50000, 50000)
    assert t.dtype == np.int32
