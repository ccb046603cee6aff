/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/sliced_ct.h"

#include "hyst/carry_save.h"

/* Carries held for up to 2048 batches of 32. */
#define HELD 12u

HYST_ALWAYS_INLINE uint32_t kept(hyst_rom block, uint32_t i, uint32_t x)
{
    return hyst_rom_load32(block, i) & (0u - ((x >> i) & 1u));
}

HYST_ALWAYS_INLINE uint32_t add_four(uint32_t *s, hyst_rom block, uint32_t i, uint32_t x)
{
    const uint32_t a = hyst_full_add(&s[0], kept(block, i, x), kept(block, i + 1u, x));
    const uint32_t b = hyst_full_add(&s[0], kept(block, i + 2u, x), kept(block, i + 3u, x));
    return hyst_full_add(&s[1], a, b);
}

HYST_ALWAYS_INLINE uint32_t add_eight(uint32_t *s, hyst_rom block, uint32_t i, uint32_t x)
{
    const uint32_t a = add_four(s, block, i, x);
    const uint32_t b = add_four(s, block, i + 4u, x);
    return hyst_full_add(&s[2], a, b);
}

HYST_ALWAYS_INLINE uint32_t add_sixteen(uint32_t *s, hyst_rom block, uint32_t i, uint32_t x)
{
    const uint32_t a = add_eight(s, block, i, x);
    const uint32_t b = add_eight(s, block, i + 8u, x);
    return hyst_full_add(&s[3], a, b);
}

/* Adds the words of a block whose element of x is 1 to all of count planes. */
static void add_all(const void *x, uint32_t k, hyst_rom block, uint32_t count, uint32_t *planes)
{
    const uint32_t batches = (k + 31u) / 32u, tail = k % 32u;
    const unsigned char *words = (const unsigned char *)block;
    uint32_t last[32] = {0};
    uint32_t held[HELD], s[4], batch, level, carry;
    s[0] = planes[0], s[1] = planes[1], s[2] = planes[2], s[3] = planes[3];
    for (batch = 0; batch < batches; batch++, words += 128) {
        uint32_t a, b;
        if (tail != 0u && batch + 1u == batches) {
            for (level = 0; level < tail; level++) {
                last[level] = hyst_load32(words, level);
            }
            words = (const unsigned char *)last;
        }
        a = add_sixteen(s, words, 0, hyst_load32(x, batch));
        b = add_sixteen(s, words, 16, hyst_load32(x, batch));
        hyst_hold_carry(batch, hyst_full_add(&planes[4], a, b), held, planes + 5);
    }
    carry = hyst_release_carries(batches, 0, held, planes + 5, &level);
    for (level += 5u; level < count; level++) {
        carry = hyst_half_add(&planes[level], carry);
    }
    planes[0] = s[0], planes[1] = s[1], planes[2] = s[2], planes[3] = s[3];
}

#include "hyst/sliced_ct.inc"
