"""Domain-wall cells: n pinning sites, errors by one site, several weights per cell.

Writing puts the wall at its site with a Gaussian position error (in units of the pitch); past
half a pitch it is pinned at the neighbouring site. Storage lets it hop to either neighbour
with rate exp(-Delta T0/T) / tau0. Both act on the level itself, so given one barrier the chain
is a product; hopping is averaged over the spread of barriers. Bits are Gray-coded, so one step
costs one bit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from hysteron.memory.channel import Channel
from hysteron.memory.numerics import Vector, require, require_positive, spread_nodes, tail
from hysteron.memory.schema import DomainWallFile, described
from hysteron.memory.technology import Technology, to_channel

_NS_PER_YEAR = 365.25 * 24 * 3600e9
_KELVIN = 273.15
_MAX_LEVELS = 16


@dataclass(frozen=True, kw_only=True)
class DomainWall(Technology):
    """n-level cells that hold log2(n) bits each; ``channel(n)`` is the cell itself."""

    data: DomainWallFile

    physics = "domain-wall"
    formula = (
        "write: P(+-1) = Q((1/2 -+ bias) / sigma);  retention: hops to either neighbour at "
        "exp(-Delta T0/T)/tau0;  bits: Gray code, mean over the positions in a cell"
    )
    plot_axis = "position_sigma"

    @classmethod
    def from_file(cls, data: DomainWallFile, folder: Path) -> Self:
        """Return the technology of a file; raises InputError for impossible constants."""
        require(2 <= data.levels <= _MAX_LEVELS, f"levels must be 2 to {_MAX_LEVELS}", data.name)
        require_positive(
            [("attempt_time_ns", data.attempt_time_ns.value), ("delta", data.delta.low)], data.name
        )
        require(abs(data.position_bias.value) < 0.5, "|position_bias| must be < 0.5", data.name)
        sigma = data.position_sigma
        require(
            0 < sigma.low and sigma.high <= 0.35,
            "position_sigma must lie in 0 to 0.35: beyond, errors by two sites matter",
            data.name,
        )
        spread = data.delta_sigma_percent
        require(0 <= spread.low and spread.high <= 12, "delta_sigma_percent: 0 to 12", data.name)
        bits = max(1, int(math.log2(data.levels)))
        return cls(**described(data), cells_per_bit=1.0 / bits, data=data)

    def stores(self, levels: int) -> bool:
        """Return True for the cell itself and, when n is a power of two, for bits."""
        return levels == self.data.levels or (levels == 2 and self.bits_per_cell > 0)

    @property
    def bits_per_cell(self) -> int:
        """Bits in one cell; 0 when the number of levels is no power of two."""
        count = self.data.levels.bit_length() - 1
        return count if 1 << count == self.data.levels else 0

    def bit_channels(self, conditions: Mapping[str, float] | None = None) -> tuple[Channel, ...]:
        """Return the channel of each Gray-coded bit, most significant first.

        Exact when the other bits of the cell are uniform; errors of one cell's bits are
        dependent, which ``channel(n)`` keeps and these marginals do not.
        """
        matrix = np.array(self.channel(self.data.levels, conditions).matrix)
        codes = np.array([gray_bits(level, self.bits_per_cell) for level in range(len(matrix))])
        channels = []
        for bits in codes.T:
            p01 = matrix[np.ix_(bits == 0, bits == 1)].sum() / (bits == 0).sum()
            p10 = matrix[np.ix_(bits == 1, bits == 0)].sum() / (bits == 1).sum()
            channels.append(Channel.binary(float(p01), float(p10)))
        return tuple(channels)

    def derived(self, conditions: Mapping[str, float] | None = None) -> dict[str, float]:
        """Return level error rate and the error rate of each bit position."""
        rates = {"level error rate": self.channel(self.data.levels, conditions).error_rate()}
        if self.data.levels > 2 and self.bits_per_cell:
            for position, channel in enumerate(self.bit_channels(conditions)):
                rates[f"bit error rate at position {position} (0 = most significant)"] = (
                    channel.error_rate()
                )
        return rates

    def _channel(self, levels: int, values: Mapping[str, float]) -> Channel:
        if levels != self.data.levels:
            each = self.bit_channels(values)
            p01, p10 = (math.fsum(getattr(c, p) for c in each) / len(each) for p in ("p01", "p10"))
            return Channel.binary(p01, p10)
        return to_channel(self._write(values) @ self._retention(values))

    def _write(self, values: Mapping[str, float]) -> Vector:
        sigma, bias = values["position_sigma"], self.data.position_bias.value
        up, down = float(tail((0.5 - bias) / sigma)), float(tail((0.5 + bias) / sigma))
        count = self.data.levels
        step = np.diag([up] * (count - 1), 1) + np.diag([down] * (count - 1), -1)
        return np.asarray(step + np.diag(1.0 - step.sum(axis=1)))

    def _retention(self, values: Mapping[str, float]) -> Vector:
        """Return the mean over barriers of exp(hops L), L the path graph's Laplacian.

        Its eigenvectors are cosines, eigenvalues 2 - 2 cos(pi k / n): only scalars are
        averaged.
        """
        count, sigma = self.data.levels, values["delta_sigma_percent"] / 100
        z, weights = spread_nodes(sigma)
        reference = self.data.reference_temperature_c.value + _KELVIN
        barrier = (
            values["delta"] * (1 + sigma * z) * reference / (values["temperature_c"] + _KELVIN)
        )
        time = values["retention_years"] * _NS_PER_YEAR
        hops = time * np.exp(-barrier) / self.data.attempt_time_ns.value
        k = np.arange(count)
        decayed = weights @ np.expm1(-np.outer(hops, 2 - 2 * np.cos(math.pi * k / count)))
        modes = np.cos(math.pi * np.outer(k + 0.5, k) / count)
        modes /= np.linalg.norm(modes, axis=0)
        # expm1 and the identity apart: small hop probabilities are not lost in 1 - x
        change = (modes * decayed) @ modes.T
        matrix = np.clip(np.eye(count) + change, 0.0, 1.0)
        return np.asarray(matrix / matrix.sum(axis=1, keepdims=True))


def gray_bits(level: int, count: int) -> tuple[int, ...]:
    """Return the Gray code of a level, most significant bit first."""
    code = level ^ (level >> 1)
    return tuple(code >> k & 1 for k in reversed(range(count)))


def gray_level(bits: tuple[int, ...]) -> int:
    """Return the level whose Gray code the bits are, most significant first."""
    level = binary = 0
    for bit in bits:
        binary ^= bit
        level = level << 1 | binary
    return level
