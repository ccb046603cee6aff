"""Links generated C into a freestanding ELF file: own linker script, no libc.

Without start-up code the emulator plays the debugger's part: it loads the
segments, sets the stack pointer and calls functions by symbol. With it the file
is an image that boots by itself.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import Section, SymbolTableSection

from hysteron._assets import asset_dir
from hysteron.errors import CapacityError, ToolchainError
from hysteron.runners.link import linker_script, memory_name
from hysteron.runners.toolchain import Toolchain, probe
from hysteron.targets import Emulator, Isa, MemoryMap

_LINK_S = 300.0


@dataclass(frozen=True, slots=True)
class ElfInfo:
    """A linked file and what it costs.

    ``flash_bytes``: code, constants and the initial values of data;
    ``ram_bytes``: data and bss, without the stack. ``flash_parts`` and
    ``ram_parts`` say which functions and objects they are. ``compiler`` is a
    name, not a path, so that reports are the same on every machine.
    """

    path: Path
    flash_bytes: int
    ram_bytes: int
    compiler: str
    version: str
    flags: tuple[str, ...]
    flash_parts: Mapping[str, int]
    ram_parts: Mapping[str, int]


def compile_objects(
    c_files: Sequence[Path],
    include_dirs: Sequence[Path],
    isa: Isa,
    folder: Path,
    *,
    family: str | None = None,
    defines: Sequence[str] = (),
) -> list[Path]:
    """Compile ``c_files`` into object files for several calls of ``build_elf``.

    Zig takes one file at a time and keeps its objects anyway: it gets the sources.
    Raises ToolchainError with the compiler's first errors.
    """
    tools = probe(isa, family)
    if tools.family == "zig":
        return list(c_files)
    parents = list(dict.fromkeys(path.parent for path in c_files))
    objects = []
    for number, parent in enumerate(parents):
        # A folder of objects per folder of sources: their names may be the same.
        own = folder / f"objects{number}"
        own.mkdir(parents=True, exist_ok=True)
        files = [path for path in c_files if path.parent == parent]
        command = [
            *_compile_command(tools, include_dirs, defines),
            "-c",
            *(str(path.resolve()) for path in files),
        ]
        _run(command, isa, tools, None, str(own))
        objects += [own / f"{path.stem}.o" for path in files]
    return objects


def _compile_command(
    tools: Toolchain, include_dirs: Sequence[Path], defines: Sequence[str]
) -> list[str]:
    return [
        *tools.command,
        *tools.flags,
        *(f"-D{define}" for define in defines),
        *(f"-I{folder.resolve()}" for folder in include_dirs),
        *("-isystem", str(asset_dir("runtime_c") / "freestanding")),
    ]


def build_elf(
    c_files: Sequence[Path],
    include_dirs: Sequence[Path],
    isa: Isa,
    out: Path,
    entry_symbols: Sequence[str],
    *,
    memory: MemoryMap | None = None,
    family: str | None = None,
    defines: Sequence[str] = (),
    boot: Emulator | None = None,
) -> ElfInfo:
    """Compile and link ``c_files`` into ``out``; keep ``entry_symbols`` and what they reach.

    Files may be objects that ``compile_objects`` made for the same ``isa`` and
    ``family``. ``memory`` is a part's map (default: the instruction set's own),
    ``family`` forces a compiler family, ``defines`` are ``NAME`` or ``NAME=VALUE``.
    With ``boot`` the image starts by itself in that emulator, on its own map (simavr: the part's).
    Raises CapacityError when a memory overflows, ToolchainError with the
    compiler's first errors otherwise.
    """
    tools = probe(isa, family)
    memory = _memory_of(isa, memory, boot)
    extra = asset_dir("runtime_c") / "freestanding"
    own = ("mem.c", *(("boot.c", f"boot_{boot.arch}.c".replace("-", "_")) if boot else ()))
    entry = "hyst_reset" if boot else entry_symbols[0]
    with tempfile.TemporaryDirectory(prefix="hysteron-") as scratch:
        script = Path(scratch) / "link.ld"
        vectors = boot.vectors_base if boot else None
        avr = isa.emulator is not None and isa.emulator.arch == "avr"
        text = linker_script(memory, vectors, avr=avr)
        script.write_text(text, encoding="ascii")
        command = [
            *_compile_command(tools, include_dirs, defines),
            *(str(path.resolve()) for path in (*c_files, *(extra / name for name in own))),
            *tools.link_flags,
            *(f"-Wl,-u,{name}" for name in entry_symbols),
            f"-Wl,--entry={entry}",
            f"-Wl,-T,{script}",
            *("-o", str(out.resolve())),
            *tools.libraries,
        ]
        _run(command, isa, tools, memory, scratch)
    flash, ram = _sizes(out)
    flash_parts, ram_parts = _parts(out)
    name = "ziglang cc" if tools.family == "zig" else tools.command[0]
    flags = (*tools.flags, *(f"-D{define}" for define in defines))
    return ElfInfo(out, flash, ram, name, tools.version, flags, flash_parts, ram_parts)


def _parts(path: Path) -> tuple[dict[str, int], dict[str, int]]:
    """Return the functions and objects that make up flash and RAM, by name."""
    flash: dict[str, int] = {}
    ram: dict[str, int] = {}
    with path.open("rb") as stream:
        writable = [_is_ram(section) for section in ELFFile(stream).iter_sections()]
    for symbol in read_symbols(path).values():
        if symbol.section is not None and symbol.size > 0:
            parts = ram if writable[symbol.section] else flash
            parts[symbol.name] = symbol.size
    return flash, ram


def _is_ram(section: Section) -> bool:
    """Return whether a section is in RAM: .data may hold nothing but constants placed there."""
    return bool(section["sh_flags"] & SH_FLAGS.SHF_WRITE) or section.name == ".data"


def _memory_of(isa: Isa, memory: MemoryMap | None, boot: Emulator | None) -> MemoryMap:
    # simavr is the part itself; QEMU is a board with memories of its own.
    if boot is not None and (memory is None or boot.kind != "simavr"):
        if memory is None or (room := boot.ram_at(memory)) == 0:
            return boot.memory
        return msgspec.structs.replace(boot.memory, ram_base=memory.ram_base, ram_bytes=room)
    if memory is not None:
        return memory
    if isa.emulator is None:
        raise ToolchainError(f"{isa.name} has no emulator", fix="use the host runner")
    return isa.emulator.memory


@dataclass(frozen=True, slots=True)
class Symbol:
    """A symbol of a linked file; ``section`` is its index, None for an absolute one."""

    name: str
    address: int
    size: int
    is_code: bool
    section: int | None


def read_symbols(path: Path) -> dict[str, Symbol]:
    """Return the defined symbols of a linked file by name, compiler-made marks left out."""
    found: dict[str, Symbol] = {}
    with path.open("rb") as stream:
        for table in ELFFile(stream).iter_sections("SHT_SYMTAB"):
            assert isinstance(table, SymbolTableSection)
            for one in table.iter_symbols():
                place = one["st_shndx"]
                if not one.name or one.name[0] == "$" or place == "SHN_UNDEF":
                    continue
                code = one["st_info"]["type"] == "STT_FUNC"
                section = place if isinstance(place, int) else None
                found[one.name] = Symbol(one.name, one["st_value"], one["st_size"], code, section)
    return found


def symbol_bytes(path: Path, symbol: Symbol) -> bytes:
    """Return what a linked file holds at a symbol with contents."""
    assert symbol.section is not None
    with path.open("rb") as stream:
        section = ELFFile(stream).get_section(symbol.section)
        at = symbol.address - section["sh_addr"]
        return bytes(section.data()[at : at + symbol.size])


def write_symbol(path: Path, symbol: Symbol, data: bytes) -> None:
    """Overwrite what a linked file holds at a symbol: a flash with other contents."""
    assert symbol.section is not None and len(data) <= symbol.size
    with path.open("r+b") as stream:
        section = ELFFile(stream).get_section(symbol.section)
        stream.seek(section["sh_offset"] + symbol.address - section["sh_addr"])
        stream.write(data)


def _run(
    command: list[str], isa: Isa, tools: Toolchain, memory: MemoryMap | None, folder: str
) -> None:
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=_LINK_S
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ToolchainError("cannot run the compiler", where=isa.name, got=str(error)) from error
    if done.returncode == 0:
        return
    full = re.search(r"region '?`?(\w+)'?:? overflowed by (\d+) bytes", done.stderr)
    if full and memory is not None:
        sizes = {"FLASH": memory.flash_bytes, "RAM": memory.ram_bytes}
        have = sizes.get(full[1]) or _extra_bytes(memory, full[1])
        raise CapacityError(
            f"the program does not fit into {full[1]}",
            where=isa.name,
            got=f"{have + int(full[2]):,} bytes",
            wanted=f"at most {have:,}",
            fix="choose a larger part or a smaller model",
        )
    # The linker script says the first; GCC for AVR the second, of one array beyond 32,767 bytes.
    if re.search(r"images do not fit|size of array .* is too large", done.stderr):
        raise CapacityError(
            "images do not fit into the part of flash that loads reach",
            where=isa.name,
            wanted="at most 32,768 bytes of images and vectors",
            fix="choose a part with one address space or a smaller model",
        )
    errors = [line for line in done.stderr.splitlines() if "error" in line or "undefined" in line]
    raise ToolchainError(
        "compiling failed",
        where=f"{isa.name}, {tools.version}",
        got=" | ".join((errors or done.stderr.strip().splitlines() or ["no message"])[:5]),
    )


def _extra_bytes(memory: MemoryMap, name: str) -> int:
    """Return the size of an extra memory by its name in the linker script."""
    return next(one.nbytes for one in memory.extras if memory_name(one) == name)


def _sizes(path: Path) -> tuple[int, int]:
    """Return (flash, RAM) bytes of the sections that occupy memory on the part."""
    flash = ram = 0
    with path.open("rb") as stream:
        for section in ELFFile(stream).iter_sections():
            flags, size = section["sh_flags"], section["sh_size"]
            if not flags & SH_FLAGS.SHF_ALLOC:
                continue
            if section["sh_type"] != "SHT_NOBITS":
                flash += size
            if _is_ram(section):
                ram += size
    return flash, ram
