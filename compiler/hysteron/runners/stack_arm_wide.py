"""The 32-bit instructions of Thumb for ``stack_arm``, and what both sizes do to registers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hysteron.runners.stack_state import (
    RETURN,
    Code,
    Known,
    State,
    Step,
    Unbounded,
    add,
    negative,
    wrap,
)

if TYPE_CHECKING:
    from hysteron.runners.stack_arm import Thumb

SP: Final = 13
LR: Final = 14
PC: Final = 15


class Registers:
    """Values of registers and stack slots; sp is the state's depth."""

    code: Code

    def entry(self) -> State:
        """Return the state at the first instruction of a function."""
        return State(0, (*(None,) * 14, RETURN, None))

    def value(self, at: int, state: State, register: int) -> Known:
        """Return what a register holds when the instruction at ``at`` reads it."""
        if register == SP:
            return ("sp", -state.depth)
        return ("const", at + 4) if register == PC else state.regs[register]

    def on(self, at: int, size: int, state: State, register: int, value: Known) -> Step:
        """Go on with another register value. Raises Unbounded for an unknown sp."""
        return Step(((at + size, self.put(state, register, value)),))

    def put(self, state: State, register: int, value: Known) -> State:
        """Return the state after a write of a register."""
        if register == PC:
            raise Unbounded("an indirect jump")
        if register != SP:
            return state.put(register, value)
        if value is None or value[0] != "sp":
            raise Unbounded("the stack pointer becomes an unknown value")
        return state.moved(-value[1] - state.depth)

    def offset(self, value: Known, number: int) -> Known:
        """Return a value plus a number; an unknown one stays unknown."""
        return None if value is None else add(value, ("const", number))

    def loaded(self, state: State, place: Known, kind: str | None = "word") -> Known:
        """Return what a load finds: the return address, a literal or a table's entry."""
        if place is None or kind is None:
            return None
        if place[0] == "sp":
            return state.saved(place) if kind == "word" else None
        if place[0] == "const" and kind == "word" and self.code.is_content(place[1]):
            return ("const", wrap(self.code.number(place[1], 4)))
        return (kind, place[1]) if place[0] == "index" else None

    def stored(self, state: State, register: int | None, place: Known) -> State:
        """Return the state after a word was stored; without a register, a part of one."""
        if register is None and place is not None:
            place = (place[0], place[1] & ~3)
        return state.save(place, None if register is None else state.regs[register])

    def push(self, state: State, registers: int) -> State:
        """Return the state after a push of a set of registers, the lowest deepest."""
        state = state.moved(4 * registers.bit_count())
        place = -state.depth
        for register in range(16):
            if registers >> register & 1:
                state = self.stored(state, register, ("sp", place))
                place += 4
        return state

    def pop(self, at: int, size: int, state: State, registers: int) -> Step:
        """Return a pop of a set of registers; pc among them returns."""
        place, found = -state.depth, state.moved(-4 * registers.bit_count())
        target: Known = None
        for register in range(16):
            if registers >> register & 1:
                value = self.loaded(state, ("sp", place))
                place += 4
                if register == PC:
                    target = value
                else:
                    found = self.put(found, register, value)
        if registers >> PC & 1:
            return self.jump(at, found, target)
        return Step(((at + size, found),))

    def jump(self, at: int, state: State, value: Known) -> Step:
        """Return a jump to a value."""
        raise NotImplementedError


def wide(arm: Thumb, at: int, one: int, two: int, state: State) -> Step:
    """Return what a 32-bit instruction may do. Raises Unbounded."""
    if one >> 10 & 3 == 3 and one >> 13 == 7:
        return _coprocessor(arm, at, one, two, state)
    if one >> 11 == 0b11101:
        if one >> 9 & 1:
            return _data(arm, at, one, two, state)
        return (_dual if one >> 6 & 1 else _multiple)(arm, at, one, two, state)
    if one >> 11 == 0b11110:
        if two >> 15:
            return _branch(arm, at, one, two, state)
        return _immediate(arm, at, one, two, state)
    if one >> 9 & 1:
        # Data processing with registers, multiplications: the low result of the long ones as well.
        changed = frozenset((two >> 8 & 15, *((two >> 12,) if one >> 7 & 1 else ())))
        return _forgetting(at, state, changed)
    return _single(arm, at, one, two, state)


def _forgetting(at: int, state: State, registers: frozenset[int]) -> Step:
    if SP in registers:
        raise Unbounded("the stack pointer becomes an unknown value")
    return Step(((at + 4, state.forget(registers)),))


def _multiple(arm: Thumb, at: int, one: int, two: int, state: State) -> Step:
    """LDM and STM, increment after and decrement before."""
    loads, back, base = one >> 4 & 1, one >> 5 & 1, one & 15
    if one >> 7 & 3 not in (1, 2) or two >> SP & 1:
        raise Unbounded(f"an instruction it does not know: {one:#06x}")
    if base == SP and back:
        if (one >> 7 & 3 == 1) != bool(loads):
            raise Unbounded("a stack that grows upwards")
        return arm.pop(at, 4, state, two) if loads else Step(((at + 4, arm.push(state, two)),))
    if not loads:
        return _forgetting(at, state, frozenset((base,) if back else ()))
    if two >> PC & 1:
        raise Unbounded("an indirect jump")
    changed = frozenset(n for n in range(15) if two >> n & 1)
    return _forgetting(at, state, changed | ({base} if back else set()))


def _dual(arm: Thumb, at: int, one: int, two: int, state: State) -> Step:
    """LDRD, STRD, exclusive accesses, table branches."""
    base, loads = one & 15, one >> 4 & 1
    if one & 0xFFF0 == 0xE8D0 and two & 0xFFE0 == 0xF000:
        if base != PC:
            raise Unbounded("a table branch whose table is not behind it")
        return arm.table(state, at + 4, 1 + (two >> 4 & 1), at + 4)
    if not one >> 8 & 1 and not one >> 5 & 1:
        return _forgetting(at, state, frozenset((two >> 12, two >> 8 & 15, two & 15)))
    first, second = two >> 12, two >> 8 & 15
    amount = 4 * (two & 0xFF) * (1 if one >> 7 & 1 else -1)
    before, after = (amount, 0) if one >> 8 & 1 else (0, amount)
    place = arm.offset(arm.value(at, state, base), before)
    values = arm.loaded(state, place), arm.loaded(state, arm.offset(place, 4))
    if one >> 5 & 1:
        state = arm.put(state, base, arm.offset(place, after))
    if not loads:
        state = arm.stored(state, first, place)
        return Step(((at + 4, arm.stored(state, second, arm.offset(place, 4))),))
    return arm.on(at, 4, arm.put(state, first, values[0]), second, values[1])


def _data(arm: Thumb, at: int, one: int, two: int, state: State) -> Step:
    """Data processing with a shifted register, long shifts, conditional selects."""
    operation, first, target, source = one >> 5 & 15, one & 15, two >> 8 & 15, two & 15
    plain = not two & 0x70F0 and not two >> 15
    operand = arm.value(at, state, source) if plain else None
    value: Known = None
    if operation == 2 and first == PC and plain:
        value = operand
    elif operation == 2 and one >> 4 & 1 and source in (SP, PC) and not two >> 15:
        return _forgetting(at, state, frozenset((first, first & 14, target, target | 1)))
    elif operation in (8, 13):
        value = arm.code.sum(
            arm.value(at, state, first), operand if operation == 8 else negative(operand)
        )
    if target == PC:
        return Step(((at + 4, state),))  # a comparison
    return arm.on(at, 4, state, target, value)


def _immediate(arm: Thumb, at: int, one: int, two: int, state: State) -> Step:
    """Data processing with a modified or a plain immediate."""
    first, target = one & 15, two >> 8 & 15
    twelve = (one >> 10 & 1) << 11 | (two >> 12 & 7) << 8 | two & 0xFF
    value: Known = None
    if one >> 9 & 1:
        value = _plain(arm, at, one, twelve, state, target)
    else:
        number = _expanded(twelve)
        operation = one >> 5 & 15
        if operation in (2, 3) and first == PC:
            value = ("const", wrap(number if operation == 2 else ~number))
        elif operation in (8, 13):
            signed = number if operation == 8 else -number
            value = arm.offset(arm.value(at, state, first), signed)
        if target == PC:
            return Step(((at + 4, state),))  # a comparison
    return arm.on(at, 4, state, target, value)


def _plain(arm: Thumb, at: int, one: int, twelve: int, state: State, target: int) -> Known:
    operation, first = one >> 4 & 31, one & 15
    if operation in (0, 10):
        base = ("const", (at + 4) & ~3) if first == PC else arm.value(at, state, first)
        return arm.offset(base, twelve if operation == 0 else -twelve)
    sixteen = (one & 15) << 12 | twelve
    if operation == 4:
        return ("const", sixteen)
    low = state.regs[target]
    if operation == 12 and low is not None and low[0] == "const":
        return ("const", wrap(sixteen << 16 | low[1] & 0xFFFF))
    return None


def _expanded(twelve: int) -> int:
    """Return a modified immediate (C1.5.3)."""
    low = twelve & 0xFF
    if twelve >> 10 == 0:
        return (low, low * 0x0001_0001, low * 0x0100_0100, low * 0x0101_0101)[twelve >> 8 & 3]
    rotation, number = twelve >> 7, 0x80 | twelve & 0x7F
    return (number >> rotation | number << 32 - rotation) & 0xFFFF_FFFF


def _branch(arm: Thumb, at: int, one: int, two: int, state: State) -> Step:
    """B, BL, the loops of Armv8.1-M, and what changes the machine's state."""
    kind = two >> 14 & 1, two >> 12 & 1
    if kind == (1, 0):
        return _loop(at, one, two, state)
    sign = one >> 10 & 1
    if kind == (0, 0):
        return _conditional(at, one, two, state)
    first, second = 1 ^ (two >> 13 & 1) ^ sign, 1 ^ (two >> 11 & 1) ^ sign
    bits = sign << 24 | first << 23 | second << 22 | (one & 0x3FF) << 12 | (two & 0x7FF) << 1
    target = at + 4 + bits - (sign << 25)
    return arm.call(at + 4, state, target) if kind == (1, 1) else Step(((target, state),))


def _conditional(at: int, one: int, two: int, state: State) -> Step:
    if one >> 7 & 7 != 7:
        sign = one >> 10 & 1
        bits = sign << 20 | (two >> 11 & 1) << 19 | (two >> 13 & 1) << 18
        bits |= (one & 0x3F) << 12 | (two & 0x7FF) << 1
        return Step(((at + 4, state), (at + 4 + bits - (sign << 21), state)))
    if one & 0xFFE0 == 0xF3E0:  # MRS
        return _forgetting(at, state, frozenset((two >> 8 & 15,)))
    if one in (0xF3AF, 0xF3BF):  # hints and barriers
        return Step(((at + 4, state),))
    if one & 0xFFF0 == 0xF7F0:
        return Step()  # udf: a trap
    raise Unbounded(f"an instruction it does not know: {one:#06x} {two:#06x}")


def _loop(at: int, one: int, two: int, state: State) -> Step:
    """WLS, DLS, LE and their tail-predicated forms: lr counts, one side leaves the loop."""
    distance = (two >> 1 & 0x3FF) << 2 | (two >> 11 & 1) << 1
    starts = two >> 13 == 7
    if one & 0xFF80 == 0xF000 and two == 0xE801:  # VCTP: a mask of lanes
        return Step(((at + 4, state),))
    if one & 0xFF80 != 0xF000 or not two & 1 or (starts and two & 0xFFF != 1):
        raise Unbounded(f"an instruction it does not know: {one:#06x} {two:#06x}")
    if one & 15 == PC and starts:  # LCTP
        return Step(((at + 4, state),))
    after = state.forget((LR,))
    if starts:
        return Step(((at + 4, after),))
    target = at + 4 - distance if one & 15 == PC else at + 4 + distance
    return Step(((at + 4, after), (target, after)))


def _single(arm: Thumb, at: int, one: int, two: int, state: State) -> Step:
    """Loads and stores of one register."""
    register, size = two >> 12, one >> 5 & 3
    before = state
    place, state = _address(arm, at, one, two, state)
    if not one >> 4 & 1:
        return Step(((at + 4, arm.stored(state, register if size == 2 else None, place)),))
    kind = ("byte", "half", "word")[size] if not one >> 8 & 1 and size < 3 else None
    if register == PC:
        if size != 2:
            return Step(((at + 4, state),))  # a preload hint
        return arm.jump(at, state, arm.loaded(before, place))
    return arm.on(at, 4, state, register, arm.loaded(before, place, kind))


def _address(arm: Thumb, at: int, one: int, two: int, state: State) -> tuple[Known, State]:
    """Return the address of a single load or store, and the state with its base written back."""
    base = one & 15
    value = arm.value(at, state, base)
    if base == PC:
        distance = two & 0xFFF
        return ("const", ((at + 4) & ~3) + (distance if one >> 7 & 1 else -distance)), state
    if one >> 7 & 1:
        return arm.offset(value, two & 0xFFF), state
    if not two >> 11 & 1:
        index = arm.value(at, state, two & 15)
        return arm.code.sum(value, index if not two >> 4 & 3 else None), state
    amount = (two & 0xFF) * (1 if two >> 9 & 1 else -1)
    place = arm.offset(value, amount if two >> 10 & 1 else 0)
    if two >> 8 & 1:
        state = arm.put(state, base, arm.offset(value, amount))
    return place, state


def _coprocessor(arm: Thumb, at: int, one: int, two: int, state: State) -> Step:
    """FPU and MVE. Only loads and stores with write-back change sp; the rest may write r0-r12."""
    base = one & 15
    if one >> 9 & 7 == 6 and one & 0xFFE0 != 0xEC40:
        if not one >> 5 & 1:
            return Step(((at + 4, state),))
        if two >> 9 & 15 == 7:  # MVE, widening or narrowing: r0-r7, bit 3 is a size
            base &= 7
        if base != SP:
            return Step(((at + 4, state.forget((base,))),))
        pushes = one >> 7 & 3 == 2 and not one >> 4 & 1
        pops = one >> 7 & 3 == 1 and one >> 4 & 1
        if two >> 9 & 7 != 5 or not (pushes or pops):
            raise Unbounded(f"an instruction it does not know: {one:#06x} {two:#06x}")
        return Step(((at + 4, state.moved(4 * (two & 0xFF) * (1 if pushes else -1))),))
    written = {two >> 12, two >> 8 & 15, base, base & 14, 2 * (one >> 4 & 7) + 1}
    return Step(((at + 4, state.forget(frozenset(written - {SP, LR, PC}))),))
