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
static uint32_t list_plane(const unsigned char *x, uint32_t bytes, uint32_t k, uint32_t b,
                           uint16_t *list)
{
    const unsigned char *at = x + b / 8u;
    uint32_t length = 0, e;
    for (e = 0; e < k; e++, at += bytes) {
        /* length <= e < k */
        list[length] = (uint16_t)e;
        length += ((uint32_t)*at >> (b & 7u)) & 1u;
    }
    return length;
}

void hyst_int_sliced(const void *x, int32_t type, int32_t total, uint32_t k, const void *block,
                     const void *negative, uint32_t blocks, uint16_t *list, int32_t *acc)
{
    const uint32_t bytes = type == HYST_I16 ? 2u : 1u;
    const unsigned char *plus = (const unsigned char *)block;
    const unsigned char *minus = (const unsigned char *)negative;
    uint32_t *sum = (uint32_t *)acc; /* the unsigned type of the same objects */
    uint32_t b, i;
    for (i = 0; i < blocks * 32u; i++) {
        sum[i] = minus ? 0u : 0u - (uint32_t)total;
    }
    for (b = 0; b < bytes * 8u; b++) {
        /* the top bit of a signed type weighs negative */
        const int32_t top = type != HYST_U8 && b + 1u == bytes * 8u;
        const uint32_t weight = top ? 0u - ((uint32_t)1 << b) : (uint32_t)1 << b;
        const uint32_t length = list_plane((const unsigned char *)x, bytes, k, b, list);
        for (i = 0; i < blocks; i++) {
            const uint32_t skip = i * k * 4u;
            hyst_sliced_count(list, length, plus + skip, minus ? weight : 2u * weight,
                              sum + i * 32u);
            if (minus) {
                hyst_sliced_count(list, length, minus + skip, 0u - weight, sum + i * 32u);
            }
        }
    }
}
