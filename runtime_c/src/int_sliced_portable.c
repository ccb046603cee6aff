/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/int_sliced.h"

int32_t hyst_int_total(const void *x, int32_t type, uint32_t k)
{
    uint32_t total = 0, i;
    for (i = 0; i < k; i++) {
        total += (uint32_t)hyst_get(x, type, k, i);
    }
    return hyst_i32(total);
}

/* Lists the elements that have bit b of their 8 or 16 bits. */
static void list_plane(const unsigned char *x, uint32_t bytes, uint32_t k, uint32_t b,
                       hyst_sliced_list *list)
{
    const unsigned char *at = x + b / 8u;
    uint32_t part, first = 0, i;
    list->parts = (k + HYST_LIST_SPAN - 1u) / HYST_LIST_SPAN;
    for (part = 0; part < list->parts; part++) {
        const uint32_t left = k - first, n = left < HYST_LIST_SPAN ? left : HYST_LIST_SPAN;
        uint32_t length = 0;
        for (i = 0; i < n; i++, at += bytes) {
            /* length <= i */
            list->at[first + length] = (uint16_t)(i * 4u);
            length += ((uint32_t)*at >> (b & 7u)) & 1u;
        }
        list->length[part] = length;
        first += n;
    }
}

/* Counters of w = 2 bit - 1 become sums: 2 (sum of x over the one bits) - total. */
static void finish(uint32_t *sum, uint32_t total)
{
    uint32_t values[32], j;
    hyst_sliced_values(sum, 32, values);
    for (j = 0; j < 32u; j++) {
        sum[j] = 2u * values[j] - total;
    }
}

void hyst_int_sliced(const void *x, int32_t type, int32_t total, uint32_t k, const void *block,
                     const void *negative, uint32_t blocks, uint16_t *list_at, int32_t *acc)
{
    const uint32_t bytes = type == HYST_I16 ? 2u : 1u, last = bytes * 8u - 1u;
    const unsigned char *plus = (const unsigned char *)block;
    const unsigned char *minus = (const unsigned char *)negative;
    uint32_t *sum = (uint32_t *)acc; /* the unsigned type of the same objects */
    hyst_sliced_list list;
    uint32_t b, i;
    list.at = list_at;
    for (i = 0; i < blocks * 32u; i++) {
        sum[i] = 0;
    }
    for (b = 0; b <= last; b++) {
        /* the top bit of a signed type weighs negative */
        const int32_t top = b == last && type != HYST_U8;
        const uint32_t weight = top ? 0u - ((uint32_t)1 << b) : (uint32_t)1 << b;
        list_plane((const unsigned char *)x, bytes, k, b, &list);
        for (i = 0; i < blocks; i++) {
            const uint32_t skip = i * k * 4u;
            uint32_t *at = sum + i * 32u;
            if (minus) {
                hyst_sliced_count(&list, plus + skip, weight, at);
                hyst_sliced_count(&list, minus + skip, 0u - weight, at);
                continue;
            }
            /* until its last bit the 32 sums of a block are the planes of its counters;
             * sums < 2^31 by the bound of the accumulator, so plane b + 16 is the last but 15 */
            if (!top) {
                hyst_sliced_add_list(&list, plus + skip, at + b);
            }
            if (b == last) {
                finish(at, (uint32_t)total);
            }
            if (top) {
                hyst_sliced_count(&list, plus + skip, 2u * weight, at);
            }
        }
    }
}
