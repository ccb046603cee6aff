"""How often an executed instruction reads and writes memory, from its encoding alone.

One access per register that is transferred (a double register of the FPU is one), one for the
entry of a table branch; none for a hint. Armv7-M and Armv8-M without MVE (DDI 0403, DDI 0553),
RV32IMC.
"""

from __future__ import annotations

Accesses = tuple[int, int]
_NONE = (0, 0)


def thumb(one: int, two: int) -> Accesses:
    """Return (loads, stores) of an instruction of one or two halfwords."""
    if one >> 11 < 0b11101:
        return _narrow(one)
    loads = bool(one >> 4 & 1)
    if one >> 10 == 0b111011:
        if one >> 9 & 1 or one & 0xFFE0 == 0xEC40:
            return _NONE
        single = one >> 8 & 1 and not one >> 5 & 1
        return _side(loads, 1 if single else (two & 0xFF) // (2 if two >> 8 & 1 else 1))
    if one & 0xFE40 == 0xE800:
        return _side(loads, two.bit_count())
    if one & 0xFFF0 == 0xE8D0:
        return (1, 0)
    if one & 0xFE40 == 0xE840:
        return _side(loads, 2)
    if one & 0xFE00 != 0xF800 or (loads and two >> 12 == 15 and one >> 5 & 3 != 2):
        return _NONE
    return _side(loads, 1)


def _narrow(half: int) -> Accesses:
    loads = bool(half >> 11 & 1)
    if half >> 11 == 0b01001:
        return (1, 0)
    if half >> 12 == 5:
        return _side(half >> 9 & 7 >= 3, 1)
    if half >> 12 in (6, 7, 8, 9):
        return _side(loads, 1)
    if half >> 12 == 12:
        return _side(loads, (half & 0xFF).bit_count())
    if half & 0xF600 == 0xB400:
        return _side(loads, (half & 0x1FF).bit_count())
    return _NONE


def riscv(one: int, two: int) -> Accesses:
    """Return (loads, stores) of an instruction; the second halfword does not matter."""
    del two
    if one & 3 == 3:
        return _side(one & 0x7F == 0x03, int(one & 0x7F in (0x03, 0x23)))
    return _side(one >> 13 == 2, int(one & 3 != 1 and one >> 13 in (2, 6)))


def _side(loads: bool, count: int) -> Accesses:
    return (count, 0) if loads else (0, count)
