"""The front and the cheapest offer equal their definitions."""

from __future__ import annotations

import numpy as np
import pytest

from hysteron.campaign.optimize import Offer, cheapest, most_accurate, pareto_front


@pytest.mark.parametrize("seed", range(20))
def test_the_front_is_what_nothing_dominates(seed: int) -> None:
    rng = np.random.default_rng(seed)
    offers = [Offer(*map(float, pair)) for pair in rng.integers(0, 8, (25, 2))]  # many ties

    def dominated(one: Offer) -> bool:
        return any(
            other.cost <= one.cost and other.accuracy >= one.accuracy and other != one
            for other in offers
        )

    wanted = {number for number, offer in enumerate(offers) if not dominated(offer)}
    front = pareto_front(offers)
    assert set(front) == wanted and len(front) == len(wanted)
    costs = [offers[number].cost for number in front]
    assert costs == sorted(costs)


@pytest.mark.parametrize("seed", range(20))
def test_the_cheapest_is_on_the_front_and_good_enough(seed: int) -> None:
    rng = np.random.default_rng(seed)
    offers = [Offer(*map(float, pair)) for pair in rng.integers(0, 8, (25, 2))]
    best = cheapest(offers, 5)
    good = [offer for offer in offers if offer.accuracy >= 5]
    assert best is not None and offers[best].cost == min(offer.cost for offer in good)
    assert best in pareto_front(offers)


def test_nothing_good_enough_is_none_and_the_best_is_told() -> None:
    offers = [Offer(1.0, 0.5), Offer(3.0, 0.9), Offer(2.0, 0.9)]
    assert cheapest(offers, 0.91) is None
    assert most_accurate(offers) == 2
    assert cheapest(offers, 0.9) == 2 and cheapest(offers, 0.0) == 0
