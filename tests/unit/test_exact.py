"""Exact numbers against SymPy-free high-precision evaluation."""

from __future__ import annotations

from decimal import Decimal, getcontext
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from hysteron.exact import Surd, floor, sign

getcontext().prec = 120

rationals = st.fractions(max_denominator=2**20, min_value=-1000, max_value=1000)
positive = st.fractions(max_denominator=2**12, min_value=Fraction(1, 2**12), max_value=1000)


def decimal(value: Surd) -> Decimal:
    total = Decimal(0)
    for key, coefficient in value.terms.items():
        term = Decimal(coefficient.numerator) / Decimal(coefficient.denominator)
        for g in key:
            term *= (Decimal(g.numerator) / Decimal(g.denominator)).sqrt()
        total += term
    return total


@given(rationals, rationals, rationals, positive, positive)
def test_sign_equals_sign_of_120_digits(a, b, c, d, e):
    value = Surd.of(a) + Surd.sqrt(d) * b + Surd.sqrt(e) * Surd.sqrt(d) * c
    want = decimal(value)
    if abs(want) > Decimal(10) ** -90:
        assert sign(value) == (1 if want > 0 else -1)
    else:
        assert sign(value) == 0


@given(rationals, positive)
def test_difference_of_squares_cancels_to_zero(a, d):
    root = Surd.sqrt(d)
    assert sign((root + a) * (root - a) - (Surd.of(d) - a * a)) == 0


def test_dependent_generators_cancel_exactly():
    assert sign(Surd.sqrt(8) - Surd.sqrt(2) * 2) == 0
    assert Surd.sqrt(Fraction(9, 4)) == Fraction(3, 2)


@given(rationals, rationals, positive)
def test_floor_brackets_the_value(a, b, d):
    value = Surd.of(a) + Surd.sqrt(d) * b
    low = floor(value)
    assert sign(value - low) >= 0
    assert sign(value - (low + 1)) < 0


@given(rationals, rationals, positive)
def test_float_is_right_to_double_precision(a, b, d):
    value = Surd.of(a) + Surd.sqrt(d) * b
    want = decimal(value)
    assert abs(Decimal(float(value)) - want) <= abs(want) * Decimal(2) ** -52
