"""What a target file may hold. Units are in the key names; sizes are bytes."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Status = Literal["stated", "derived", "third-party", "assumption"]


class Sourced(Struct, frozen=True, forbid_unknown_fields=True):
    """A number with where it comes from and how far to trust it.

    ``conflict`` says what another source says instead.
    """

    value: int
    status: Status
    source: str
    conflict: str = ""


class ExtraMemory(Struct, frozen=True, forbid_unknown_fields=True):
    """A memory that only what is placed there goes to; ``copied`` ones are filled at start."""

    name: str
    base: int
    nbytes: int
    copied: bool


class MemoryMap(Struct, frozen=True, forbid_unknown_fields=True):
    """Where code and data go, in bytes: what a linker script needs."""

    flash_base: int
    flash_bytes: int
    ram_base: int
    ram_bytes: int
    extras: tuple[ExtraMemory, ...] = ()


class Compiler(Struct, frozen=True, forbid_unknown_fields=True):
    """One way to compile for an instruction set.

    ``{python}`` in ``command`` is the running interpreter. ``libraries`` go
    last on the link line, and GCC's support library for ``libgcc_flags`` where
    its own choice would be another. ``install`` is the sentence a user needs.
    """

    family: Literal["gcc", "zig"]
    command: tuple[str, ...]
    flags: tuple[str, ...]
    link_flags: tuple[str, ...]
    install: str
    libraries: tuple[str, ...] = ()
    libgcc_flags: tuple[str, ...] = ()


class Emulator(Struct, frozen=True, forbid_unknown_fields=True):
    """One emulator of an instruction set, its processor model and default memory map.

    ``arch`` is a calling convention that the runners know, ``cpu`` the model as
    the emulator spells it, ``command`` starts an emulator that is a program.
    ``vectors_base`` is where the processor looks for its first instruction, if
    not at the start of flash. ``ram_windows`` are more memories of its board, first address and
    bytes: RAM of a part that fits into one lies there. ``uart`` is the kind of the first serial
    port (``runtime_c/freestanding/uart_<kind>.c``), at ``uart_base`` where the kind does not fix
    it (as QEMU's ``info mtree`` prints it). ``note`` is what a report must add.
    """

    kind: Literal["unicorn", "qemu", "simavr"]
    arch: Literal["arm-m", "riscv32", "avr"]
    cpu: str
    memory: MemoryMap
    install: str
    command: tuple[str, ...] = ()
    vectors_base: int | None = None
    ram_windows: tuple[tuple[int, int], ...] = ()
    uart: Literal["", "cmsdk", "16550", "nrf51", "avr"] = ""
    uart_base: int = 0
    note: str = ""

    def ram_at(self, memory: MemoryMap) -> int:
        """Return the bytes of the board's RAM from the start of a part's, 0 where it has not all.

        The harness of an emulated program needs room beside what the part has.
        """
        end = memory.ram_base + memory.ram_bytes
        fits = (
            base + size - memory.ram_base
            for base, size in self.ram_windows
            if base <= memory.ram_base and end <= base + size
        )
        return next(fits, 0)


class Isa(Struct, frozen=True, forbid_unknown_fields=True):
    """An instruction set: compilers and emulators in order of preference, kernels.

    ``kernel_suffixes`` are tried in order for ``op_<name>_<suffix>.c``; native
    sets (no ``emulators``) run on this machine and may need ``cpu_features``.
    ``list_scratch_bytes`` is the RAM that shared lists may take (docs/kernels.md),
    ``largest_array_bytes`` what its C compilers accept as one object (0: anything).
    ``layout_costs`` names the counts of passes/layout_costs.py that say where
    ``weight_layout`` pays.
    """

    schema: Literal[1]
    name: str
    title: str
    word_bits: Literal[32, 64]
    kernel_suffixes: tuple[str, ...]
    weight_layout: Literal["rows", "sliced"]
    compilers: tuple[Compiler, ...]
    cpu_features: tuple[str, ...] = ()
    emulators: tuple[Emulator, ...] = ()
    list_scratch_bytes: int = 4096
    largest_array_bytes: int = 0
    layout_costs: Literal["scalar", "cpop", "mve"] = "scalar"

    @property
    def emulator(self) -> Emulator | None:
        """The preferred emulator; None for native sets."""
        return self.emulators[0] if self.emulators else None


class Region(Struct, frozen=True, forbid_unknown_fields=True):
    """One memory of a part. ``code`` holds code and constants, ``data`` variables and stack.

    What nobody publishes stays None and is shown as not found.
    """

    name: str
    use: Literal["code", "data", "extra"]
    technology: Literal["flash", "external-flash", "eeprom", "sram", "mram", "rram"]
    base: Sourced
    size_bytes: Sourced
    write_unit_bytes: Sourced | None = None
    erase_unit_bytes: Sourced | None = None
    ecc_check_bits_per_16_bytes: Sourced | None = None
    endurance_cycles: Sourced | None = None
    retention_years: Sourced | None = None
    read_wait_states: Sourced | None = None


class Mcu(Struct, frozen=True, forbid_unknown_fields=True):
    """A real part: its instruction set, clock and memories, each number sourced.

    ``emulator_cpu`` is the part's own model, where its emulator has one.
    """

    schema: Literal[1]
    name: str
    title: str
    isa: str
    clock_hz: Sourced
    regions: tuple[Region, ...]
    active_current_ua: Sourced | None = None
    emulator_cpu: str = ""
    notes: tuple[str, ...] = ()

    def numbers(self) -> tuple[tuple[str, Sourced], ...]:
        """Return every sourced number with its key, regions in order."""
        found = [("clock_hz", self.clock_hz), ("active_current_ua", self.active_current_ua)]
        for region in self.regions:
            for name in region.__struct_fields__:
                if name not in ("name", "use", "technology"):
                    found.append((f"{region.name}.{name}", getattr(region, name)))
        return tuple((name, number) for name, number in found if number is not None)

    def region(self, use: str) -> Region:
        """Return the first region of a use; raises StopIteration when there is none."""
        return next(region for region in self.regions if region.use == use)


class Target(Struct, frozen=True):
    """What ``-t`` names: an instruction set, and the part when one was named."""

    name: str
    isa: Isa
    mcu: Mcu | None = None

    @property
    def is_host(self) -> bool:
        """True when the code runs natively on this machine."""
        return self.isa.emulator is None

    @property
    def memory(self) -> MemoryMap | None:
        """The part's memory map, else the instruction set's default; None on the host."""
        if self.mcu is None:
            return self.isa.emulator.memory if self.isa.emulator else None
        code, data = self.mcu.region("code"), self.mcu.region("data")
        return MemoryMap(
            flash_base=code.base.value,
            flash_bytes=code.size_bytes.value,
            ram_base=data.base.value,
            ram_bytes=data.size_bytes.value,
            extras=tuple(_extra(one) for one in self.mcu.regions if one.use == "extra"),
        )


def _extra(region: Region) -> ExtraMemory:
    copied = region.technology == "sram"
    return ExtraMemory(region.name, region.base.value, region.size_bytes.value, copied)
