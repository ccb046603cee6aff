/* SPDX-License-Identifier: Apache-2.0 */
/* Files and exit of the machine that runs the emulator (Arm semihosting; RISC-V took over its calls). */
#ifndef HYST_SEMIHOSTING_H
#define HYST_SEMIHOSTING_H

#include <stdint.h>

/* Returns what the call returns; block is its argument block, 8-byte aligned. Defined by boot_<arch>.c. */
intptr_t hyst_semihosting(int operation, void *block);

/* The stack pointer of the caller. */
uintptr_t hyst_stack_pointer(void);

/* mode as in fopen: 1 is "rb", 5 is "wb". A handle, or -1. */
int hyst_host_open(const char *path, uint32_t length, int mode);
int hyst_host_read(int handle, void *to, uint32_t bytes);        /* 0 when all bytes were read */
int hyst_host_write(int handle, const void *from, uint32_t bytes); /* 0 when all bytes were written */
void hyst_host_exit(int code);

/* Paints the free stack below the caller's caller; then tells how far below top it was overwritten. */
void hyst_stack_paint(void);
uint32_t hyst_stack_used(uintptr_t top);
/* Bytes between top and the data. */
uint32_t hyst_stack_room(uintptr_t top);

int main(void);
void hyst_boot(void);

#endif
