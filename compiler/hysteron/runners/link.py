"""Linker scripts, written from a memory map."""

from __future__ import annotations

from hysteron.targets import MemoryMap

#: No program of ours needs more; on large boards it bounds what is painted and searched.
MAX_STACK = 64 * 1024

# hyst_* are for start-up code. __global_pointer$ is left out on purpose: with it, RISC-V linkers
# relax accesses to go through gp, which nobody sets when functions are called one by one.
_SCRIPT = """\
MEMORY {{
{vectors_memory}  FLASH (rx) : ORIGIN = {m.flash_base:#x}, LENGTH = {m.flash_bytes:#x}
  RAM (rwx) : ORIGIN = {m.ram_base:#x}, LENGTH = {m.ram_bytes:#x}
}}
SECTIONS {{
  .vectors : {{ KEEP(*(.vectors)) }} > {vectors}
  .text : {{ *(.text .text.*) }} > FLASH
  .rodata : {{ *(.rodata .rodata.* .srodata .srodata.*) }} > FLASH
  .data : {{
    hyst_data_start = .;
    *(.data .data.* .sdata .sdata.*)
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
  /DISCARD/ : {{ *(.ARM.exidx .ARM.exidx.* .ARM.extab .ARM.extab.* .comment .note.* .eh_frame) }}
}}
"""


def linker_script(memory: MemoryMap, vectors_base: int | None = None) -> str:
    """Return a GNU ld script for a memory map.

    ``vectors_base`` is where the processor starts, when that is not in flash.
    """
    top = (memory.ram_base + memory.ram_bytes) & -16
    vectors_memory = ""
    if vectors_base is not None:
        vectors_memory = f"  VECTORS (rx) : ORIGIN = {vectors_base:#x}, LENGTH = 0x400\n"
    return _SCRIPT.format(
        m=memory,
        vectors="FLASH" if vectors_base is None else "VECTORS",
        vectors_memory=vectors_memory,
        stack_limit=max(memory.ram_base, top - MAX_STACK),
        stack_top=top,
    )
