"""Exact real numbers: rationals extended by square roots.

A batch normalisation divides by sqrt(var + eps), so the value before a sign is
a + b*sqrt(d) with rational a, b, d, and a product of such factors after several
of them. ``Surd`` holds sums of rational multiples of products of square roots;
its sign is decided by squaring, never by rounding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

Rational: TypeAlias = int | Fraction
Number: TypeAlias = "int | Fraction | Surd"

_ONE: frozenset[Fraction] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Surd:
    """Sum of ``coefficient * product(sqrt(g) for g in generators)``.

    ``terms`` maps a set of positive rational generators to a non-zero rational
    coefficient. Build instances with ``Surd.of`` and ``Surd.sqrt``.
    """

    terms: dict[frozenset[Fraction], Fraction]

    @staticmethod
    def of(value: Number) -> Surd:
        """Return ``value`` as a Surd."""
        if isinstance(value, Surd):
            return value
        rational = Fraction(value)
        return Surd({_ONE: rational} if rational else {})

    @staticmethod
    def sqrt(value: Rational) -> Surd:
        """Return the square root of a non-negative rational; ValueError below 0."""
        radicand = Fraction(value)
        if radicand < 0:
            raise ValueError(f"square root of a negative number: {radicand}")
        root = _rational_root(radicand)
        return Surd.of(root) if root is not None else Surd({frozenset((radicand,)): Fraction(1)})

    def __add__(self, other: Number) -> Surd:
        terms = dict(self.terms)
        for key, coefficient in Surd.of(other).terms.items():
            total = terms.get(key, Fraction(0)) + coefficient
            if total:
                terms[key] = total
            else:
                del terms[key]
        return Surd(terms)

    __radd__ = __add__

    def __neg__(self) -> Surd:
        return Surd({key: -coefficient for key, coefficient in self.terms.items()})

    def __sub__(self, other: Number) -> Surd:
        return self + (-Surd.of(other))

    def __rsub__(self, other: Number) -> Surd:
        return Surd.of(other) + (-self)

    def __mul__(self, other: Number) -> Surd:
        if not isinstance(other, Surd):
            factor = Fraction(other)
            return Surd({k: c * factor for k, c in self.terms.items()} if factor else {})
        total = Surd({})
        for left, a in self.terms.items():
            for right, b in other.terms.items():
                # sqrt(g) * sqrt(g) = g for the generators both sides share.
                shared = math.prod(left & right, start=Fraction(1))
                total = total + Surd({left ^ right: a * b * shared})
        return total

    __rmul__ = __mul__

    def __truediv__(self, other: Rational) -> Surd:
        return self * (1 / Fraction(other))

    def sign(self) -> int:
        """Return -1, 0 or +1, exactly."""
        if not self.terms:
            return 0
        if len(self.terms) == 1:
            return 1 if next(iter(self.terms.values())) > 0 else -1
        generator = max(g for key in self.terms for g in key)
        inside = {k - {generator}: c for k, c in self.terms.items() if generator in k}
        outside = {k: c for k, c in self.terms.items() if generator not in k}
        with_root, without = Surd(inside), Surd(outside)
        a, b = without.sign(), with_root.sign()
        if a == b or b == 0:
            return a
        if a == 0:
            return b
        return a * (without * without - with_root * with_root * generator).sign()

    def is_rational(self) -> bool:
        """Return True when no square root is left."""
        return all(not key for key in self.terms)

    def rational(self) -> Fraction:
        """Return the value as a Fraction; ValueError when a root is left."""
        if not self.is_rational():
            raise ValueError("not a rational number")
        return self.terms.get(_ONE, Fraction(0))

    def __float__(self) -> float:
        # Roots to 2^-80 relative: one term is right to double precision; a sum
        # that cancels is refined until the leading digits are certain.
        bits = 80
        while True:
            parts = [c * _root_approximation(key, bits) for key, c in self.terms.items()]
            total = sum(parts, Fraction(0))
            bound = sum((abs(p) for p in parts), Fraction(0)) / 2 ** (bits - 4)
            if abs(total) > bound * 2**60 or self.sign() == 0:
                return float(total) if self.sign() else 0.0
            bits *= 2

    def _compare(self, other: Number) -> int:
        return (self - other).sign()

    def __lt__(self, other: Number) -> bool:
        return self._compare(other) < 0

    def __le__(self, other: Number) -> bool:
        return self._compare(other) <= 0

    def __gt__(self, other: Number) -> bool:
        return self._compare(other) > 0

    def __ge__(self, other: Number) -> bool:
        return self._compare(other) >= 0

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, int | Fraction | Surd):
            return NotImplemented
        return self._compare(other) == 0

    def __hash__(self) -> int:
        return hash(float(self))


def _rational_root(value: Fraction) -> Fraction | None:
    top, bottom = math.isqrt(value.numerator), math.isqrt(value.denominator)
    if top * top == value.numerator and bottom * bottom == value.denominator:
        return Fraction(top, bottom)
    return None


def _root_approximation(generators: frozenset[Fraction], bits: int) -> Fraction:
    product = math.prod(generators, start=Fraction(1))
    # floor(sqrt(p * 4^s)) / 2^s with s such that the root keeps ``bits`` bits.
    size = product.numerator.bit_length() - product.denominator.bit_length()
    shift = bits + max(0, -size)
    return Fraction(math.isqrt((product.numerator << 2 * shift) // product.denominator), 1 << shift)


def sign(value: Number) -> int:
    """Return the exact sign of any exact number."""
    if isinstance(value, Surd):
        return value.sign()
    return (value > 0) - (value < 0)


def nearest_integer(value: Number) -> int:
    """Return the nearest integer, ties away from minus infinity."""
    return floor(value + Fraction(1, 2))


def floor(value: Number) -> int:
    """Return the largest integer that is not above ``value``, exactly."""
    if isinstance(value, int):
        return value
    if isinstance(value, Fraction):
        return math.floor(value)
    if value.is_rational():
        return math.floor(value.rational())
    parts = [c * _root_approximation(k, 96) for k, c in value.terms.items()]
    guess = math.floor(sum(parts, Fraction(0)))
    step = 1
    while sign(value - guess) < 0:
        guess, step = guess - step, step * 2
    while sign(value - (guess + 1)) >= 0:
        guess += 1
    return guess
