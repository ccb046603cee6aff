/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/rom.h"

#if defined(HYST_FAR)

#define IN_SRAM(at) (((at) & HYST_SRAM) != 0u)
#define SRAM(at) ((const unsigned char *)(uintptr_t)(at))
/* RAMPZ (0x3b) holds the upper byte of the address. */
#define FLASH(text)                                                                      \
    __asm__ volatile("out 0x3b, %C1\n\tmovw r30, %A1\n\t" text : "=&r"(value) : "r"(at) : "r30", "r31")
#define NEXT "elpm "

#else

#define IN_SRAM(at) (((uintptr_t)(at) & HYST_FLASH_BIT) == 0u)
#define SRAM(at) ((const unsigned char *)(at))
#define FLASH(text)                                                                      \
    do {                                                                                 \
        uintptr_t z = (uintptr_t)(at) - HYST_FLASH_BIT;                                  \
        __asm__ volatile(text : "=&r"(value), "+z"(z));                                  \
    } while (0)
#define NEXT "lpm "

#endif

const void *hyst_rom_copy(void *to, hyst_rom from, uint16_t bytes)
{
    unsigned char *at = (unsigned char *)to;
    for (; bytes != 0u; bytes--, from = hyst_rom_at(from, 1)) {
        *at++ = hyst_rom_load8(from);
    }
    return to;
}

unsigned char hyst_rom_load8(hyst_rom at)
{
    unsigned char value;
    if (IN_SRAM(at)) {
        return *SRAM(at);
    }
    FLASH(NEXT "%0, Z");
    return value;
}

uint16_t hyst_rom_load16(hyst_rom at)
{
    uint16_t value;
    if (IN_SRAM(at)) {
        HYST_COPY(&value, SRAM(at), 2u);
        return value;
    }
    FLASH(NEXT "%A0, Z+\n\t" NEXT "%B0, Z");
    return value;
}

uint32_t hyst_rom_load32_at(hyst_rom at)
{
    uint32_t value;
    if (IN_SRAM(at)) {
        HYST_COPY(&value, SRAM(at), 4u);
        return value;
    }
    FLASH(NEXT "%A0, Z+\n\t" NEXT "%B0, Z+\n\t" NEXT "%C0, Z+\n\t" NEXT "%D0, Z");
    return value;
}
