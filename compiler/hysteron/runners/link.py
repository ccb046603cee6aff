"""Linker scripts, written from a memory map."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hysteron.targets import ExtraMemory, Mcu, MemoryMap

#: No program of ours needs more; on large boards it bounds what is painted and searched.
MAX_STACK = 64 * 1024

# Jumps of AVR through 16-bit addresses reach 128 KB: the linker's stubs for what lies beyond come
# first, and so do tables of such addresses. hyst_* are for start-up code. __global_pointer$ is left
# out on purpose: with it, RISC-V linkers relax accesses to go through gp, which nobody sets when
# functions are called one by one.
_SCRIPT = """\
MEMORY {{
{vectors_memory}  FLASH (rx) : ORIGIN = {m.flash_base:#x}, LENGTH = {m.flash_bytes:#x}
  RAM (rwx) : ORIGIN = {ram_base:#x}, LENGTH = {m.ram_bytes:#x}
{extra_memories}}}
SECTIONS {{
  .vectors : {{ KEEP(*(.vectors)) }} > {vectors}
  .progmem : {{
    *(.progmem.gcc*) *(.trampolines .trampolines.*) *(.progmem .progmem.*)
    hyst_images_end = .;
  }} > FLASH
  .text : {{ *(.text .text.*) }} > FLASH
{rodata}  .hyst_code : {{ *(.hyst_code) }} > FLASH
{extras}  .data : {{
    hyst_data_start = .;
    *(.data .data.* .sdata .sdata.* .hyst_*{data})
    hyst_data_end = .;
  }} > RAM AT> FLASH
  hyst_data_load = LOADADDR(.data);
  .bss (NOLOAD) : {{
    hyst_bss_start = .;
    *(.bss .bss.* .sbss .sbss.* COMMON)
    hyst_bss_end = .;
  }} > RAM
  hyst_stack_limit = ALIGN(MAX(hyst_bss_end, {stack_limit:#x}), 16);
  hyst_stack_top = {stack_top:#x};
{check}  /DISCARD/ : {{
    *(.ARM.exidx .ARM.exidx.* .ARM.extab .ARM.extab.* .comment .note.* .eh_frame)
  }}
}}
"""


#: What the C compiler adds to addresses of AVR's data space, so that one linker serves two spaces.
AVR_DATA = 0x80_0000
# Without ELPM loads from flash take a 15-bit address (hyst/abi.h).
_CHECK = '  ASSERT(hyst_images_end <= 0x8000, "images do not fit into the first 32 KB of flash")\n'
_NEAR = 0x1_0000
_RODATA = ".rodata .rodata.* .srodata .srodata.*"


def linker_script(memory: MemoryMap, vectors_base: int | None = None, *, avr: bool = False) -> str:
    """Return a GNU ld script for a memory map.

    ``vectors_base`` is where the processor starts, when that is not in flash.
    On AVR constants outside of images are data: only special loads read flash.
    """
    base = memory.ram_base + (AVR_DATA if avr else 0)
    top = base + memory.ram_bytes
    top = top - 1 if avr else top & -16
    vectors_memory = ""
    if vectors_base is not None:
        vectors_memory = f"  VECTORS (rx) : ORIGIN = {vectors_base:#x}, LENGTH = 0x400\n"
    return _SCRIPT.format(
        m=memory,
        ram_base=base,
        vectors="FLASH" if vectors_base is None else "VECTORS",
        vectors_memory=vectors_memory,
        extra_memories="".join(
            f"  {memory_name(one)} (rwx) : ORIGIN = {one.base:#x}, LENGTH = {one.nbytes:#x}\n"
            for one in memory.extras
        ),
        extras="".join(_extra(one) for one in memory.extras),
        rodata="" if avr else f"  .rodata : {{ *({_RODATA}) }} > FLASH\n",
        data=f" {_RODATA}" if avr else "",
        check=_CHECK if avr and memory.flash_bytes <= _NEAR else "",
        stack_limit=max(base, top - MAX_STACK),
        stack_top=top,
    )


def placing(mcu: Mcu | None, regions: Sequence[str]) -> tuple[str, ...]:
    """Return the macros that put image regions into the part's memories of the same names."""
    if mcu is None:
        return ()
    code = mcu.region("code").name
    places = {one.name: "code" if one.name == code else _word(one.name) for one in mcu.regions}
    return tuple(
        f'HYST_SECTION_{region.upper()}=__attribute__((section(".hyst_{places[region]}")))'
        for region in regions
        if region in places
    )


def _word(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]", "_", name)


def memory_name(extra: ExtraMemory) -> str:
    """Return what the script calls an extra memory."""
    return f"X_{_word(extra.name)}"


def _extra(extra: ExtraMemory) -> str:
    section = f".hyst_{_word(extra.name)}"
    load = " AT> FLASH" if extra.copied else ""
    return f"  {section} : {{ *({section}) }} > {memory_name(extra)}{load}\n"
