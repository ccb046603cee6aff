"""What a tensor of the source graph has become while it is lowered."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from hysteron.exact import Number
from hysteron.ir.types import Array
from hysteron.passes.pieces import Pieces

Index = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Window:
    """A pooling window over a (H, W, C) map."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    pads: tuple[int, int, int, int]  # top, left, bottom, right
    dilation: tuple[int, int]

    def out_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the pooled height and width."""
        top, left, bottom, right = self.pads
        sizes = []
        for size, begin, end, k, s, d in (
            (height, top, bottom, self.kernel[0], self.stride[0], self.dilation[0]),
            (width, left, right, self.kernel[1], self.stride[1], self.dilation[1]),
        ):
            sizes.append((size + begin + end - d * (k - 1) - 1) // s + 1)
        return sizes[0], sizes[1]


@dataclass(frozen=True, eq=False)
class Lattice:
    """A real tensor that is ``pieces`` of integers stored in a kernel tensor.

    ``index`` has the logical shape (no batch) and gives each element's flat
    position in the storage; ``shape`` is the storage shape, channels last. A
    pending ``pool`` or ``mean`` is applied to the function's values, its window
    positions being the storage positions; ``pool_direction`` tells per channel
    whether the function rose (+1) or fell (-1) before the pool, and ``post``
    whether what follows the pool rises or falls (None: neither). A pending
    ``pad`` (top, left, bottom, right) surrounds the map with ``pad_value``.
    """

    tensor: str
    shape: tuple[int, ...]
    index: Index
    pieces: Pieces
    stride: int = 1
    residue: int = 0
    pool: Window | None = None
    pool_direction: tuple[int | None, ...] = ()
    post: tuple[int | None, ...] = ()
    mean: int = 0
    pad: tuple[int, int, int, int] | None = None
    pad_value: tuple[Number, ...] = ()

    @property
    def channels(self) -> int:
        """Number of channels: the last storage axis."""
        return self.shape[-1] if self.shape else 1

    def plain(self) -> bool:
        """Return True when nothing is pending."""
        return self.pool is None and not self.mean and self.pad is None

    def moved(self, index: Index) -> Lattice:
        """Return the same stored data seen under another logical order."""
        return replace(self, index=index)


@dataclass(frozen=True, eq=False)
class Floats:
    """A real-tier tensor stored as binary32 in a kernel tensor."""

    tensor: str
    shape: tuple[int, ...]
    index: Index

    @property
    def channels(self) -> int:
        """Number of channels: the last storage axis."""
        return self.shape[-1] if self.shape else 1

    def moved(self, index: Index) -> Floats:
        """Return the same stored data seen under another logical order."""
        return Floats(self.tensor, self.shape, index)


@dataclass(frozen=True, eq=False)
class Compared:
    """A float32 input that is only compared: value = scale * x + offset, exactly.

    ``scale`` and ``offset`` have one entry per storage channel, or one. Once a
    sign or comparison has been taken it is a Lattice.
    """

    tensor: str
    shape: tuple[int, ...]
    index: Index
    scale: tuple[Fraction, ...] = (Fraction(1),)
    offset: tuple[Fraction, ...] = (Fraction(0),)

    @property
    def channels(self) -> int:
        """Number of channels: the last storage axis."""
        return self.shape[-1] if self.shape else 1

    def moved(self, index: Index) -> Compared:
        """Return the same stored data seen under another logical order."""
        return replace(self, index=index)


Value = Lattice | Floats | Compared


def channel_params(value: Value, logical: Array) -> list[Fraction]:
    """Return a broadcastable constant as one Fraction per storage channel.

    ``logical`` broadcasts against the logical shape (no batch). The result has
    length 1 when the same everywhere, the channel count when it depends on the
    storage channel only, else the storage size.
    """
    spread = np.broadcast_to(logical, value.index.shape)
    flat = np.zeros(int(np.prod(value.shape, dtype=np.int64)), dtype=logical.dtype)
    flat[value.index.ravel()] = spread.ravel()
    if flat.size and (flat == flat[0]).all():
        flat = flat[:1]
    else:
        rows = flat.reshape(-1, value.channels)
        if (rows == rows[:1]).all():
            flat = rows[0]
    return [Fraction(x) for x in flat.tolist()]


def standard_index(channels: int, height: int, width: int) -> Index:
    """Return the (C, H, W) logical index of a map stored as (H, W, C)."""
    flat = np.arange(height * width * channels, dtype=np.int64)
    return flat.reshape(height, width, channels).transpose(2, 0, 1)
