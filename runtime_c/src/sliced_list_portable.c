/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/sliced_list.h"

#include "hyst/carry_save.h"
#include "hyst/clz.h"

/* Appends offset + 4 i for each bit i of word that is 1. */
HYST_ALWAYS_INLINE uint16_t *list_word(uint32_t word, uint32_t offset, uint16_t *list)
{
    if (HYST_FAST_CLZ) {
        while (word != 0u) {
            const uint32_t zeros = hyst_leading_zeros(word);
            word &= ~(0x80000000u >> zeros);
            *list++ = (uint16_t)(offset + 124u - 4u * zeros);
        }
        return list;
    }
    for (; word != 0u; word >>= 8, offset += 32u) {
        if (word & 1u) {
            *list++ = (uint16_t)(offset);
        }
        if (word & 2u) {
            *list++ = (uint16_t)(offset + 4u);
        }
        if (word & 4u) {
            *list++ = (uint16_t)(offset + 8u);
        }
        if (word & 8u) {
            *list++ = (uint16_t)(offset + 12u);
        }
        if (word & 16u) {
            *list++ = (uint16_t)(offset + 16u);
        }
        if (word & 32u) {
            *list++ = (uint16_t)(offset + 20u);
        }
        if (word & 64u) {
            *list++ = (uint16_t)(offset + 24u);
        }
        if (word & 128u) {
            *list++ = (uint16_t)(offset + 28u);
        }
    }
    return list;
}

uint16_t *hyst_list_run(const void *bits, uint32_t at, uint32_t n, uint32_t flip, uint32_t offset,
                        uint16_t *list)
{
    if (at % 32u == 0u) {
        for (; n >= 32u; n -= 32u, at += 32u, offset += 128u) {
            list = list_word(hyst_load32(bits, at / 32u) ^ flip, offset, list);
        }
    }
    while (n > 0u) {
        const uint32_t step = n < 32u ? n : 32u;
        const uint32_t word = (uint32_t)hyst_get_bits(bits, at, step) ^ (flip >> (32u - step));
        list = list_word(word, offset, list);
        at += step;
        n -= step;
        offset += 128u;
    }
    return list;
}

void hyst_list_bits(const void *bits, const void *mask, uint32_t flip, uint32_t k,
                    hyst_sliced_list *list)
{
    uint32_t part, at = 0;
    list->parts = (k + HYST_LIST_SPAN - 1u) / HYST_LIST_SPAN;
    for (part = 0; part < list->parts; part++) {
        const uint32_t left = k - at, n = left < HYST_LIST_SPAN ? left : HYST_LIST_SPAN;
        uint16_t *const start = list->at + at;
        uint16_t *end = start;
        uint32_t i;
        if (!mask) {
            end = hyst_list_run(bits, at, n, flip, 0, start);
        }
        for (i = 0; mask && i < n; i += 32u) {
            const uint32_t valid = n - i < 32u ? ((uint32_t)1 << (n - i)) - 1u : 0xffffffffu;
            const uint32_t word = (hyst_load32(bits, (at + i) / 32u) ^ flip)
                                  & hyst_load32(mask, (at + i) / 32u) & valid;
            end = list_word(word, i * 4u, end);
        }
        list->length[part] = (uint32_t)(end - start);
        at += n;
    }
}

uint32_t hyst_count_ones(const void *bits, uint32_t at, uint32_t n)
{
    uint32_t ones = 0;
    if (at % HYST_WORD_BITS == 0u) {
        for (; n >= HYST_WORD_BITS; n -= HYST_WORD_BITS, at += HYST_WORD_BITS) {
            ones += hyst_popcount(hyst_load(bits, at / HYST_WORD_BITS));
        }
    }
    while (n > 0u) {
        const uint32_t step = n < HYST_WORD_BITS ? n : HYST_WORD_BITS;
        ones += hyst_popcount(hyst_get_bits(bits, at, step));
        at += step;
        n -= step;
    }
    return ones;
}
