/* SPDX-License-Identifier: Apache-2.0 */
/* AVR: the portable algorithm in little code. The vector lies in SRAM, so k has 16 bits. */
#include "hyst/int_sliced.h"

#include "hyst/carry_save.h"

int32_t hyst_int_total(const void *x, int32_t type, uint32_t k)
{
    const unsigned char *from = (const unsigned char *)x;
    uint32_t total = 0;
    uint16_t left = (uint16_t)k;
    for (; left != 0u; left--) {
        int32_t value = *from++;
        if (type == HYST_I16) {
            value = (int16_t)((uint16_t)value | (uint16_t)*from++ << 8);
        } else if (type == HYST_I8) {
            value = (signed char)value;
        }
        total += (uint32_t)value;
    }
    return hyst_i32(total);
}

/* Lists the elements that have bit b of their 8 or 16 bits. */
HYST_NEVER_INLINE void list_plane(const unsigned char *x, unsigned char bytes, uint16_t k, unsigned char b,
                       hyst_sliced_list *list)
{
    const unsigned char bit = (unsigned char)(1u << (b & 7u));
    uint16_t *start = list->at;
    x += b >> 3;
    for (list->parts = 0; k != 0u; start += HYST_LIST_SPAN) {
        uint16_t n = k < HYST_LIST_SPAN ? k : (uint16_t)HYST_LIST_SPAN, entry = 0, *end = start;
        for (k = (uint16_t)(k - n); n != 0u; n--, x += bytes, entry = (uint16_t)(entry + 4u)) {
            if (*x & bit) {
                *end++ = entry;
            }
        }
        list->length[list->parts++] = (uint32_t)(end - start);
    }
}

/* Planes of counters turn into sums of w = 2 bit - 1: 2 (sum of x over the one bits) - total. */
HYST_NEVER_INLINE void finish(uint32_t *sum, unsigned char planes, uint32_t total)
{
    uint32_t values[32];
    unsigned char j;
    hyst_sliced_values(sum, planes, values);
    for (j = 0; j < 32u; j++) {
        sum[j] = 2u * values[j] - total;
    }
}

void hyst_int_sliced(const void *x, int32_t type, int32_t total, uint32_t k, hyst_rom block,
                     hyst_rom negative, uint32_t blocks, uint16_t *list_at, int32_t *acc)
{
    const unsigned char bits = type == HYST_I16 ? 16u : 8u;
    uint32_t *sum = (uint32_t *)acc; /* the unsigned type of the same objects */
    hyst_sliced_list list;
    unsigned char planes = bits, b, i; /* k < 2^(planes - bits of x): sums fit */
    uint16_t left;
    list.at = list_at;
    for (left = (uint16_t)k; left != 0u && planes < 32u; left >>= 1) {
        planes++;
    }
    memset(sum, 0, (size_t)blocks * 128u);
    for (b = 0; b < bits; b++) {
        const unsigned char last = b + 1u == bits;
        /* the top bit of a signed type weighs negative */
        const unsigned char top = last && type != HYST_U8;
        const uint32_t weight = top ? 0u - ((uint32_t)1 << b) : (uint32_t)1 << b;
        list_plane((const unsigned char *)x, bits / 8u, (uint16_t)k, b, &list);
        for (i = 0; i < blocks; i++) {
            const uint32_t skip = i * k * 4u;
            uint32_t *at = sum + i * 32u;
            if (negative) {
                hyst_sliced_count(&list, hyst_rom_at(block, skip), weight, at);
                hyst_sliced_count(&list, hyst_rom_at(negative, skip), 0u - weight, at);
                continue;
            }
            /* until its last bit the 32 sums of a block are the planes of its counters;
             * sums < 2^31 by the bound of the accumulator, so plane b + 16 is the last but 15 */
            if (!top) {
                hyst_sliced_add_list(&list, hyst_rom_at(block, skip), at + b);
            }
            if (last) {
                finish(at, planes, (uint32_t)total);
            }
            if (top) {
                hyst_sliced_count(&list, hyst_rom_at(block, skip), 2u * weight, at);
            }
        }
    }
}
