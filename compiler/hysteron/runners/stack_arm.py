"""Thumb of Armv6-M to Armv8.1-M as the stack walk sees it: sp, jumps, registers with addresses.

Encodings: Armv8-M Architecture Reference Manual (DDI 0553), C2.2 "Instruction set encoding".
An instruction that may write sp in another way than those known here is refused. ``mode``
holds, inside an IT block, whether each following instruction executes: both cases are walked.
A ``bx lr`` is a return when lr still holds, or holds again, what it held at the entry.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from hysteron.runners.stack_arm_wide import LR, PC, SP, Registers, wide
from hysteron.runners.stack_state import (
    Code,
    Known,
    State,
    Step,
    Unbounded,
    absolute_table,
    inline_table,
    negative,
    plain,
    wrap,
)

#: What a call may change: r0-r3, r12, lr.
_CLOBBERED: Final = frozenset((0, 1, 2, 3, 12, LR))
_LOADS: Final = {3: None, 4: "word", 5: "half", 6: "byte", 7: None}


class Thumb(Registers):
    """Decoder of one linked file."""

    #: Bytes that a call itself puts on the stack.
    pushed = 0

    def __init__(self, code: Code) -> None:
        self.code = code

    def step(self, at: int, state: State) -> Step:
        """Return what the instruction at ``at`` may do. Raises Unbounded."""
        half = self.code.number(at, 2)
        size = 4 if half >> 11 >= 0b11101 else 2
        second = self.code.number(at + 2, 2) if size == 4 else 0
        if not state.mode:
            return self._execute(at, half, second, state)
        executes, rest = state.mode[0], state.mode[1:]
        state = replace(state, mode=rest)
        if not executes:
            return Step(((at + size, state),))
        done = self._execute(at, half, second, state)
        if not rest or not _sets_flags(half, second, size):
            return done
        other = tuple(not one for one in rest)
        forked = tuple((to, replace(one, mode=other)) for to, one in done.next)
        return replace(done, next=(*done.next, *forked))

    def _execute(self, at: int, half: int, second: int, state: State) -> Step:
        if half >> 11 >= 0b11101:
            return wide(self, at, half, second, state)
        group = half >> 12
        if group < 4:
            return self._immediate(at, half, state)
        if group == 4:
            return self._four(at, half, state)
        if group < 10:
            return self._load_store(at, half, state)
        if group == 10:
            base = ("const", (at + 4) & ~3) if not half >> 11 & 1 else self.value(at, state, SP)
            return self.on(at, 2, state, half >> 8 & 7, self.offset(base, 4 * (half & 0xFF)))
        if group == 11:
            return self._miscellaneous(at, half, state)
        if group == 12:
            return self._multiple(at, half, state)
        return self._branch(at, half, state)

    def _branch(self, at: int, half: int, state: State) -> Step:
        if half >> 11 == 0b11100:
            return Step(((at + 4 + 2 * signed(half, 11), state),))
        condition = half >> 8 & 15
        if condition == 14:
            return Step()  # udf: a trap
        if condition == 15:
            raise Unbounded("a system call")
        return Step(((at + 2, state), (at + 4 + 2 * signed(half, 8), state)))

    def _immediate(self, at: int, half: int, state: State) -> Step:
        """Shifts, additions, moves and comparisons with small numbers."""
        kind, low = half >> 11, half & 7
        if kind < 3:
            moved = self.value(at, state, half >> 3 & 7)
            return self.on(at, 2, state, low, _shifted(kind, half >> 6 & 31, moved))
        if kind == 3:
            first, other = self.value(at, state, half >> 3 & 7), half >> 6 & 7
            operand: Known = ("const", other) if half >> 10 & 1 else self.value(at, state, other)
            return self.on(
                at,
                2,
                state,
                low,
                self.code.sum(first, negative(operand) if half >> 9 & 1 else operand),
            )
        register, number = half >> 8 & 7, half & 0xFF
        if kind == 4:
            return self.on(at, 2, state, register, ("const", number))
        if kind == 5:
            return Step(((at + 2, state),))
        signed_number = number if kind == 6 else -number
        value = self.offset(self.value(at, state, register), signed_number)
        return self.on(at, 2, state, register, value)

    def _four(self, at: int, half: int, state: State) -> Step:
        """Data processing, high registers, literals, loads with a register offset."""
        if half >> 11 == 0b01001:
            place = ((at + 4) & ~3) + 4 * (half & 0xFF)
            return self.on(at, 2, state, half >> 8 & 7, self.loaded(state, ("const", place)))
        if half >> 10 == 0b010001:
            return self._high(at, half, state)
        operation, low = half >> 6 & 15, half & 7
        if operation in (8, 10, 11):
            return Step(((at + 2, state),))
        value = negative(self.value(at, state, half >> 3 & 7)) if operation == 9 else None
        return self.on(at, 2, state, low, value)

    def _high(self, at: int, half: int, state: State) -> Step:
        operation, source = half >> 8 & 3, half >> 3 & 15
        target = (half & 7) | (half >> 4 & 8)
        value = self.value(at, state, source)
        if operation == 3:
            return self.branch_register(at, state, value, links=bool(half >> 7 & 1))
        if operation == 1:
            return Step(((at + 2, state),))
        if operation == 0:
            if target == PC:
                return self._add_pc(at, state, value)
            value = self.code.sum(self.value(at, state, target), value)
        if target == PC:
            return self.jump(at, state, value)
        return self.on(at, 2, state, target, value)

    def _add_pc(self, at: int, state: State, value: Known) -> Step:
        """Handle ``add pc, rN``, where rN is twice an entry of a table behind the instruction."""
        if value is None or value[0] not in ("byte2", "half2") or not at < value[1] <= at + 4:
            raise Unbounded("an indirect jump")
        return self.table(state, value[1], 1 if value[0] == "byte2" else 2, at + 4)

    def table(self, state: State, base: int, size: int, origin: int) -> Step:
        """Return the jump through a table of distances from ``origin``."""
        return Step(tuple((to, state) for to in inline_table(self.code, base, size, origin)))

    def jump(self, at: int, state: State, value: Known) -> Step:
        """Return a jump to a value. Raises Unbounded where it is not known."""
        if value is not None and value[0] == "const":
            return Step(((value[1] & ~1, state),))
        if value is not None and value[0] == "word":
            table = absolute_table(self.code, value[1], at, 4, plain)
            return Step(tuple((to, state) for to in table))
        if value is not None and value[0] == "ret":
            if state.depth != 0:
                raise Unbounded(f"returns with {state.depth} bytes on the stack")
            return Step()
        raise Unbounded("an indirect jump")

    def branch_register(self, at: int, state: State, value: Known, *, links: bool) -> Step:
        """Return a ``bx`` or ``blx``."""
        if not links:
            return self.jump(at, state, value)
        target = value[1] & ~1 if value is not None and value[0] == "const" else None
        return self.call(at + 2, state, target)

    def call(self, after: int, state: State, target: int | None) -> Step:
        """Return a call; None is a pointer that is not in the file."""
        back = ((after, state.forget(_CLOBBERED)),)
        if target is None:
            return Step(back, callback=True)
        if self.code.name(target).startswith("__gnu_thumb1_case"):
            raise Unbounded("a jump table behind a call")
        return Step(back, call=target)

    def _load_store(self, at: int, half: int, state: State) -> Step:
        low, base = half & 7, half >> 3 & 7
        if half >> 12 == 5:
            operation = half >> 9 & 7
            if operation < 3:
                return Step(((at + 2, state),))
            place = self.code.sum(self.value(at, state, base), self.value(at, state, half >> 6 & 7))
            return self.on(at, 2, state, low, self.loaded(state, place, _LOADS[operation]))
        if half >> 12 == 9:
            register, place = half >> 8 & 7, ("sp", 4 * (half & 0xFF) - state.depth)
            if half >> 11 & 1:
                return self.on(at, 2, state, register, self.loaded(state, place))
            return Step(((at + 2, self.stored(state, register, place)),))
        if not half >> 11 & 1:
            return Step(((at + 2, state),))
        kind, scale = {6: ("word", 4), 7: ("byte", 1), 8: ("half", 2)}[half >> 12]
        place = self.offset(self.value(at, state, base), scale * (half >> 6 & 31))
        return self.on(at, 2, state, low, self.loaded(state, place, kind))

    def _miscellaneous(self, at: int, half: int, state: State) -> Step:
        kind = half >> 8 & 15
        if kind == 0:
            amount = 4 * (half & 0x7F)
            return Step(((at + 2, state.moved(amount if half >> 7 & 1 else -amount)),))
        if kind in (1, 3, 9, 11):
            distance = (half >> 9 & 1) << 6 | (half >> 3 & 31) << 1
            return Step(((at + 2, state), (at + 4 + distance, state)))
        if kind in (2, 10):
            return self.on(at, 2, state, half & 7, None)
        if kind in (4, 5):
            return Step(((at + 2, self.push(state, half & 0xFF | (half >> 8 & 1) << LR)),))
        if kind in (12, 13):
            return self.pop(at, 2, state, half & 0xFF | (half >> 8 & 1) << PC)
        if kind == 15 and half & 15:
            return _it(at, half, state)
        if kind in (6, 15):
            return Step(((at + 2, state),))
        raise Unbounded(f"an instruction it does not know: {half:#06x}")

    def _multiple(self, at: int, half: int, state: State) -> Step:
        base, registers = half >> 8 & 7, half & 0xFF
        changed = {base} | (
            {n for n in range(8) if registers >> n & 1} if half >> 11 & 1 else set()
        )
        return Step(((at + 2, state.forget(frozenset(changed))),))


def signed(value: int, bits: int) -> int:
    """Return the low bits as a signed number."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> bits - 1 else value


def _shifted(kind: int, amount: int, value: Known) -> Known:
    if value is None or kind != 0:
        return None
    if amount == 0:
        return value
    if amount == 1 and value[0] in ("byte", "half"):
        return (f"{value[0]}2", value[1])
    return ("const", wrap(value[1] << amount)) if value[0] == "const" else None


def _it(at: int, half: int, state: State) -> Step:
    """Return both cases of an IT block: its condition holds, or the opposite."""
    condition, mask = half >> 4 & 1, half & 15
    length = 4 - ((mask & -mask).bit_length() - 1)
    same = [True] + [(mask >> 3 - n & 1) == condition for n in range(length - 1)]
    both = (tuple(same), tuple(not one for one in same))
    return Step(tuple((at + 2, replace(state, mode=mode)) for mode in both))


def _sets_flags(half: int, second: int, size: int) -> bool:
    """Return whether an instruction in an IT block may change the condition."""
    if size == 2:
        compares = half >> 11 == 5 or half >> 8 == 0b01000101
        return compares or (half >> 10 == 0b010000 and half >> 6 & 15 in (8, 10, 11))
    if half >> 9 in (0b1110101, 0b1111000, 0b1111010, 0b1111101):
        return bool(half >> 4 & 1)
    return (half, second) == (0xEEF1, 0xFA10)
