/* SPDX-License-Identifier: Apache-2.0 */
/* Start-up of an image that boots in an emulator: data, bss, main, exit status; files by semihosting.
 * Linked by the emulator runner only, never part of a project. */
#include "semihosting.h"

#include "string.h"

/* Set by the linker script; only their addresses mean anything. */
extern uint8_t hyst_data_start[], hyst_data_end[], hyst_data_load[], hyst_bss_start[], hyst_bss_end[];
extern uint32_t hyst_stack_limit[];

enum { SYS_OPEN = 0x01, SYS_WRITE = 0x05, SYS_READ = 0x06, SYS_EXIT_EXTENDED = 0x20 };

#define PAINT 0xa5a5a5a5u
/* What hyst_stack_paint itself may use below its caller. */
#define MARGIN 32u

/* QEMU reads the block by words and refuses one that is not aligned to 8 bytes. */
typedef struct {
    uintptr_t word[4];
} __attribute__((aligned(16))) block;

#if defined(__AVR__)
/* One byte of flash; its address has more than 16 bits on parts with ELPM (RAMPZ is 0x3b). */
static uint8_t flash_byte(uint32_t at)
{
    uint8_t byte;
#if defined(__AVR_HAVE_ELPM__)
    __asm__ volatile("out 0x3b, %C1\n\tmovw r30, %A1\n\telpm %0, Z" : "=r"(byte) : "r"(at) : "r30", "r31");
#else
    __asm__ volatile("lpm %0, %a1" : "=r"(byte) : "z"((uint16_t)at));
#endif
    return byte;
}

static void copy_data(void)
{
    uint32_t from; /* a pointer would lose its upper bits */
    uint8_t *to;
    __asm__("ldi %A0, lo8(hyst_data_load)\n\tldi %B0, hi8(hyst_data_load)\n\t"
            "ldi %C0, hh8(hyst_data_load)\n\tclr %D0"
            : "=d"(from));
    for (to = hyst_data_start; to < hyst_data_end; to++) {
        *to = flash_byte(from++);
    }
}
#else
static void copy_data(void)
{
    memcpy(hyst_data_start, hyst_data_load, (size_t)(hyst_data_end - hyst_data_start));
}
#endif

void hyst_boot(void)
{
    copy_data();
    memset(hyst_bss_start, 0, (size_t)(hyst_bss_end - hyst_bss_start));
    hyst_host_exit(main());
}

int hyst_host_open(const char *path, uint32_t length, int mode)
{
    block b = {{(uintptr_t)path, (uintptr_t)mode, length, 0}};
    return (int)hyst_semihosting(SYS_OPEN, &b);
}

int hyst_host_read(int handle, void *to, uint32_t bytes)
{
    block b = {{(uintptr_t)handle, (uintptr_t)to, bytes, 0}};
    return bytes == 0u ? 0 : (int)hyst_semihosting(SYS_READ, &b);
}

int hyst_host_write(int handle, const void *from, uint32_t bytes)
{
    block b = {{(uintptr_t)handle, (uintptr_t)from, bytes, 0}};
    return bytes == 0u ? 0 : (int)hyst_semihosting(SYS_WRITE, &b);
}

void hyst_host_exit(int code)
{
    block b = {{0x20026u, (uintptr_t)code, 0, 0}};
    hyst_semihosting(SYS_EXIT_EXTENDED, &b);
    for (;;) {
    }
}

void hyst_stack_paint(void)
{
    volatile uint32_t *word = hyst_stack_limit;
    uintptr_t top = hyst_stack_pointer() - MARGIN;
    while ((uintptr_t)word < top) {
        *word++ = PAINT;
    }
}

uint32_t hyst_stack_used(uintptr_t top)
{
    const volatile uint32_t *word = hyst_stack_limit;
    while ((uintptr_t)word < top && *word == PAINT) {
        word++;
    }
    return (uint32_t)(top - (uintptr_t)word);
}

uint32_t hyst_stack_room(uintptr_t top)
{
    return (uint32_t)(top - (uintptr_t)hyst_stack_limit);
}
