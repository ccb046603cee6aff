/* SPDX-License-Identifier: Apache-2.0 */
/* AVR: eight outputs at a time in little code; three planes stay in registers. */
#include "hyst/sliced_ct.h"

#include "hyst/carry_save.h"

/* Adds the words of a block whose element of x is 1 to all of count planes. Eight words carry at most once out of
 * planes 0 to 2. */
static void add_column(const unsigned char *x, uint16_t k, hyst_rom at, unsigned char count,
                       unsigned char *planes)
{
    unsigned char s0 = planes[0], s1 = planes[4], s2 = planes[8];
    while (k != 0u) {
        unsigned char bits = *x++, carry = 0, n = k < 8u ? (unsigned char)k : 8u, level;
        unsigned char *plane = planes + 12;
        for (k = (uint16_t)(k - n); n != 0u; n--, bits >>= 1) {
            const unsigned char w = (unsigned char)(hyst_rom_load8(at) & (0u - (bits & 1u)));
            const unsigned char c0 = s0 & w, c1 = s1 & c0;
            carry |= s2 & c1;
            s2 ^= c1;
            s1 ^= c0;
            s0 ^= w;
            at = hyst_rom_at(at, 4);
        }
        for (level = 3; level < count; level++, plane += 4) {
            const unsigned char kept = *plane;
            *plane = kept ^ carry;
            carry &= kept;
        }
    }
    planes[0] = s0, planes[4] = s1, planes[8] = s2;
}

static void add_all(const void *x, uint32_t k, hyst_rom block, uint32_t count, uint32_t *planes)
{
    unsigned char column;
    for (column = 0; column < 4u; column++) {
        add_column((const unsigned char *)x, (uint16_t)k, hyst_rom_at(block, column),
                   (unsigned char)count, (unsigned char *)planes + column);
    }
}

#include "hyst/sliced_ct.inc"
