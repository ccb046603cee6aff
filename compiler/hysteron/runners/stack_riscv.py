"""RV32IMC and Zbb as the stack walk sees them: registers that hold addresses, sp and ra, jumps.

Encodings: The RISC-V Instruction Set Manual, volume I, "RV32/64G Instruction Set Listings"
and "C" Standard Extension. What is not listed there for these extensions is refused.
"""

from __future__ import annotations

from typing import Final

from hysteron.runners.stack_state import (
    RETURN,
    Code,
    Known,
    State,
    Step,
    Unbounded,
    absolute_table,
    add,
    distance_from,
    negative,
    plain,
    wrap,
)

_RA: Final = 1
_SP: Final = 2
#: What a call may change: ra, t0-t6, a0-a7.
_CLOBBERED: Final = frozenset((_RA, 5, 6, 7, *range(10, 18), *range(28, 32)))


class Riscv:
    """Decoder of one linked file."""

    #: Bytes that a call itself puts on the stack.
    pushed = 0

    def __init__(self, code: Code) -> None:
        self._code = code

    def entry(self) -> State:
        """Return the state at the first instruction of a function."""
        return State(0, (("const", 0), RETURN, *(None,) * 30))

    def step(self, at: int, state: State) -> Step:
        """Return what the instruction at ``at`` may do. Raises Unbounded."""
        half = self._code.number(at, 2)
        if half & 3 == 3:
            return self._wide(at, self._code.number(at, 4), state)
        quadrant = half & 3
        handler = (self._quadrant0, self._quadrant1, self._quadrant2)[quadrant]
        return handler(at, half, state)

    def _value(self, state: State, register: int) -> Known:
        return ("sp", -state.depth) if register == _SP else state.regs[register]

    def _put(self, state: State, register: int, value: Known) -> State:
        if register == 0:
            return state
        if register != _SP:
            return state.put(register, value)
        if value is None or value[0] != "sp":
            raise Unbounded("the stack pointer becomes an unknown value")
        return state.moved(-value[1] - state.depth)

    def _on(self, at: int, size: int, state: State, register: int, value: Known) -> Step:
        return Step(((at + size, self._put(state, register, value)),))

    def _offset(self, value: Known, offset: int) -> Known:
        return None if value is None else add(value, ("const", offset))

    def _load(self, state: State, base: Known, offset: int) -> Known:
        """Return what a word load finds: the return address, or an entry of a table."""
        place = self._offset(base, offset)
        if place is None:
            return None
        if place[0] == "sp":
            return state.saved(place)
        if place[0] == "const" and self._code.is_content(place[1]):
            return ("const", wrap(self._code.number(place[1], 4)))
        return ("word", place[1]) if place[0] == "index" else None

    def _store(self, state: State, base: int, offset: int, source: int | None) -> State:
        place = self._offset(self._value(state, base), offset)
        if source is None and place is not None:
            place = (place[0], place[1] & ~3)  # a part of a word: forget it
        return state.save(place, None if source is None else self._value(state, source))

    def _jump(self, at: int, state: State, value: Known, offset: int) -> Step:
        if value == RETURN and offset == 0:
            if state.depth != 0:
                raise Unbounded(f"returns with {state.depth} bytes on the stack")
            return Step()
        if value is not None and value[0] == "const":
            return Step((((value[1] + offset) & ~1 & 0xFFFF_FFFF, state),))
        if value is not None and value[0] in ("word", "far") and offset == 0:
            resolve = plain if value[0] == "word" else distance_from(value[1])
            table = absolute_table(self._code, value[1], at, 4, resolve)
            return Step(tuple((target, state) for target in table))
        raise Unbounded("an indirect jump")

    def _call(self, after: int, state: State, target: int | None) -> Step:
        back = ((after, state.forget(_CLOBBERED)),)
        if target is None:
            return Step(back, callback=True)
        return Step(back, call=target & 0xFFFF_FFFF)

    def _indirect(self, at: int, size: int, state: State, link: int, source: int) -> Step:
        return self._jalr(at, size, state, link, self._value(state, source), 0)

    def _jalr(self, at: int, size: int, state: State, link: int, base: Known, offset: int) -> Step:
        if link == 0:
            return self._jump(at, state, base, offset)
        if link != _RA:
            raise Unbounded("a call that links in another register than ra")
        known = base is not None and base[0] == "const"
        return self._call(at + size, state, base[1] + offset if known and base else None)

    def _wide(self, at: int, word: int, state: State) -> Step:
        opcode, rd = word & 0x7F, word >> 7 & 31
        if opcode in (0x33, 0x13, 0x37, 0x17, 0x03, 0x73):
            return self._on(at, 4, state, rd, self._result(at, word, state))
        if opcode == 0x23:
            offset = _signed(word >> 25 << 5 | word >> 7 & 31, 12)
            whole = word >> 12 & 7 == 2
            stored = self._store(state, word >> 15 & 31, offset, word >> 20 & 31 if whole else None)
            return Step(((at + 4, stored),))
        if opcode == 0x63:
            return Step(((at + 4, state), (at + _branch_offset(word), state)))
        if opcode == 0x6F:
            return self._jal(at, 4, state, rd, at + _jal_offset(word))
        if opcode == 0x67:
            base = self._value(state, word >> 15 & 31)
            return self._jalr(at, 4, state, rd, base, _signed(word >> 20, 12))
        if opcode == 0x0F:
            return Step(((at + 4, state),))
        raise Unbounded(f"an instruction it does not know: {word:#010x}")

    def _jal(self, at: int, size: int, state: State, link: int, target: int) -> Step:
        if link == 0:
            return Step(((target, state),))
        if link != _RA:
            raise Unbounded("a call that links in another register than ra")
        return self._call(at + size, state, target)

    def _result(self, at: int, word: int, state: State) -> Known:
        """Return the value of the destination register."""
        opcode, function = word & 0x7F, word >> 12 & 7
        first = self._value(state, word >> 15 & 31)
        if opcode == 0x73 and function == 0:
            raise Unbounded("a system call or a breakpoint")
        if opcode == 0x37:
            return ("const", wrap(word & 0xFFFF_F000))
        if opcode == 0x17:
            return ("const", wrap(at + (word & 0xFFFF_F000)))
        if opcode == 0x13 and function == 0:
            return self._offset(first, _signed(word >> 20, 12))
        if opcode == 0x03 and function == 2:
            return self._load(state, first, _signed(word >> 20, 12))
        if opcode == 0x33 and function == 0 and word >> 25 in (0, 0x20):
            second = self._value(state, word >> 20 & 31)
            return self._code.sum(first, negative(second) if word >> 30 & 1 else second)
        return None

    def _quadrant0(self, at: int, half: int, state: State) -> Step:
        function, low = half >> 13, 8 + (half >> 2 & 7)
        base = self._value(state, 8 + (half >> 7 & 7))
        offset = (half >> 10 & 7) << 3 | (half >> 6 & 1) << 2 | (half >> 5 & 1) << 6
        if half == 0:
            raise Unbounded("an illegal instruction")
        if function == 0:
            grown = (half >> 7 & 15) << 6 | (half >> 11 & 3) << 4
            grown |= (half >> 5 & 1) << 3 | (half >> 6 & 1) << 2
            return self._on(at, 2, state, low, ("sp", grown - state.depth))
        if function == 2:
            return self._on(at, 2, state, low, self._load(state, base, offset))
        if function == 6:
            return Step(((at + 2, self._store(state, 8 + (half >> 7 & 7), offset, low)),))
        raise Unbounded(f"an instruction it does not know: {half:#06x}")

    def _quadrant1(self, at: int, half: int, state: State) -> Step:
        function, rd = half >> 13, half >> 7 & 31
        immediate = _signed((half >> 12 & 1) << 5 | half >> 2 & 31, 6)
        if function == 0:
            return self._on(at, 2, state, rd, self._offset(self._value(state, rd), immediate))
        if function in (1, 5):
            return self._jal(at, 2, state, _RA if function == 1 else 0, at + _c_jump_offset(half))
        if function == 2:
            return self._on(at, 2, state, rd, ("const", immediate))
        if function == 3 and rd == _SP:
            return self._on(at, 2, state, _SP, ("sp", _c_sp_offset(half) - state.depth))
        if function == 3:
            return self._on(at, 2, state, rd, ("const", immediate << 12))
        if function == 4:
            return self._on(at, 2, state, 8 + (half >> 7 & 7), None)
        return Step(((at + 2, state), (at + _c_branch_offset(half), state)))

    def _quadrant2(self, at: int, half: int, state: State) -> Step:
        function, rd, source = half >> 13, half >> 7 & 31, half >> 2 & 31
        if function == 0:
            return self._on(at, 2, state, rd, None)
        if function == 2:
            offset = (half >> 4 & 7) << 2 | (half >> 12 & 1) << 5 | (half >> 2 & 3) << 6
            loaded = self._load(state, ("sp", -state.depth), offset)
            return self._on(at, 2, state, rd, loaded)
        if function == 6:
            offset = (half >> 9 & 15) << 2 | (half >> 7 & 3) << 6
            return Step(((at + 2, self._store(state, _SP, offset, source)),))
        if function != 4:
            raise Unbounded(f"an instruction it does not know: {half:#06x}")
        return self._register_form(at, half, state, rd, source)

    def _register_form(self, at: int, half: int, state: State, rd: int, source: int) -> Step:
        adds = bool(half >> 12 & 1)
        if source == 0 and rd == 0:
            raise Unbounded("a breakpoint")
        if source == 0:
            return self._indirect(at, 2, state, _RA if adds else 0, rd)
        value = self._value(state, source)
        return self._on(
            at, 2, state, rd, self._code.sum(self._value(state, rd), value) if adds else value
        )


def _signed(value: int, bits: int) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> bits - 1 else value


def _branch_offset(word: int) -> int:
    bits = (word >> 31) << 12 | (word >> 7 & 1) << 11 | (word >> 25 & 63) << 5
    return _signed(bits | (word >> 8 & 15) << 1, 13)


def _jal_offset(word: int) -> int:
    bits = (word >> 31) << 20 | (word >> 12 & 0xFF) << 12 | (word >> 20 & 1) << 11
    return _signed(bits | (word >> 21 & 0x3FF) << 1, 21)


def _c_jump_offset(half: int) -> int:
    bits = (half >> 12 & 1) << 11 | (half >> 11 & 1) << 4 | (half >> 9 & 3) << 8
    bits |= (half >> 8 & 1) << 10 | (half >> 7 & 1) << 6 | (half >> 6 & 1) << 7
    return _signed(bits | (half >> 3 & 7) << 1 | (half >> 2 & 1) << 5, 12)


def _c_branch_offset(half: int) -> int:
    bits = (half >> 12 & 1) << 8 | (half >> 10 & 3) << 3 | (half >> 5 & 3) << 6
    return _signed(bits | (half >> 3 & 3) << 1 | (half >> 2 & 1) << 5, 9)


def _c_sp_offset(half: int) -> int:
    bits = (half >> 12 & 1) << 9 | (half >> 6 & 1) << 4 | (half >> 5 & 1) << 6
    return _signed(bits | (half >> 3 & 3) << 7 | (half >> 2 & 1) << 5, 10)
