"""Train against weight errors: each training step sees a freshly drawn faulty memory.

In the forward pass each binary weight is flipped with some probability; the
backward pass ignores the flip (straight-through), so the gradient found at the
faulty weight moves the latent one. Weights only, all layers, thresholds never:
the rule of the ternary paper's code (Laborieux et al., 2005.01973; the code
redraws errors at each forward pass). Training at one fixed rate overfits to it
[Buschjager et al., 2002.00909]; ``LogUniformRates`` and ``ListedRates`` draw a new
rate for each step instead.
"""

# Some methods of torch have no types.
# mypy: allow-subclassing-any, allow-untyped-calls

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hysteron.errors import InputError
from hysteron.training.straight_through import binary_layers


class Rates(NamedTuple):
    """p01: probability that a weight -1 reads as +1; p10: that +1 reads as -1."""

    p01: float
    p10: float


@dataclass(frozen=True)
class FixedRate:
    """The same probabilities in every step; ``p10`` None means equal to ``p01``."""

    p01: float
    p10: float | None = None

    def __post_init__(self) -> None:
        _check_probabilities(self.p01, self._p10)

    @property
    def _p10(self) -> float:
        return self.p01 if self.p10 is None else self.p10

    def draw(self, rng: np.random.Generator) -> Rates:
        """Return the rates of one step; takes nothing from ``rng``."""
        return Rates(self.p01, self._p10)

    def text(self) -> str:
        """Return what a model card says."""
        if self._p10 == self.p01:
            return f"fixed rate {self.p01:g}"
        return f"fixed rates p01 {self.p01:g}, p10 {self._p10:g}"


@dataclass(frozen=True)
class LogUniformRates:
    """One rate per step, its logarithm uniform between ``low`` and ``high``."""

    low: float
    high: float

    def __post_init__(self) -> None:
        _check_probabilities(self.low, self.high)
        if not 0 < self.low <= self.high:
            got = f"{self.low:g} to {self.high:g}"
            raise InputError("not a range of rates", got=got, wanted="0 < low <= high")

    def draw(self, rng: np.random.Generator) -> Rates:
        """Return the rates of one step: symmetric."""
        rate = math.exp(rng.uniform(math.log(self.low), math.log(self.high)))
        return Rates(rate, rate)

    def text(self) -> str:
        """Return what a model card says."""
        return f"log-uniform rates {self.low:g} to {self.high:g}, one per step"


@dataclass(frozen=True)
class ListedRates:
    """One rate per step, each of ``values`` equally likely."""

    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise InputError("no rates to draw from", wanted="one or more")
        _check_probabilities(*self.values)

    def draw(self, rng: np.random.Generator) -> Rates:
        """Return the rates of one step: symmetric."""
        rate = self.values[int(rng.integers(len(self.values)))]
        return Rates(rate, rate)

    def text(self) -> str:
        """Return what a model card says."""
        return f"one of the rates {', '.join(f'{value:g}' for value in self.values)} per step"


RateSource = FixedRate | LogUniformRates | ListedRates


def _check_probabilities(*values: float) -> None:
    for value in values:
        if not 0 <= value <= 1:  # also refuses NaN
            raise InputError("not a probability", got=f"{value:g}", wanted="0 to 1")


class BitErrors:
    """Seeded errors; its generator is its own, so rate 0 leaves training as it was."""

    def __init__(self, source: RateSource, seed: int) -> None:
        self.source = source
        self.rates = Rates(0.0, 0.0)
        self._rng = np.random.default_rng(seed)

    def new_step(self) -> None:
        """Draw the rates of the next training step."""
        self.rates = self.source.draw(self._rng)

    def flip(self, weights: Tensor) -> Tensor:
        """Return +1 / -1 ``weights`` with errors; their gradient passes unchanged."""
        if max(self.rates) == 0:
            return weights
        faulty: Tensor = _Flip.apply(weights, self._cells(weights))
        return faulty

    def _cells(self, weights: Tensor) -> Tensor:
        flat = weights.detach().reshape(-1)
        largest = max(self.rates)
        cells = torch.from_numpy(bernoulli_positions(self._rng, flat.numel(), largest))
        if self.rates.p01 == self.rates.p10:
            return cells
        of_cell = torch.where(flat[cells] > 0, self.rates.p10, self.rates.p01)
        return cells[torch.from_numpy(self._rng.random(len(cells)) * largest) < of_cell]


class _Flip(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weights: Tensor, cells: Tensor) -> Tensor:
        faulty = weights.clone(memory_format=torch.contiguous_format)
        flat = faulty.view(-1)
        flat[cells] = -flat[cells]
        return faulty

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


def bernoulli_positions(
    rng: np.random.Generator, count: int, probability: float
) -> NDArray[np.int64]:
    """Return the ascending successes of ``count`` Bernoulli trials.

    Drawn as geometric gaps: exact at any rate, where comparing 24-bit uniform
    numbers with a rate is wrong below about 1e-7, and the cost is that of the
    successes. Raises InputError for a probability outside [0, 1].
    """
    _check_probabilities(probability)
    if probability == 0:
        return np.zeros(0, np.int64)
    parts: list[NDArray[np.int64]] = []
    last = -1
    while last < count:
        expected = (count - last) * probability
        # The cut keeps the sum of gaps far from overflow: a gap beyond count ends the draw.
        gaps = rng.geometric(probability, int(expected + 4 * math.sqrt(expected)) + 1)
        parts.append(last + np.cumsum(np.minimum(gaps, count + 1)))
        last = int(parts[-1][-1])
    positions = np.concatenate(parts)
    return positions[positions < count]


def inject(net: nn.Module, errors: BitErrors) -> None:
    """Make ``net`` train against ``errors``; in evaluation mode nothing changes.

    Each forward pass of ``net`` in training mode is one step.
    """

    def _start(module: nn.Module, inputs: Any) -> None:
        if module.training:
            errors.new_step()

    net.register_forward_pre_hook(_start)
    for layer in binary_layers(net):
        layer.disturb = errors.flip


def average_norms(net: nn.Module, x: Tensor, batch: int) -> None:
    """Take the normalizations' mean and variance anew: plain averages over x in batches.

    ``x`` is [n, c, h, w]. Errors are drawn as in training. The running averages of
    training look back some ten steps, too few when each step has its own rate.
    On return ``net`` is in evaluation mode.
    """
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # torch's spelling of the plain average
    net.train()
    with torch.no_grad():
        for start in range(0, len(x) - batch + 1, batch):
            net(x[start : start + batch].float())
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    net.eval()
