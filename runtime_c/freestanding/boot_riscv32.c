/* SPDX-License-Identifier: Apache-2.0 */
/* Reset, traps and semihosting of RV32. */
#include "semihosting.h"

void hyst_reset(void);
void hyst_fault(void);

/* gp stays unset on purpose: the linker script defines no __global_pointer$, so nothing is relaxed to it. */
__attribute__((naked, section(".vectors"), used)) void hyst_reset(void)
{
    __asm__ volatile(
        "la sp, hyst_stack_top\n\t"
        "la t0, hyst_fault\n\t"
        "csrw mtvec, t0\n\t"
        "j hyst_boot\n");
}

/* mtvec wants 4-byte alignment; every trap ends the emulator with status 99. */
__attribute__((aligned(4))) void hyst_fault(void)
{
    hyst_host_exit(99);
}

/* The three instructions are one call only when uncompressed and in one 16-byte line (RISC-V semihosting 1.0). */
__attribute__((naked, noinline)) intptr_t hyst_semihosting(int operation __attribute__((unused)),
                                                           void *block __attribute__((unused)))
{
    __asm__ volatile(
        ".option push\n\t"
        ".option norvc\n\t"
        ".balign 16\n\t"
        "slli x0, x0, 0x1f\n\t"
        "ebreak\n\t"
        "srai x0, x0, 7\n\t"
        "ret\n\t"
        ".option pop\n");
}

__attribute__((naked, noinline)) uintptr_t hyst_stack_pointer(void)
{
    __asm__ volatile("mv a0, sp\n\tret");
}
