"""What the stack walk knows at one instruction, and the linked file it walks over."""

from __future__ import annotations

import bisect
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

#: Kind and number. ``const``: that number. ``sp``: the stack pointer at the function's entry plus
#: the number. ``ret``: where the function returns to. ``index``: an address in a table that
#: starts at the number. ``word``, ``byte``, ``half``: an entry of the table at the number;
#: ``byte2``, ``half2``: twice that entry. Decoders add kinds of their own.
Value = tuple[str, int]
Known = Value | None

RETURN: Final[Value] = ("ret", 0)


class Unbounded(Exception):
    """No bound can be proven; the text says where and why."""


@dataclass(frozen=True, slots=True)
class State:
    """What is certain before an instruction executes.

    ``depth`` bytes lie below the stack pointer of the function's entry; ``regs``
    has a value per register or None; ``slot`` is a stack offset and what was saved there: the
    return address, or before that a number; ``mode`` is the decoder's own.
    """

    depth: int
    regs: tuple[Known, ...]
    slot: tuple[int, Value] | None = None
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

    def called(self, clobbered: frozenset[int]) -> State:
        """Return the state after a call that may change some registers and numbers in memory."""
        slot = self.slot if self.slot is None or self.slot[1] == RETURN else None
        return replace(self.forget(clobbered), slot=slot)

    def save(self, place: Known, value: Known) -> State:
        """Return the state after a register was stored: where the return address lies."""
        if place is None or place[0] != "sp":
            return self
        if value == RETURN:
            return replace(self, slot=(place[1], RETURN))
        if self.slot is not None and self.slot[0] == place[1]:
            return replace(self, slot=None)
        if value is None or value[0] != "const" or self.slot is not None:
            return self
        return replace(self, slot=(place[1], value))

    def saved(self, place: Value) -> Known:
        """Return what is known of a word on the stack."""
        return self.slot[1] if self.slot is not None and self.slot[0] == place[1] else None

    def moved(self, delta: int) -> State:
        """Return the state ``delta`` bytes deeper. Raises Unbounded above the entry."""
        if self.depth + delta < 0:
            raise Unbounded("releases stack that the function does not own")
        return replace(self, depth=self.depth + delta)


@dataclass(frozen=True, slots=True)
class Step:
    """What an instruction may do: where it goes on, what it calls, whether it returns.

    ``callback`` is a call through a pointer whose value is not in the file.
    """

    next: tuple[tuple[int, State], ...] = ()
    call: int | None = None
    callback: bool = False


def merge(old: State | None, new: State) -> State:
    """Return what holds on both paths. Raises Unbounded for different depths."""
    if old is None or old == new:
        return new
    if old.depth != new.depth:
        raise Unbounded(f"two paths meet with {old.depth} and {new.depth} bytes on the stack")
    regs = tuple(a if a == b else None for a, b in zip(old.regs, new.regs, strict=True))
    slot = old.slot if old.slot == new.slot else None
    return replace(new, regs=regs, slot=slot)


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
