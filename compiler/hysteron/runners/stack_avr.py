"""AVR (8-bit) as the stack walk sees it: sp by push, calls and out, the frame pointer, jumps.

Encodings: AVR Instruction Set Manual (DS40002198). Values are bytes: ``const``; ``spl`` and
``sph``, the low and the high byte of the entry's stack pointer plus a number; ``lo`` and ``hi``,
those of the address of a jump table's entry, in words. ``mode`` holds the borrow that a low byte
left behind and the high byte that waits for its low one on the way to sp.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from hysteron.runners.stack_state import (
    Code,
    Known,
    State,
    Step,
    Unbounded,
    absolute_table,
)

_SPL: Final = 0x3D
_SPH: Final = 0x3E
_Z: Final = 30
#: What a call may change (avr-gcc's calling convention); r1 is zero again.
_CLOBBERED: Final = frozenset((0, *range(18, 28), 30, 31))
_CLEAN: Final = (None, None)
_WORDS_32: Final = (0x9000, 0x9200)


class Avr:
    """Decoder of one linked file."""

    def __init__(self, code: Code) -> None:
        self._code = code
        #: A return address: three bytes where the program counter has more than 16 bits.
        self.pushed = 3 if code.flags & 0x7F == 6 else 2

    def entry(self) -> State:
        """Return the state at the first instruction of a function."""
        return State(0, (None, ("const", 0), *(None,) * 30), mode=_CLEAN)

    def step(self, at: int, state: State) -> Step:
        """Return what the instruction at ``at`` may do. Raises Unbounded."""
        word = self._code.number(at, 2)
        top = word >> 12
        if top in (0, 1, 2):
            return self._registers(at, word, state)
        if top in (3, 4, 5, 6, 7, 14):
            return self._immediate(at, word, state)
        if top == 9:
            return self._nine(at, word, state)
        if top == 11:
            return self._ports(at, word, state)
        if top in (8, 10):
            return self._on(at, state, {} if word >> 9 & 1 else {word >> 4 & 31: None})
        if top == 15:
            return self._flow(at, word, state)
        target = at + 2 + 2 * _signed(word, 12)
        if top == 12:
            return self._jump(at, state, target)
        if target == at + 2:  # rcall to the next instruction makes room
            return Step(((target, state.moved(self.pushed)),))
        return self._call(at + 2, state, target)

    def _on(self, at: int, state: State, values: dict[int, Known], carry: Known = None) -> Step:
        """Go on with other registers; a borrow lives for one instruction."""
        for register, value in values.items():
            state = state.put(register, value)
        return Step(((at + 2, replace(state, mode=(carry, state.mode[1]))),))

    def _call(self, after: int, state: State, target: int | None) -> Step:
        back = replace(state.forget(_CLOBBERED).put(1, ("const", 0)), mode=_CLEAN)
        return Step(((after, back),), call=target, callback=target is None)

    def _registers(self, at: int, word: int, state: State) -> Step:
        d, r = word >> 4 & 31, (word & 15) | (word >> 5 & 16)
        kind = word >> 10
        if word >> 8 == 1:
            d, r = 2 * (word >> 4 & 15), 2 * (word & 15)
            return self._on(at, state, {d: state.regs[r], d + 1: state.regs[r + 1]})
        if word >> 8 in (2, 3):
            return self._on(at, state, {0: None, 1: None})
        if kind == 0b000100:
            return self._skip(at, state)
        if kind in (0, 0b000001, 0b000101):
            return self._on(at, state, {})
        if kind == 0b001011:
            return self._on(at, state, {d: state.regs[r]})
        if kind == 0b001001 and d == r:
            return self._on(at, state, {d: ("const", 0)})
        number = state.regs[r]
        if kind in (0b000110, 0b000010, 0b000011, 0b000111) and _is_number(number):
            assert number is not None
            sign = -1 if kind in (0b000110, 0b000010) else 1
            low = kind in (0b000110, 0b000011)
            return self._adding(at, state, d, sign * number[1], low=low)
        return self._on(at, state, {d: None})

    def _immediate(self, at: int, word: int, state: State) -> Step:
        d, number, top = 16 + (word >> 4 & 15), word & 15 | word >> 4 & 0xF0, word >> 12
        if top == 14:
            return self._on(at, state, {d: ("const", number)})
        if top == 3:
            return self._on(at, state, {})
        if top in (4, 5):
            return self._adding(at, state, d, -number, low=top == 5)
        return self._on(at, state, {d: None})

    def _adding(self, at: int, state: State, d: int, number: int, *, low: bool) -> Step:
        """Handle one byte of an addition to a 16-bit address."""
        value = state.regs[d]
        if low:
            if value is None and self._table_follows(at, d):
                return self._on(at, state, {d: ("lo", number)}, ("lo", number))
            if value is None or value[0] != "spl":
                return self._on(at, state, {d: None})
            low_byte = ("spl", value[1] + number & 0xFF)
            return self._on(at, state, {d: low_byte}, ("spl", number))
        carry: Known = state.mode[0]
        if carry is not None and carry[0] == "lo" and value is None:
            return self._on(at, state, {d: ("hi", carry[1] + 256 * number)})
        if carry is None or value is None or (carry[0], value[0]) != ("spl", "sph"):
            return self._on(at, state, {d: None})
        return self._on(at, state, {d: ("sph", _signed(value[1] + carry[1] + 256 * number, 16))})

    def _table_follows(self, at: int, d: int) -> bool:
        """Return whether the sum in Z goes straight to the library's jump through a table."""
        place = at + 2
        while self._code.number(place, 2) >> 12 == 4:  # sbci: the upper bytes
            place += 2
        word = self._code.number(place, 2)
        if d != _Z:
            return False
        if word >> 12 == 12:  # rjmp
            return self._tablejump(place + 2 + 2 * _signed(word, 12))
        return word & 0xFE0E == 0x940C and self._tablejump(2 * self._target(place))

    def _tablejump(self, at: int) -> bool:
        return self._code.name(at) == "__tablejump2__"

    def _target(self, at: int) -> int:
        """Return the word address in a jmp or call at ``at``."""
        word = self._code.number(at, 2)
        return (word >> 4 & 31) << 17 | (word & 1) << 16 | self._code.number(at + 2, 2)

    def _pair(self, state: State, d: int) -> int | None:
        """Return the stack offset in a register pair."""
        low, high = state.regs[d], state.regs[d + 1]
        if low is None or high is None or (low[0], high[0]) != ("spl", "sph"):
            return None
        return high[1] if (low[1] - high[1]) % 256 == 0 else None

    def _moved_pair(self, state: State, d: int, number: int) -> dict[int, Known]:
        offset = self._pair(state, d)
        if offset is None:
            return {d: None, d + 1: None}
        return dict(zip((d, d + 1), _address(offset + number), strict=True))

    def _ports(self, at: int, word: int, state: State) -> Step:
        register, port = word >> 4 & 31, word & 15 | word >> 5 & 0x30
        if not word >> 11 & 1:
            here = dict(zip((_SPL, _SPH), _address(-state.depth), strict=True))
            return self._on(at, state, {register: here.get(port)})
        if port == _SPH:
            return Step(((at + 2, replace(state, mode=(None, state.regs[register]))),))
        if port != _SPL:
            return self._on(at, state, {})
        low, high = state.regs[register], state.mode[1]
        if high is None or low is None or (low[0], high[0]) != ("spl", "sph"):
            raise Unbounded("the stack pointer becomes an unknown value")
        if (low[1] - high[1]) % 256:
            raise Unbounded("the two bytes of the stack pointer do not belong together")
        moved = state.moved(-high[1] - state.depth)
        return Step(((at + 2, replace(moved, mode=_CLEAN)),))

    def _flow(self, at: int, word: int, state: State) -> Step:
        kind = word >> 9 & 7
        if kind < 4:
            to = at + 2 + 2 * _signed(word >> 3, 7)
            return Step(((at + 2, state), (to, state)))
        if kind >= 6:
            return self._skip(at, state)
        return self._on(at, state, {word >> 4 & 31: None} if kind == 4 else {})

    def _skip(self, at: int, state: State) -> Step:
        following = self._code.number(at + 2, 2)
        long = following & 0xFE0F in _WORDS_32 or following & 0xFE0C == 0x940C
        return Step(((at + 2, state), (at + (6 if long else 4), state)))

    def _nine(self, at: int, word: int, state: State) -> Step:
        kind = word >> 8 & 15
        if kind < 4:
            return self._memory(at, word, state)
        if kind in (4, 5):
            return self._one_operand(at, word, state)
        if kind in (6, 7):
            d, number = 24 + 2 * (word >> 4 & 3), word & 15 | word >> 2 & 0x30
            return self._on(at, state, self._moved_pair(state, d, number * (1 - 2 * (kind & 1))))
        if kind in (9, 11):
            return self._skip(at, state)
        return self._on(at, state, {} if kind in (8, 10) else {0: None, 1: None})

    def _memory(self, at: int, word: int, state: State) -> Step:
        """Loads (also from flash) and stores, push and pop."""
        register, kind, stores = word >> 4 & 31, word & 15, word >> 9 & 1
        if kind == 15:
            moved = state.moved(1 if stores else -1)
            return self._on(at, moved, {} if stores else {register: None})
        if kind == 0:
            if stores and self._code.number(at + 2, 2) in (0x20 + _SPL, 0x20 + _SPH):
                raise Unbounded("the stack pointer becomes an unknown value")
            after = state if stores else state.put(register, None)
            return Step(((at + 4, replace(after, mode=_CLEAN)),))
        values: dict[int, Known] = {} if stores and kind not in (4, 5, 6, 7) else {register: None}
        pointer = {0: _Z, 1: _Z, 2: 28, 3: 26}[kind >> 2]
        if kind in (1, 2, 5, 7, 9, 10, 13, 14):
            values |= self._moved_pair(state, pointer, -1 if kind & 3 == 2 else 1)
        if not stores:
            values[register] = None
        return self._on(at, state, values)

    def _one_operand(self, at: int, word: int, state: State) -> Step:
        if word & 0xFE0C == 0x940C:
            target = 2 * self._target(at)
            if word >> 1 & 1:
                return self._call(at + 4, state, target)
            return self._jump(at, state, target)
        if word in (0x9508, 0x9518):
            if state.depth != 0:
                raise Unbounded(f"returns with {state.depth} bytes on the stack")
            return Step()
        if word in (0x9409, 0x9419, 0x9509, 0x9519):
            return self._through_z(at, word, state)
        if word & 0xFF0F in (0x9408, 0x9508):
            if word in (0x9598, 0x95E8, 0x95F8):
                raise Unbounded(f"an instruction it does not know: {word:#06x}")
            return self._on(at, state, {0: None} if word in (0x95C8, 0x95D8) else {})
        if word & 0xFF0F == 0x940B or word & 15 in (4, 9, 11):
            raise Unbounded(f"an instruction it does not know: {word:#06x}")
        return self._on(at, state, {word >> 4 & 31: None})

    def _jump(self, at: int, state: State, target: int) -> Step:
        low, high = state.regs[_Z], state.regs[_Z + 1]
        if not self._tablejump(target):
            return Step(((target, state),))
        if low is None or high is None or (low[0], high[0]) != ("lo", "hi"):
            raise Unbounded("an indirect jump")
        table = absolute_table(self._code, 2 * (high[1] & 0xFFFF), at, 2, self._behind_stub)
        return Step(tuple((to, replace(state, mode=_CLEAN)) for to in table))

    def _behind_stub(self, entry: int) -> int:
        """Return where a word address leads: the linker puts jumps in between on large parts."""
        at = 2 * entry
        if self._code.is_content(at + 2) and self._code.number(at, 2) & 0xFE0E == 0x940C:
            return 2 * self._target(at)
        return at

    def _through_z(self, at: int, word: int, state: State) -> Step:
        low, high = state.regs[_Z], state.regs[_Z + 1]
        known = _is_number(low) and _is_number(high)
        target = 2 * (low[1] | high[1] << 8) if known and low and high else None
        if word >> 8 == 0x95:
            return self._call(at + 2, state, target)
        if target is None:
            raise Unbounded("an indirect jump")
        return Step(((target, replace(state, mode=_CLEAN)),))


def _is_number(value: Known) -> bool:
    return value is not None and value[0] == "const"


def _address(offset: int) -> tuple[Known, Known]:
    """Return the two bytes of a stack address."""
    return ("spl", offset & 0xFF), ("sph", _signed(offset, 16))


def _signed(value: int, bits: int) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> bits - 1 else value
