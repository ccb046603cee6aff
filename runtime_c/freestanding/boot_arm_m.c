/* SPDX-License-Identifier: Apache-2.0 */
/* Reset, faults and semihosting of Armv6-M to Armv8.1-M. */
#include "semihosting.h"

extern uint32_t hyst_stack_top[];
void hyst_reset(void);
void hyst_fault(void);

/* The first words of the machine's vector table; every fault ends the emulator with status 99. */
__attribute__((section(".vectors"), used)) const uintptr_t hyst_vectors[16] = {
    (uintptr_t)hyst_stack_top, (uintptr_t)hyst_reset, (uintptr_t)hyst_fault, (uintptr_t)hyst_fault,
    (uintptr_t)hyst_fault,     (uintptr_t)hyst_fault, (uintptr_t)hyst_fault, (uintptr_t)hyst_fault,
};

/* CP10 and CP11 (FPU, MVE) are on before any C: a compiler may use vectors in the first loop it sees, and
 * vectors trap until then. Armv6-M ignores the write. */
__attribute__((naked)) void hyst_reset(void)
{
    __asm__ volatile(
        "ldr r0, =0xe000ed88\n\t" /* CPACR */
        "ldr r1, =0x00f00000\n\t"
        "str r1, [r0]\n\t"
        "dsb\n\t"
        "isb\n\t"
        "bl hyst_boot\n\t"
        ".ltorg\n");
}

void hyst_fault(void)
{
    hyst_host_exit(99);
}

__attribute__((naked, noinline)) intptr_t hyst_semihosting(int operation __attribute__((unused)),
                                                           void *block __attribute__((unused)))
{
    __asm__ volatile("bkpt 0xab\n\tbx lr");
}

__attribute__((naked, noinline)) uintptr_t hyst_stack_pointer(void)
{
    __asm__ volatile("mov r0, sp\n\tbx lr");
}
