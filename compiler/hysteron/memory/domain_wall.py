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
from typing import ClassVar, Self

import numpy as np

from hysteron.errors import UnsupportedError
from hysteron.memory import array
from hysteron.memory.channel import Channel
from hysteron.memory.condition import Condition
from hysteron.memory.gray import gray_bits
from hysteron.memory.level_chain import Amplifier, scrubbed
from hysteron.memory.numerics import require, require_positive
from hysteron.memory.schema import DomainWallFile, described
from hysteron.memory.states.base import Cells, Site
from hysteron.memory.states.domain_wall import WallCells, WallLaw
from hysteron.memory.technology import Technology, to_channel

HOURS_PER_YEAR = 365.25 * 24
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
    mechanisms: ClassVar[tuple[Condition, ...]] = (
        array.WRITE_ATTEMPTS, array.VERIFY, array.SCRUB, array.DIE, *array.sensing("pitch", 0.35),
    )  # fmt: skip

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

    @property
    def bit_levels(self) -> int:
        """Number of levels of the cell that bits are stored in."""
        return self.data.levels if self.bits_per_cell > 1 else 2

    def bit_channels(self, conditions: Mapping[str, float] | None = None) -> tuple[Channel, ...]:
        """Return the channel of each Gray-coded bit, most significant first.

        Exact when the other bits of the cell are uniform; errors of one cell's bits are
        dependent, which ``channel(n)`` keeps and these marginals do not.
        """
        return self._split(self.channel(self.data.levels, conditions))

    def _split(self, cell: Channel) -> tuple[Channel, ...]:
        matrix = np.array(cell.matrix)
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

    def storage_hours(self, values: Mapping[str, float]) -> float:
        """Return the retention time in hours."""
        return values["retention_years"] * HOURS_PER_YEAR

    def _channel(self, levels: int, values: Mapping[str, float]) -> Channel:
        if levels != self.data.levels:
            each = self._split(self._channel(self.data.levels, values))
            p01, p10 = (math.fsum(getattr(c, p) for c in each) / len(each) for p in ("p01", "p10"))
            return Channel.binary(p01, p10)
        law, amplifier = self._law(values), self._amplifier(values)
        relative, weights = law.nodes()
        hours, every = self.storage_hours(values), values["scrub_interval_hours"]
        scrubs, rest = array.intervals(hours, every, self.name)
        if amplifier.perfect and not scrubs:  # one matrix per barrier, averaged
            kept = np.tensordot(weights, law.kept(law.hops(relative, hours)), 1)
            return to_channel(law.programmed(np.eye(levels)) @ kept)
        last = law.kept(law.hops(relative, rest))
        between = law.kept(law.hops(relative, every)) if scrubs else last
        total = np.zeros((levels, levels))
        for offset, share in zip(*amplifier.offsets(), strict=True):
            accepted = amplifier.seen(float(offset), values["verify_margin"])
            written = law.programmed(accepted)
            again = np.broadcast_to(written[None, :, None, :], (1, levels, levels, levels))
            seen = amplifier.seen(float(offset))
            chain = scrubbed(written[None], between, last, seen, again, scrubs)
            total += share * np.tensordot(weights, chain, 1)
        return to_channel(total)

    def _law(self, values: Mapping[str, float]) -> WallLaw:
        data = self.data
        return WallLaw(
            data.levels, values, data.position_bias.value, data.attempt_time_ns.value,
            data.reference_temperature_c.value,
        )  # fmt: skip

    def _amplifier(self, values: Mapping[str, float]) -> Amplifier:
        steps = tuple(float(level) for level in range(self.data.levels))
        thresholds = tuple(step + 0.5 for step in steps[:-1])
        return Amplifier(steps, thresholds, values["column_offset_sigma"], values["sense_noise"])

    def _cells(self, levels: int, values: Mapping[str, float], site: Site) -> Cells:
        if levels != self.data.levels:
            raise UnsupportedError(
                "bits share cells here: only whole cells have a state", where=self.name,
                wanted=f"{self.data.levels} levels",
            )  # fmt: skip
        return WallCells(self._law(values), self._amplifier(values), values, site)
