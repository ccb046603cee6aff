"""Gray codes: neighbouring levels differ in one bit."""

from __future__ import annotations


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
