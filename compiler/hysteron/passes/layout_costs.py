"""Instructions and weight bytes of a product of bits in each layout, for cores without popcount.

One vector of K elements times N outputs, W = ceil(K / 32), B = ceil(N / 32)::

    rows     a N W + b N + c W + d
    sliced   a B K + b B + c K + d

The coefficients are least squares over executed instructions of Cortex-M4, GCC 12.2 with the
flags of targets/isa, K 9..1024, N 8..128, random bits; the fit holds within 17 %. Other cores
need more or fewer instructions in about one proportion, so that the comparison stays:
tests/kernels/test_layout_costs.py measures what is chosen on Cortex-M0 and M4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

Coefficients = tuple[float, float, float, float]


@dataclass(frozen=True)
class Product:
    """What the costs of a layer depend on; ``groups`` of a convolution are products apart."""

    x: str
    w: str
    k: int
    n: int
    groups: int = 1

    @property
    def words(self) -> int:
        """Words of one row."""
        return -(-self.k // 32)

    @property
    def blocks(self) -> int:
        """Blocks of 32 outputs."""
        return -(-self.n // 32)


#: (type of x, type of w) -> coefficients of ``rows``.
ROWS: Final[dict[tuple[str, str], Coefficients]] = {
    ("b1", "b1"): (15.2, 23.9, 0.0, 245.0),
    ("b1", "t2"): (42.0, 37.8, 0.4, 231.0),
    ("t2", "b1"): (41.0, 37.8, 6.4, 242.0),
    ("t2", "t2"): (44.0, 37.8, 6.3, 242.0),
    ("u8", "b1"): (151.0, 294.0, 3110.0, -1150.0),
    ("u8", "t2"): (303.0, 553.0, 3090.0, -1020.0),
    ("i16", "b1"): (294.0, 346.0, 5520.0, -2440.0),
}
#: The same of ``sliced``.
SLICED: Final[dict[tuple[str, str], Coefficients]] = {
    ("b1", "b1"): (3.8, 321.0, 4.1, 320.0),
    ("b1", "t2"): (7.9, 5520.0, 3.4, 8.0),
    ("t2", "b1"): (5.4, 5630.0, 7.5, 128.0),
    ("t2", "t2"): (10.6, 9390.0, 7.4, 218.0),
    ("u8", "b1"): (33.6, 3000.0, 54.3, 636.0),
    ("u8", "t2"): (62.3, 34260.0, 53.7, 644.0),
    ("i16", "b1"): (66.7, 6670.0, 137.0, 1186.0),
}
#: Of ``sliced_ct``: every word is read, nothing is listed.
SLICED_CT: Final[Coefficients] = (9.7, 330.0, 0.7, 300.0)
#: Twice those of i16 times binary weights; such layers were not measured apart.
_I16_T2: Final = ("i16", "t2")


def instructions(product: Product, layout: str) -> float:
    """Return the expected instructions of one product of all groups in a layout."""
    x = "u8" if product.x == "i8" else product.x
    kind = (x, product.w)
    factor = float(product.groups)
    if kind == _I16_T2:
        kind, factor = ("i16", "b1"), 2.0 * factor
    if layout == "rows":
        a, b, c, d = ROWS[kind]
        many, size = product.n, product.words
    else:
        a, b, c, d = SLICED_CT if layout == "sliced_ct" else SLICED[kind]
        many, size = product.blocks, product.k
    return factor * (a * many * size + b * many + c * size + d)


def weight_bytes(product: Product, layout: str) -> int:
    """Return the bytes of the weights: rows are padded to 8 bytes, groups to 32 outputs."""
    planes = product.groups * (2 if product.w == "t2" else 1)
    if layout == "rows":
        return planes * product.n * 8 * -(-product.k // 64)
    return planes * product.blocks * product.k * 4
