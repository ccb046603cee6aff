/* SPDX-License-Identifier: Apache-2.0 */
/* AVR: bits are shifted in from the last lane on, because shifts by a variable count are loops here. */
#include "hyst/ge_bits.h"

uint32_t hyst_ge_bits(const int32_t *acc, hyst_rom t, int32_t t_type, uint32_t at, uint32_t n)
{
    uint32_t bits = 0;
    unsigned char j = (unsigned char)n;
    while (j-- != 0u) {
        const int32_t limit = t_type == HYST_I16 ? hyst_rom_i16(t, at + j) : hyst_rom_i32(t, at + j);
        bits <<= 1;
        if (acc[j] >= limit) {
            bits |= 1u;
        }
    }
    return bits;
}

void hyst_ge_bits_of(const int32_t *acc, uint32_t count, hyst_rom t, int32_t t_type, uint32_t at,
                     uint32_t n, uint32_t *bits)
{
    for (; count != 0u; count--, acc += 32) {
        *bits++ = hyst_ge_bits(acc, t, t_type, at, n);
    }
}
