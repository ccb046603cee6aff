"""Runs functions of an unchanged ELF file on an emulated processor, and counts.

Counts are executed instructions, exact and repeatable, taken from every
translated block (an instruction in an IT block counts whether or not its
condition held). They are not cycles.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from elftools.elf.elffile import ELFFile

from hysteron.errors import CapacityError, InternalError, ToolchainError
from hysteron.runners.elf import read_symbols
from hysteron.runners.machines import Machine, machine, new_core, uc
from hysteron.targets import Emulator, Isa, MemoryMap

_PAGE: Final = 0x1000
# Two pages of their own, outside the code, SRAM and peripheral ranges of every part.
_STOP: Final = 0x9000_0000
_PAINT: Final = 0xA5
_MAX_STACK: Final = 64 * 1024
# What the RISC-V calling convention asks for; the AAPCS asks for 8.
_STACK_ALIGN: Final = 16


@dataclass(frozen=True, slots=True)
class Return:
    """A watched function came back: its first four arguments, result and own instructions."""

    symbol: str
    args: tuple[int, int, int, int]
    result: int
    instructions: int


@dataclass(slots=True)
class _Frame:
    symbol: str
    back: int
    sp: int
    args: tuple[int, int, int, int]
    started: int


class EmulatedMcu:
    """One emulated part with an ELF file loaded; memory persists between calls.

    ``memory`` must be the map the file was linked for (default: the
    instruction set's). ``strict_alignment`` traps accesses that fault on
    Armv6-M; it is slow and meant for tests. Raises ToolchainError without
    unicorn or for a processor it does not model.
    """

    def __init__(
        self,
        elf_path: Path,
        isa: Isa,
        *,
        memory: MemoryMap | None = None,
        strict_alignment: bool = False,
    ) -> None:
        self._isa = isa
        self._emulator = _emulator_of(isa)
        self._memory = memory or self._emulator.memory
        self._uc = new_core(self._emulator, isa.name)
        self._machine: Machine = machine(self._emulator)
        self.version = f"unicorn {uc.__version__}, {self._emulator.cpu}"
        """The emulator and the processor it models: counts are keyed by it."""
        self.instructions = 0
        """Instructions of the last call."""
        self.peak_stack = 0
        """Deepest stack of the last call, in bytes, found by painting."""
        self._budget = 0
        self._stopped = ""
        self._lengths: dict[tuple[int, int], int] = {}
        self._watched: dict[int, tuple[str, Callable[[Return], None]]] = {}
        self._frames: list[_Frame] = []
        self._extras: set[int] = set()
        self._symbols = read_symbols(elf_path)
        self._map()
        self._heap = self._load(elf_path)
        self._uc.hook_add(uc.UC_HOOK_BLOCK, self._on_block)
        if strict_alignment:
            kinds = uc.UC_HOOK_MEM_READ | uc.UC_HOOK_MEM_WRITE
            self._uc.hook_add(kinds, self._on_access)

    def _map(self) -> None:
        m = self._memory
        for base, size, rights in (
            (m.flash_base, m.flash_bytes, uc.UC_PROT_READ | uc.UC_PROT_EXEC),
            (m.ram_base, m.ram_bytes, uc.UC_PROT_READ | uc.UC_PROT_WRITE),
            (_STOP, _PAGE, uc.UC_PROT_READ | uc.UC_PROT_EXEC),
        ):
            start, end = base & -_PAGE, -(-(base + size) // _PAGE) * _PAGE
            try:
                self._uc.mem_map(start, end - start, rights)
            except uc.UcError as error:
                raise ToolchainError(
                    "unicorn cannot map this memory",
                    where=self._isa.name,
                    got=f"{size:,} bytes at {base:#x}",
                    wanted=f"regions that share no page of {_PAGE} bytes, none at {_STOP:#x}",
                ) from error

    def _load(self, path: Path) -> int:
        """Write the segments; return the first free RAM address."""
        end = self._memory.ram_base
        with path.open("rb") as stream:
            elf = ELFFile(stream)
            for segment in elf.iter_segments("PT_LOAD"):
                self._map_extra(segment["p_vaddr"])
                self._uc.mem_write(segment["p_vaddr"], segment.data())
                if 0 <= segment["p_vaddr"] - self._memory.ram_base < self._memory.ram_bytes:
                    end = max(end, segment["p_vaddr"] + segment["p_memsz"])
        return end

    def _map_extra(self, address: int) -> None:
        """Map the extra memory that a segment lies in; others may share their addresses."""
        for one in self._memory.extras:
            if one.base <= address < one.base + one.nbytes and one.base not in self._extras:
                self._extras.add(one.base)
                self._uc.mem_map(one.base, -(-one.nbytes // _PAGE) * _PAGE, uc.UC_PROT_READ)

    def symbol(self, name: str) -> tuple[int, int]:
        """Return (address, bytes) of a symbol, mode bit cleared. Raises ToolchainError."""
        try:
            found = self._symbols[name]
        except KeyError:
            raise ToolchainError(f"no symbol '{name}' in the linked file") from None
        bit = self._machine.code_bit if found.is_code else 0
        return found.address & ~bit, found.size

    def alloc(self, size: int, align: int = 8) -> int:
        """Reserve RAM behind the program's own data. Raises CapacityError."""
        address = -(-self._heap // align) * align
        top = self._memory.ram_base + self._memory.ram_bytes
        if address + size > top:
            raise CapacityError(
                "emulated RAM is full",
                where=self._isa.name,
                got=f"{size:,} bytes more",
                wanted=f"at most {top - address:,}",
            )
        self._heap = address + size
        return address

    def write(self, address: int, data: bytes) -> None:
        """Write bytes as a debugger would: flash too. Raises ToolchainError outside memory."""
        try:
            self._uc.mem_write(address, data)
        except uc.UcError as error:
            raise ToolchainError(f"cannot write to {address:#x}: {error}") from error

    def read(self, address: int, size: int) -> bytes:
        """Read bytes. Raises ToolchainError outside memory."""
        try:
            return bytes(self._uc.mem_read(address, size))
        except uc.UcError as error:
            raise ToolchainError(f"cannot read from {address:#x}: {error}") from error

    def on_return(self, symbol: str, callback: Callable[[Return], None]) -> None:
        """Call ``callback`` each time a (not inlined) function returns, memory as it left it."""
        self._watched[self.symbol(symbol)[0]] = (symbol, callback)

    def call(self, symbol: str, *args: int, max_instructions: int = 2_000_000_000) -> int:
        """Call a function by the C calling convention; return its signed 32-bit result.

        Sets ``instructions`` and ``peak_stack``. Raises ToolchainError for a
        fault or after ``max_instructions``, CapacityError when the stack meets
        the data.
        """
        entry, _ = self.symbol(symbol)
        m = self._machine
        in_registers = len(m.arguments)
        top = (self._memory.ram_base + self._memory.ram_bytes) & -_STACK_ALIGN
        floor = max(-(-self._heap // 8) * 8, top - _MAX_STACK)
        sp = (top - 4 * max(0, len(args) - in_registers)) & -_STACK_ALIGN
        if sp <= floor:
            raise CapacityError("no RAM is left for a stack", where=f"{self._isa.name}: {symbol}")
        self._uc.mem_write(floor, bytes([_PAINT]) * (sp - floor))
        for index, value in enumerate(args[in_registers:]):
            self._uc.mem_write(sp + 4 * index, (value & 0xFFFFFFFF).to_bytes(4, "little"))
        for register, value in zip(m.arguments, args[:in_registers], strict=False):
            self._uc.reg_write(register, value & 0xFFFFFFFF)
        self._uc.reg_write(m.sp, sp)
        self._uc.reg_write(m.link, _STOP | m.code_bit)
        self.instructions, self._budget, self._stopped = 0, max_instructions, ""
        self._frames.clear()
        try:
            self._emulate(entry, symbol)
        except ToolchainError:
            # A stack that has overwritten the data is why, whatever came of it.
            self._check_stack(symbol, floor, sp)
            raise
        self.peak_stack = self._check_stack(symbol, floor, sp) + (top - sp)
        result = int(self._uc.reg_read(self._machine.arguments[0]))
        return result - (1 << 32) if result >> 31 else result

    def _check_stack(self, symbol: str, floor: int, sp: int) -> int:
        """Return how many bytes below ``sp`` lost their paint; raise CapacityError when all did."""
        used = sp - floor - _painted(self.read(floor, sp - floor))
        if used == sp - floor:
            raise CapacityError(
                "the stack met the data or its limit",
                where=f"{self._isa.name}: {symbol}",
                got=f"{used:,} bytes or more",
                wanted=f"less than {sp - floor:,}",
            )
        return used

    def _emulate(self, entry: int, symbol: str) -> None:
        where = f"emulated {self._isa.name}: {symbol}"
        try:
            self._uc.emu_start(entry | self._machine.code_bit, _STOP)
        except uc.UcError as error:
            at = self._nearest(self._uc.reg_read(self._machine.pc))
            raise ToolchainError(f"the program faulted at {at}: {error}", where=where) from error
        pc = int(self._uc.reg_read(self._machine.pc))
        if self._stopped:
            raise ToolchainError(f"{self._stopped}, at {self._nearest(pc)}", where=where)
        if pc & ~self._machine.code_bit != _STOP:
            raise InternalError(f"emulation ended at {pc:#x}", where=where)
        # The stop address is never a block of its own: fire what returned straight to it.
        self._pop(_STOP)

    def _nearest(self, address: int) -> str:
        bit = self._machine.code_bit
        starts = [(one.address & ~bit, one.name) for one in self._symbols.values()]
        base, name = max((one for one in starts if one[0] <= address), default=(0, "?"))
        return f"{name}+{address - base:#x}"

    def _on_block(self, core: Any, address: int, size: int, data: object) -> None:
        if self._frames and address == self._frames[-1].back:
            self._pop(address)
        if address in self._watched:
            self._push(self._watched[address][0])
        if address == _STOP:
            return
        key = (address, size)
        if key not in self._lengths:
            self._lengths[key] = self._machine.instructions_in(bytes(core.mem_read(address, size)))
        self.instructions += self._lengths[key]
        if self.instructions > self._budget:
            self._stopped = f"more than {self._budget:,} instructions: stopped as hanging"
            core.emu_stop()

    def _push(self, symbol: str) -> None:
        read = self._uc.reg_read
        a, b, c, d = (int(read(register)) for register in self._machine.arguments[:4])
        back = int(read(self._machine.link)) & ~self._machine.code_bit
        sp = int(read(self._machine.sp))
        # A loop to the function's first instruction is not another call.
        if self._frames and (self._frames[-1].symbol, self._frames[-1].sp) == (symbol, sp):
            return
        self._frames.append(_Frame(symbol, back, sp, (a, b, c, d), self.instructions))

    def _pop(self, address: int) -> None:
        """Report every watched call that returned here, innermost first (tail calls share it)."""
        sp = int(self._uc.reg_read(self._machine.sp))
        while self._frames and self._frames[-1].back == address and self._frames[-1].sp <= sp:
            frame = self._frames.pop()
            result = int(self._uc.reg_read(self._machine.arguments[0]))
            own = self.instructions - frame.started
            callback = self._watched[self.symbol(frame.symbol)[0]][1]
            callback(Return(frame.symbol, frame.args, result, own))

    def _on_access(
        self, core: Any, kind: int, address: int, size: int, value: int, data: object
    ) -> None:
        if address % min(size, 4):
            self._stopped = f"unaligned {size}-byte access to {address:#x}"
            core.emu_stop()


def _emulator_of(isa: Isa) -> Emulator:
    found = next((one for one in isa.emulators if one.kind == "unicorn"), None)
    if found is None:
        raise ToolchainError(f"{isa.name} does not run on unicorn")
    return found


def _painted(stack: bytes) -> int:
    """Return how many bytes from the bottom still hold the paint."""
    return len(stack) - len(stack.lstrip(bytes([_PAINT])))
