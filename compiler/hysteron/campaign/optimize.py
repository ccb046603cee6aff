"""The inverse question: the cheapest condition that keeps the accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Offer:
    """One condition's cost (less is better) and the accuracy that its chips keep."""

    cost: float
    accuracy: float


def pareto_front(offers: Sequence[Offer]) -> list[int]:
    """Return the offers that no other beats in one quantity without losing in the other.

    Indices by rising cost; equal offers are all on the front.
    """
    order = sorted(range(len(offers)), key=lambda n: (offers[n].cost, -offers[n].accuracy))
    front: list[int] = []
    for number in order:
        offer = offers[number]
        best = offers[front[-1]] if front else None
        if best is None or offer.accuracy > best.accuracy or offer == best:
            front.append(number)
    return front


def cheapest(offers: Sequence[Offer], wanted: float) -> int | None:
    """Return the cheapest offer with at least the accuracy wanted, None without any.

    Of equal costs the more accurate wins, then the earlier. Accuracies are multiples of one
    over the samples, so the tolerance only absorbs rounding.
    """
    kept = [n for n, offer in enumerate(offers) if offer.accuracy >= wanted - 1e-12]
    return min(kept, key=lambda n: (offers[n].cost, -offers[n].accuracy), default=None)


def most_accurate(offers: Sequence[Offer]) -> int:
    """Return the offer that keeps most, the cheaper of equals."""
    return int(np.lexsort(([o.cost for o in offers], [-o.accuracy for o in offers]))[0])
