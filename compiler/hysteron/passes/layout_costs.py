"""Instructions and weight bytes of a product of bits in each layout, for cores without popcount.

One vector of K elements times N outputs, W = ceil(K / 32), B = ceil(N / 32)::

    rows     a N W + b N + c W + d
    sliced   a B K + b B + c K / S + d

S pixels of a row share a listed element; what rows of a convolution spend on gathering is left out.
The coefficients are least squares over executed instructions, GCC 12.2 with the flags of
targets/isa, K 9..1024, N 8..128, random bits, one set per kind of kernels: ``scalar`` on
Cortex-M4 (within 20 %; other cores need more or fewer instructions in about one proportion, so
that the comparison stays), ``cpop`` on rv32imc_zbb (within 25 %), ``mve`` on Cortex-M55 (within
35 %: rows beyond multiples of four are slower there).
tests/kernels/test_layout_costs.py measures what is chosen on one or two cores of each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

Coefficients = tuple[float, float, float, float]


@dataclass(frozen=True)
class Product:
    """What the costs of a layer depend on; ``groups`` of a convolution are products apart.

    ``shared`` is how many pixels use an element that is listed once.
    """

    x: str
    w: str
    k: int
    n: int
    groups: int = 1
    shared: int = 1

    @property
    def words(self) -> int:
        """Words of one row."""
        return -(-self.k // 32)

    @property
    def blocks(self) -> int:
        """Blocks of 32 outputs."""
        return -(-self.n // 32)


Kinds = dict[tuple[str, str], Coefficients]


@dataclass(frozen=True)
class Costs:
    """Coefficients by (type of x, type of w); ``sliced_ct`` holds binary operands only."""

    rows: Kinds
    sliced: Kinds
    sliced_ct: Coefficients


#: No instruction counts bits.
SCALAR: Final = Costs(
    rows={
        ("b1", "b1"): (15.2, 23.9, 0.0, 245.0),
        ("b1", "t2"): (42.0, 37.8, 0.4, 231.0),
        ("t2", "b1"): (41.0, 37.8, 6.4, 242.0),
        ("t2", "t2"): (44.0, 37.8, 6.3, 242.0),
        ("u8", "b1"): (151.0, 294.0, 3110.0, -1150.0),
        ("u8", "t2"): (303.0, 553.0, 3090.0, -1020.0),
        ("i16", "b1"): (294.0, 346.0, 5520.0, -2440.0),
    },
    sliced={
        ("b1", "b1"): (3.8, 321.0, 4.1, 320.0),
        ("b1", "t2"): (7.9, 5520.0, 3.4, 8.0),
        ("t2", "b1"): (5.4, 5630.0, 7.5, 128.0),
        ("t2", "t2"): (10.6, 9390.0, 7.4, 218.0),
        ("u8", "b1"): (33.6, 3000.0, 54.3, 636.0),
        ("u8", "t2"): (62.3, 34260.0, 53.7, 644.0),
        ("i16", "b1"): (66.7, 6670.0, 137.0, 1186.0),
    },
    sliced_ct=(9.7, 330.0, 0.7, 300.0),
)
#: One instruction counts the bits of a word.
CPOP: Final = Costs(
    rows={
        ("b1", "b1"): (5.1, 25.0, 0.0, 293.0),
        ("b1", "t2"): (22.0, 28.0, 0.6, 277.0),
        ("t2", "b1"): (7.4, 26.0, 7.8, 308.0),
        ("t2", "t2"): (25.0, 28.0, 8.6, 291.0),
        ("u8", "b1"): (80.0, 288.0, 3007.0, -1037.0),
        ("u8", "t2"): (160.0, 544.0, 2995.0, -928.0),
        ("i16", "b1"): (151.0, 338.0, 5469.0, -2384.0),
    },
    sliced={
        ("b1", "b1"): (4.3, 307.0, 4.4, 390.0),
        ("b1", "t2"): (8.0, 5837.0, 4.4, 12.0),
        ("t2", "b1"): (6.0, 5893.0, 6.8, 220.0),
        ("t2", "t2"): (12.0, 9969.0, 6.8, 220.0),
        ("u8", "b1"): (37.0, 2937.0, 50.0, 718.0),
        ("u8", "t2"): (69.0, 35936.0, 50.0, 737.0),
        ("i16", "b1"): (71.0, 6688.0, 143.0, 1396.0),
    },
    sliced_ct=(9.7, 1168.0, 0.3, 224.0),
)
#: Four words at once; GCC vectorises ``rows`` by itself.
MVE: Final = Costs(
    rows={
        ("b1", "b1"): (5.7, 23.0, -1.0, 275.0),
        ("b1", "t2"): (43.0, 42.0, 0.3, 241.0),
        ("t2", "b1"): (42.0, 42.0, 2.7, 266.0),
        ("t2", "t2"): (45.0, 42.0, 2.7, 266.0),
        ("u8", "b1"): (45.0, 92.0, 1392.0, -420.0),
        ("u8", "t2"): (90.0, 154.0, 1387.0, -373.0),
        ("i16", "b1"): (81.0, 115.0, 2019.0, -750.0),
    },
    sliced={
        ("b1", "b1"): (0.92, 333.0, 3.8, 793.0),
        ("b1", "t2"): (2.1, 3397.0, 3.5, 130.0),
        ("t2", "b1"): (1.6, 3420.0, 5.5, 170.0),
        ("t2", "t2"): (3.2, 6083.0, 5.5, 170.0),
        ("u8", "b1"): (9.7, 5107.0, 55.0, 697.0),
        ("u8", "t2"): (18.0, 22613.0, 55.0, 684.0),
        ("i16", "b1"): (18.0, 10134.0, 123.0, 1419.0),
    },
    sliced_ct=(2.7, 525.0, 0.6, 630.0),
)
#: The names that ``layout_costs`` of an instruction set may have.
COSTS: Final[dict[str, Costs]] = {"scalar": SCALAR, "cpop": CPOP, "mve": MVE}
#: Twice those of i16 times binary weights; such layers were not measured apart.
_I16_T2: Final = ("i16", "t2")


def instructions(product: Product, layout: str, costs: str = "scalar") -> float:
    """Return the expected instructions of one product of all groups in a layout."""
    known = COSTS[costs]
    x = "u8" if product.x == "i8" else product.x
    kind = (x, product.w)
    factor = float(product.groups)
    if kind == _I16_T2:
        kind, factor = ("i16", "b1"), 2.0 * factor
    if layout == "rows":
        a, b, c, d = known.rows[kind]
        many, size = product.n, product.words
    else:
        a, b, c, d = known.sliced_ct if layout == "sliced_ct" else known.sliced[kind]
        many, size = product.blocks, product.k
        c /= product.shared if layout == "sliced" else 1
    return factor * (a * many * size + b * many + c * size + d)


def weight_bytes(product: Product, layout: str) -> int:
    """Return the bytes of the weights: rows are padded to 8 bytes, groups to 32 outputs."""
    planes = product.groups * (2 if product.w == "t2" else 1)
    if layout == "rows":
        return planes * product.n * 8 * -(-product.k // 64)
    return planes * product.blocks * product.k * 4
