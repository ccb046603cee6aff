/* SPDX-License-Identifier: Apache-2.0 */
/* AVR: sixteen outputs at a time (add_lanes_avr.c). A block's words are read two bytes at a time, at the same entries
 * as everywhere. */
#include "hyst/sliced_add.h"

#include "hyst/add_lanes.h"

#if defined(HYST_FAR)
#define IN_SRAM(at) (((at) & HYST_SRAM) != 0u)
#define FLASH_ADDRESS(base) (base)
#else
#define IN_SRAM(at) (((at) & HYST_FLASH_BIT) == 0u)
#define FLASH_ADDRESS(base) ((base) - HYST_FLASH_BIT)
#endif

void hyst_sliced_add(const uint16_t *list, uint32_t length, hyst_address base, uint32_t *planes)
{
    unsigned char *const at = (unsigned char *)planes;
    uint16_t left = (uint16_t)length;
    while (left != 0u) {
        const uint16_t n = left < HYST_LANES_MOST ? left : HYST_LANES_MOST;
        const unsigned char in_sram = IN_SRAM(base + list[0]); /* base may lie before the image */
        unsigned char half;
        for (half = 0; half < 4u; half = (unsigned char)(half + 2u)) {
            if (in_sram) {
                hyst_add_sram_lanes(list, n, base + half, at + half);
            } else {
                hyst_add_flash_lanes(list, n, FLASH_ADDRESS(base) + half, at + half);
            }
        }
        list += n;
        left = (uint16_t)(left - n);
    }
}
