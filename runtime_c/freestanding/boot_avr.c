/* SPDX-License-Identifier: Apache-2.0 */
/* Reset and the emulator's port of AVR. The port's registers (GPIOR0 to 2) are general-purpose: any program may use
 * them, and on a real part nothing listens. */
#include "semihosting.h"

#define PORT_OPERATION (*(volatile uint8_t *)0x3e)
#define PORT_LOW (*(volatile uint8_t *)0x4a)
#define PORT_HIGH (*(volatile uint8_t *)0x4b)

void hyst_reset(void);

/* The zero register and the stack pointer, then C. No interrupt is ever enabled. */
__attribute__((naked, section(".vectors"), used)) void hyst_reset(void)
{
    __asm__ volatile(
        "clr __zero_reg__\n\t"
        "out __SREG__, __zero_reg__\n\t"
        "ldi r28, lo8(hyst_stack_top)\n\t"
        "ldi r29, hi8(hyst_stack_top)\n\t"
        "out __SP_H__, r29\n\t"
        "out __SP_L__, r28\n\t"
        "jmp hyst_boot\n");
}

intptr_t hyst_semihosting(int operation, void *block)
{
    PORT_LOW = (uint8_t)(uintptr_t)block;
    PORT_HIGH = (uint8_t)((uintptr_t)block >> 8);
    PORT_OPERATION = (uint8_t)operation;
    return (intptr_t)(PORT_LOW | (uint16_t)PORT_HIGH << 8);
}

/* The stack pointer names the next free byte; the return address (2 or 3 bytes) is this call's own. */
__attribute__((naked, noinline)) uintptr_t hyst_stack_pointer(void)
{
    __asm__ volatile(
        "in r24, __SP_L__\n\t"
        "in r25, __SP_H__\n\t"
#if defined(__AVR_3_BYTE_PC__)
        "adiw r24, 4\n\t"
#else
        "adiw r24, 3\n\t"
#endif
        "ret");
}
