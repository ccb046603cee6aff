"""Injected weight errors: their statistics, their gradient, and what they leave alone."""

# Some methods of torch have no types.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

torch = pytest.importorskip("torch", reason="torch is not installed (pip install hysteron[train])")

from torch import nn  # noqa: E402

from hysteron.errors import InputError  # noqa: E402
from hysteron.training import bit_errors as be  # noqa: E402
from hysteron.training import loop  # noqa: E402
from hysteron.training import straight_through as st  # noqa: E402

SCHEDULE = loop.Schedule(seed=3, epochs=2, batch=16, learning_rate=0.01, validation=32)
SOURCES = [be.FixedRate(0.1), be.FixedRate(0.2, 0.05), be.LogUniformRates(1e-3, 0.3)]


def _net() -> nn.Sequential:
    loop.seed_all(SCHEDULE.seed)
    return nn.Sequential(
        st.BinaryConv2d(1, 4, kernel=3, pad=1),
        nn.BatchNorm2d(4),
        st.Sign(),
        nn.Flatten(),
        st.BinaryLinear(144, 5),
        st.TensorNorm(),
    )


def _data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, 160).astype(np.uint8)
    images = (rng.integers(0, 6, (160, 1, 6, 6)) + 3 * labels[:, None, None, None]).astype(np.uint8)
    return images, labels


def _trained(source: be.RateSource | None) -> dict[str, Any]:
    net = _net()
    if source is not None:
        be.inject(net, be.BitErrors(source, SCHEDULE.seed))
    loop.train(net, *_data(), SCHEDULE)
    return dict(net.state_dict())


def _same(left: dict[str, Any], right: dict[str, Any]) -> bool:
    return all(torch.equal(tensor, right[name]) for name, tensor in left.items())


@pytest.mark.parametrize("probability", [1e-4, 1e-2, 0.3, 0.9])
def test_flip_counts_are_binomial(probability: float) -> None:
    rng = np.random.default_rng(0)
    cells, draws = 5000, 400
    counts = [be.bernoulli_positions(rng, cells, probability).size for _ in range(draws)]
    edges = np.unique(stats.binom.ppf([0.2, 0.4, 0.6, 0.8], cells, probability))
    cumulative = np.concatenate([[0.0], stats.binom.cdf(edges, cells, probability), [1.0]])
    seen = np.bincount(np.searchsorted(edges, counts), minlength=len(edges) + 1)
    assert stats.chisquare(seen, draws * np.diff(cumulative)).pvalue > 1e-3


def test_flipped_positions_are_uniform_ascending_and_distinct() -> None:
    rng = np.random.default_rng(1)
    draws = [be.bernoulli_positions(rng, 40, 0.1) for _ in range(3000)]
    assert all(np.all(np.diff(draw) > 0) for draw in draws)
    hits = np.bincount(np.concatenate(draws), minlength=40)
    assert hits.size == 40
    z = (hits - 300) / np.sqrt(3000 * 0.1 * 0.9)
    assert stats.chi2.sf((z**2).sum(), 40) > 1e-3


def test_certain_and_impossible_errors_are_exact() -> None:
    rng = np.random.default_rng(2)
    assert be.bernoulli_positions(rng, 1000, 0.0).size == 0
    np.testing.assert_array_equal(be.bernoulli_positions(rng, 1000, 1.0), np.arange(1000))
    assert be.bernoulli_positions(rng, 10**6, 1e-300).size == 0


def test_each_direction_has_its_own_rate() -> None:
    errors = be.BitErrors(be.FixedRate(p01=0.02, p10=0.2), seed=0)
    errors.new_step()
    weights = torch.cat([-torch.ones(50_000), torch.ones(50_000)])
    flipped = errors.flip(weights) != weights
    for count, rate in ((flipped[:50_000], 0.02), (flipped[50_000:], 0.2)):
        assert stats.binomtest(int(count.sum()), 50_000, rate).pvalue > 1e-3


@pytest.mark.parametrize("layer", [st.BinaryLinear(30, 20), st.BinaryConv2d(2, 3, kernel=3)])
def test_gradient_passes_straight_through_the_flip(layer: st.BinaryLinear) -> None:
    net = nn.Sequential(layer)
    errors = be.BitErrors(be.FixedRate(0.3), seed=0)
    be.inject(net, errors)
    errors.new_step()
    faulty = layer.weights()
    upstream = torch.arange(float(faulty.numel())).reshape(faulty.shape)
    faulty.backward(upstream)
    assert not torch.equal(faulty, st.sign(layer.latent))
    assert layer.latent.grad is not None
    assert torch.equal(layer.latent.grad, upstream)


def test_rate_zero_trains_the_very_same_network() -> None:
    assert _same(_trained(None), _trained(be.FixedRate(0.0)))


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.text())
def test_training_with_errors_is_reproducible_and_differs_from_plain(source: be.RateSource) -> None:
    first = _trained(source)
    assert _same(first, _trained(source))
    assert not _same(first, _trained(None))


def test_every_step_draws_a_new_pattern_and_evaluation_none() -> None:
    layer = st.BinaryLinear(60, 40)
    net = nn.Sequential(layer)
    be.inject(net, be.BitErrors(be.FixedRate(0.1), seed=0))
    x = torch.eye(60)
    net.train()
    first, second = net(x), net(x)
    net.eval()
    clean = net(x)
    assert torch.equal(clean, st.sign(layer.latent).T)
    assert not torch.equal(first, second)
    assert not torch.equal(first, clean)


def test_all_layers_share_the_rate_of_a_step() -> None:
    net = _net()
    errors = be.BitErrors(be.LogUniformRates(1e-3, 0.3), seed=0)
    be.inject(net, errors)
    rates = []
    for _ in range(3):
        net(torch.zeros(2, 1, 6, 6))
        rates.append(errors.rates)
    assert len(set(rates)) == 3
    assert all(p01 == p10 for p01, p10 in rates)


def test_rates_of_a_range_are_uniform_in_the_logarithm() -> None:
    rng = np.random.default_rng(3)
    source = be.LogUniformRates(1e-4, 1e-1)
    drawn = np.log([source.draw(rng).p01 for _ in range(2000)])
    low, high = np.log(1e-4), np.log(1e-1)
    assert stats.kstest((drawn - low) / (high - low), "uniform").pvalue > 1e-3


def test_listed_rates_are_equally_likely() -> None:
    rng = np.random.default_rng(4)
    source = be.ListedRates((0.0, 0.01, 0.1))
    drawn = [source.draw(rng).p10 for _ in range(3000)]
    seen = [drawn.count(value) for value in source.values]
    assert sum(seen) == 3000
    assert stats.chisquare(seen).pvalue > 1e-3


def test_averaged_norms_are_plain_means_over_the_batches() -> None:
    net = nn.Sequential(nn.Flatten(), st.BinaryLinear(4, 3), nn.BatchNorm1d(3))
    x = torch.randint(0, 9, (40, 1, 2, 2), generator=torch.Generator().manual_seed(0))
    be.average_norms(net, x, batch=10)
    sums = net[:2](x.float())
    torch.testing.assert_close(net[2].running_mean, sums.mean(0))
    variances = torch.stack([part.var(0) for part in sums.split(10)])
    torch.testing.assert_close(net[2].running_var, variances.mean(0))
    assert net[2].momentum == 0.1
    assert not net.training


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: be.FixedRate(-0.1), "not a probability; got -0.1; wanted 0 to 1"),
        (lambda: be.FixedRate(0.1, 1.5), "not a probability; got 1.5"),
        (lambda: be.FixedRate(float("nan")), "not a probability; got nan"),
        (lambda: be.LogUniformRates(0.0, 0.1), "not a range of rates; got 0 to 0.1"),
        (lambda: be.LogUniformRates(0.2, 0.1), "not a range of rates; got 0.2 to 0.1"),
        (lambda: be.ListedRates(()), "no rates to draw from"),
        (lambda: be.ListedRates((0.1, 2.0)), "not a probability; got 2"),
        (
            lambda: be.bernoulli_positions(np.random.default_rng(0), 3, 1.01),
            "not a probability; got 1.01",
        ),
    ],
)
def test_rates_that_are_no_rates_are_refused(build: object, message: str) -> None:
    assert callable(build)
    with pytest.raises(InputError, match=message):
        build()
