"""Runs functions of an unchanged ELF file on an emulated Cortex-M, and counts.

Counts are executed instructions, exact and repeatable, taken from every
translated block (an instruction in an IT block counts whether or not its
condition held). They are not cycles.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from hysteron.errors import CapacityError, InternalError, ToolchainError
from hysteron.targets import Isa, MemoryMap

# An optional extra, and only half typed: EmulatedMcu says so when it is missing.
_HAVE_UNICORN: Final = importlib.util.find_spec("unicorn") is not None
uc: Any = importlib.import_module("unicorn") if _HAVE_UNICORN else None
arm: Any = importlib.import_module("unicorn.arm_const") if _HAVE_UNICORN else None

_PAGE: Final = 0x1000
# Two pages of their own, outside the code, SRAM and peripheral ranges of Armv7-M.
_STOP: Final = 0x9000_0000
_PAINT: Final = 0xA5
_MAX_STACK: Final = 64 * 1024
_CPU_MODELS: Final = {
    "cortex-m0": "UC_CPU_ARM_CORTEX_M0",
    "cortex-m3": "UC_CPU_ARM_CORTEX_M3",
    "cortex-m4": "UC_CPU_ARM_CORTEX_M4",
    "cortex-m7": "UC_CPU_ARM_CORTEX_M7",
    "cortex-m33": "UC_CPU_ARM_CORTEX_M33",
}


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
        self._memory = _memory_of(isa, memory)
        self._uc = _new_core(isa)
        self.instructions = 0
        """Instructions of the last call."""
        self.peak_stack = 0
        """Deepest stack of the last call, in bytes, found by painting."""
        self._budget = 0
        self._stopped = ""
        self._lengths: dict[tuple[int, int], int] = {}
        self._watched: dict[int, tuple[str, Callable[[Return], None]]] = {}
        self._frames: list[_Frame] = []
        self._symbols: dict[str, tuple[int, int]] = {}
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
            self._uc.mem_map(base, -(-size // _PAGE) * _PAGE, rights)

    def _load(self, path: Path) -> int:
        """Write the segments, keep the symbols; return the first free RAM address."""
        end = self._memory.ram_base
        with path.open("rb") as stream:
            elf = ELFFile(stream)
            for segment in elf.iter_segments("PT_LOAD"):
                self._uc.mem_write(segment["p_vaddr"], segment.data())
                if segment["p_vaddr"] >= self._memory.ram_base:
                    end = max(end, segment["p_vaddr"] + segment["p_memsz"])
            for section in elf.iter_sections():
                if isinstance(section, SymbolTableSection):
                    for symbol in section.iter_symbols():
                        place = (symbol["st_value"], symbol["st_size"])
                        if symbol.name and symbol["st_shndx"] != "SHN_UNDEF":
                            self._symbols[symbol.name] = place
        return end

    def symbol(self, name: str) -> tuple[int, int]:
        """Return (address, bytes) of a symbol, Thumb bit cleared. Raises ToolchainError."""
        try:
            address, size = self._symbols[name]
        except KeyError:
            raise ToolchainError(f"no symbol '{name}' in the linked file") from None
        return address & ~1 if self._in_flash(address) else address, size

    def _in_flash(self, address: int) -> bool:
        return 0 <= address - self._memory.flash_base < self._memory.flash_bytes

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
        """Call a function by the AAPCS and return R0 as a signed 32-bit integer.

        Sets ``instructions`` and ``peak_stack``. Raises ToolchainError for a
        fault or after ``max_instructions``, CapacityError when the stack meets
        the data.
        """
        entry, _ = self.symbol(symbol)
        top = (self._memory.ram_base + self._memory.ram_bytes) & ~7
        floor = max(-(-self._heap // 8) * 8, top - _MAX_STACK)
        sp = (top - 4 * max(0, len(args) - 4)) & ~7
        if sp <= floor:
            raise CapacityError("no RAM is left for a stack", where=f"{self._isa.name}: {symbol}")
        self._uc.mem_write(floor, bytes([_PAINT]) * (sp - floor))
        for index, value in enumerate(args[4:]):
            self._uc.mem_write(sp + 4 * index, (value & 0xFFFFFFFF).to_bytes(4, "little"))
        for register, value in zip(_argument_registers(), args[:4], strict=False):
            self._uc.reg_write(register, value & 0xFFFFFFFF)
        self._uc.reg_write(arm.UC_ARM_REG_SP, sp)
        self._uc.reg_write(arm.UC_ARM_REG_LR, _STOP | 1)
        self.instructions, self._budget, self._stopped = 0, max_instructions, ""
        self._frames.clear()
        self._emulate(entry, symbol)
        used = sp - floor - _painted(self.read(floor, sp - floor))
        self.peak_stack = used + (top - sp)
        if used == sp - floor:
            raise CapacityError(
                "the stack met the data or its limit",
                where=f"{self._isa.name}: {symbol}",
                got=f"{used:,} bytes or more",
                wanted=f"less than {sp - floor:,}",
            )
        result = int(self._uc.reg_read(arm.UC_ARM_REG_R0))
        return result - (1 << 32) if result >> 31 else result

    def _emulate(self, entry: int, symbol: str) -> None:
        where = f"emulated {self._isa.name}: {symbol}"
        try:
            self._uc.emu_start(entry | 1, _STOP)
        except uc.UcError as error:
            at = self._nearest(self._uc.reg_read(arm.UC_ARM_REG_PC))
            raise ToolchainError(f"the program faulted at {at}: {error}", where=where) from error
        pc = int(self._uc.reg_read(arm.UC_ARM_REG_PC))
        if self._stopped:
            raise ToolchainError(f"{self._stopped}, at {self._nearest(pc)}", where=where)
        if pc & ~1 != _STOP:
            raise InternalError(f"emulation ended at {pc:#x}", where=where)
        # The stop address is never a block of its own: fire what returned straight to it.
        self._pop(_STOP)

    def _nearest(self, address: int) -> str:
        starts = [(a & ~1, name) for name, (a, _) in self._symbols.items() if name[0] != "$"]
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
            self._lengths[key] = _thumb_instructions(bytes(core.mem_read(address, size)))
        self.instructions += self._lengths[key]
        if self.instructions > self._budget:
            self._stopped = f"more than {self._budget:,} instructions: stopped as hanging"
            core.emu_stop()

    def _push(self, symbol: str) -> None:
        read = self._uc.reg_read
        a, b, c, d = (int(read(register)) for register in _argument_registers())
        back = int(read(arm.UC_ARM_REG_LR)) & ~1
        sp = int(read(arm.UC_ARM_REG_SP))
        # A loop to the function's first instruction is not another call.
        if self._frames and (self._frames[-1].symbol, self._frames[-1].sp) == (symbol, sp):
            return
        self._frames.append(_Frame(symbol, back, sp, (a, b, c, d), self.instructions))

    def _pop(self, address: int) -> None:
        """Report every watched call that returned here, innermost first (tail calls share it)."""
        sp = int(self._uc.reg_read(arm.UC_ARM_REG_SP))
        while self._frames and self._frames[-1].back == address and self._frames[-1].sp <= sp:
            frame = self._frames.pop()
            result = int(self._uc.reg_read(arm.UC_ARM_REG_R0))
            own = self.instructions - frame.started
            callback = self._watched[self.symbol(frame.symbol)[0]][1]
            callback(Return(frame.symbol, frame.args, result, own))

    def _on_access(
        self, core: Any, kind: int, address: int, size: int, value: int, data: object
    ) -> None:
        if address % min(size, 4):
            self._stopped = f"unaligned {size}-byte access to {address:#x}"
            core.emu_stop()


def _memory_of(isa: Isa, memory: MemoryMap | None) -> MemoryMap:
    if isa.emulator is None:
        raise ToolchainError(f"{isa.name} has no emulator", fix="use the host runner")
    return memory or isa.emulator.memory


def _new_core(isa: Isa) -> Any:
    if not _HAVE_UNICORN:
        raise ToolchainError("unicorn is not installed", fix="pip install 'hysteron[mcu]'")
    cpu = isa.emulator.cpu if isa.emulator else ""
    if cpu not in _CPU_MODELS:
        raise ToolchainError(
            "unicorn has no such processor model",
            where=isa.name,
            got=f"'{cpu}'",
            wanted=f"one of: {', '.join(_CPU_MODELS)}",
        )
    core = uc.Uc(uc.UC_ARCH_ARM, uc.UC_MODE_THUMB | uc.UC_MODE_MCLASS)
    core.ctl_set_cpu_model(getattr(arm, _CPU_MODELS[cpu]))
    return core


def _argument_registers() -> tuple[int, int, int, int]:
    return (arm.UC_ARM_REG_R0, arm.UC_ARM_REG_R1, arm.UC_ARM_REG_R2, arm.UC_ARM_REG_R3)


def _thumb_instructions(code: bytes) -> int:
    """Count instructions: 32 bits when the first halfword starts with 0b11101 or more (A5.1)."""
    count = at = 0
    while at < len(code):
        at += 4 if code[at + 1] >> 3 >= 0b11101 else 2
        count += 1
    return count


def _painted(stack: bytes) -> int:
    """Return how many bytes from the bottom still hold the paint."""
    return len(stack) - len(stack.lstrip(bytes([_PAINT])))
