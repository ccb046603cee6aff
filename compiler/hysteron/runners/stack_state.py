"""What the stack walk knows at one instruction, and the linked file it walks over."""

from __future__ import annotations

import bisect
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

#: Kind and number. ``const``: that number. ``sp``: the stack pointer at the function's entry plus
#: the number. ``ret``: where the function returns to. ``index``: an address in a table that
#: starts at the number. ``word``, ``byte``, ``half``: an entry of the table at the number;
#: ``byte2``, ``half2``: twice that entry; ``far``: the table's address plus an entry. Decoders
#: add kinds of their own.
Value = tuple[str, int]
Known = Value | None

RETURN: Final[Value] = ("ret", 0)


class Unbounded(Exception):
    """No bound can be proven; the text says where and why."""


@dataclass(frozen=True, slots=True)
class State:
    """What is certain before an instruction executes.

    ``depth`` bytes lie below the stack pointer of the function's entry; ``regs``
    has a value per register or None; ``slots`` are stack offsets and what was saved there, the
    return address and numbers; ``mode`` is the decoder's own.
    """

    depth: int
    regs: tuple[Known, ...]
    slots: tuple[tuple[int, Value], ...] = ()
    mode: tuple[Any, ...] = ()

    def put(self, register: int, value: Known) -> State:
        """Return the state with another register value."""
        if self.regs[register] == value:
            return self
        return replace(
            self, regs=(*self.regs[:register], value, *self.regs[register + 1 :])
        )  # fmt: skip

    def forget(self, registers: tuple[int, ...] | frozenset[int]) -> State:
        """Return the state with unknown registers."""
        regs = tuple(None if n in registers else v for n, v in enumerate(self.regs))
        return replace(self, regs=regs)

    def save(self, place: Known, value: Known) -> State:
        """Return the state after a register was stored."""
        if place is None or place[0] != "sp":
            return self
        kept = tuple(slot for slot in self.slots if slot[0] != place[1])
        if value is not None and value[0] in ("const", "ret"):
            kept = tuple(sorted((*kept, (place[1], value))))
        return self if kept == self.slots else replace(self, slots=kept)

    def saved(self, place: Value) -> Known:
        """Return what is known of a word on the stack."""
        return next((value for at, value in self.slots if at == place[1]), None)

    def moved(self, delta: int) -> State:
        """Return the state ``delta`` bytes deeper. Raises Unbounded above the entry."""
        if self.depth + delta < 0:
            raise Unbounded("releases stack that the function does not own")
        depth = self.depth + delta
        return replace(self, depth=depth, slots=tuple(s for s in self.slots if s[0] >= -depth))


@dataclass(frozen=True, slots=True)
class Step:
    """What an instruction may do: where it goes on, what it calls, whether it returns.

    ``callback`` is a call through a pointer whose value is not in the file.
    """

    next: tuple[tuple[int, State], ...] = ()
    call: int | None = None
    callback: bool = False


def add(a: Known, b: Known) -> Known:
    """Return a sum of numbers, or of an address and a number; else nothing."""
    if b is not None and b[0] != "const":
        a, b = b, a
    if a is None or b is None or b[0] != "const" or a[0] not in ("const", "sp", "index"):
        return None
    return (a[0], wrap(a[1] + b[1]))


def wrap(number: int) -> int:
    """Return a 32-bit number as signed."""
    return (number + 0x8000_0000) % 0x1_0000_0000 - 0x8000_0000


def negative(value: Known) -> Known:
    """Return -value of a number; nothing of anything else."""
    return ("const", wrap(-value[1])) if value is not None and value[0] == "const" else None


class Code:
    """The allocated contents of a linked file, and its functions by address."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as stream:
            elf = ELFFile(stream)
            self.machine = str(elf["e_machine"])
            self.flags = int(elf["e_flags"])
            self._parts = [
                (int(s["sh_addr"]), bytes(s.data()), not s["sh_flags"] & SH_FLAGS.SHF_WRITE)
                for s in elf.iter_sections()
                if s["sh_flags"] & SH_FLAGS.SHF_ALLOC and s["sh_type"] != "SHT_NOBITS"
            ]
            self._code = [
                (int(s["sh_addr"]), int(s["sh_addr"] + s["sh_size"]))
                for s in elf.iter_sections()
                if s["sh_flags"] & SH_FLAGS.SHF_EXECINSTR
            ]
            self._read_symbols(elf)

    def _read_symbols(self, elf: ELFFile) -> None:
        bit = 1 if self.machine == "EM_ARM" else 0
        found: dict[int, tuple[bool, str, int]] = {}
        self.entries: dict[str, int] = {}
        for table in elf.iter_sections("SHT_SYMTAB"):
            assert isinstance(table, SymbolTableSection)
            for one in table.iter_symbols():
                kind, at = one["st_info"]["type"], int(one["st_value"])
                if kind not in ("STT_FUNC", "STT_NOTYPE") or not one.name or one.name[0] in "$.":
                    continue
                if kind == "STT_FUNC":
                    at &= ~bit
                    self.entries[one.name] = at
                key = (kind == "STT_FUNC", one.name, int(one["st_size"]))
                if self.is_code(at):
                    found[at] = max(found.get(at, key), key)
        self._starts = sorted(found)
        self._found = found

    def is_code(self, at: int) -> bool:
        """Return whether an address lies in a section of code."""
        return any(low <= at < high for low, high in self._code)

    def is_content(self, at: int) -> bool:
        """Return whether the file holds constant bytes at an address (signed or not)."""
        at &= 0xFFFF_FFFF
        return any(fixed and low <= at < low + len(d) for low, d, fixed in self._parts)

    def sum(self, a: Known, b: Known) -> Known:
        """Return the sum of two registers: an address in the file plus an index is a table's.

        A number that is no address may lie in the file, too; such a table is not found when a
        jump wants to read it.
        """
        if a is not None and b is not None and {a[0], b[0]} == {"word", "const"} and a[1] == b[1]:
            return ("far", a[1])
        for base, other in ((a, b), (b, a)):
            movable = other is None or other[0] not in ("const", "sp")
            if movable and base is not None and base[0] == "const" and self.is_content(base[1]):
                return ("index", base[1])
        return add(a, b)

    def number(self, at: int, size: int) -> int:
        """Return an unsigned little-endian number. Raises Unbounded outside of the file."""
        at &= 0xFFFF_FFFF
        for low, data, _ in self._parts:
            if low <= at and at + size <= low + len(data):
                return int.from_bytes(data[at - low : at - low + size], "little")
        raise Unbounded(f"reads {at:#x}, which is not in the file")

    def name(self, at: int) -> str:
        """Return the function that an address belongs to."""
        place = bisect.bisect_right(self._starts, at) - 1
        return self._found[self._starts[place]][1] if place >= 0 else f"{at:#x}"

    def bounds(self, at: int) -> tuple[int, int]:
        """Return first and last (excluded) address of the function that ``at`` lies in."""
        place = bisect.bisect_right(self._starts, at) - 1
        if place < 0:
            raise Unbounded(f"no function at {at:#x}")
        low = self._starts[place]
        size = self._found[low][2]
        following = [start for start in self._starts[place + 1 : place + 2]]
        return low, low + size if size else (following[0] if following else low)


def merge(code: Code, old: State | None, new: State) -> State:
    """Return what holds on both paths. Raises Unbounded for different depths."""
    if old is None or old == new:
        return new
    if old.depth != new.depth:
        raise Unbounded(f"two paths meet with {old.depth} and {new.depth} bytes on the stack")
    regs = tuple(_either(code, a, b) for a, b in zip(old.regs, new.regs, strict=True))
    slots = tuple(slot for slot in new.slots if slot in old.slots)
    return replace(new, regs=regs, slots=slots)


def _either(code: Code, a: Known, b: Known) -> Known:
    """Return what describes both values; a number may be one case of an index or an entry."""
    if a == b or a is None or b is None:
        return a if a == b else None
    if a[0] != "const":
        a, b = b, a
    if a[0] == "const" and b[0] == "index" and a[1] >= b[1]:
        return b
    return b if a[0] == "const" and _is_entry(code, b, a[1]) else None


def _is_entry(code: Code, table: Value, number: int) -> bool:
    """Return whether a number is an entry, or what an entry leads to, in a table of jumps."""
    base, far = table[1], distance_from(table[1])
    cases = {"word": ((number, plain), (base + number, far)), "far": ((number, far),)}
    for at, resolve in cases.get(table[0], ()):
        target = at & 0xFFFF_FFFE
        with suppress(Unbounded):
            if target in absolute_table(code, base, target, 4, resolve):
                return True
    return False


def plain(entry: int) -> int:
    """Return the address in a table of addresses; bit 0 marks Thumb."""
    return entry & ~1


def distance_from(base: int) -> Callable[[int], int]:
    """Return how a table of distances from its own start resolves."""
    return lambda entry: base + entry & 0xFFFF_FFFE


def inline_table(code: Code, base: int, size: int, origin: int) -> list[int]:
    """Return the targets of the table at ``base``: distances in halfwords from ``origin``.

    The table ends at its nearest target at the latest: what is read beyond the real
    end only adds paths.
    """
    end = code.bounds(base)[1]
    targets: list[int] = []
    at = base
    while at + size <= end:
        target = origin + 2 * code.number(at, size)
        if target < at + size:
            break  # the byte that makes the size even
        targets.append(target)
        end, at = min(end, target), at + size
    return _found(targets, base)


def absolute_table(
    code: Code, base: int, inside: int, size: int, resolve: Callable[[int], int]
) -> list[int]:
    """Return the targets of a table of addresses into the function around ``inside``.

    ``resolve`` turns an entry into an address. The first entry elsewhere ends the table.
    """
    low, high = code.bounds(inside)
    targets: list[int] = []
    at = base
    while code.is_content(at):
        target = resolve(code.number(at, size))
        if not low <= target < high:
            break
        targets.append(target)
        at += size
    return _found(targets, base)


def _found(targets: list[int], base: int) -> list[int]:
    if not targets:
        raise Unbounded(f"an indirect jump without a table at {base:#x}")
    return sorted(set(targets))
