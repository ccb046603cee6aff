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

/* Appends the entries of n elements of 8 bits that have bit b; returns the end. */
static uint16_t *list_bytes(const unsigned char *x, uint32_t n, uint32_t b, uint16_t *list)
{
    uint32_t entry = 0, i;
    for (i = 0; i + 4u <= n; i += 4u, entry += 16u) {
        const uint32_t four = hyst_load32(x, i / 4u) >> b;
        if (four & 1u) {
            *list++ = (uint16_t)entry;
        }
        if (four & 0x100u) {
            *list++ = (uint16_t)(entry + 4u);
        }
        if (four & 0x10000u) {
            *list++ = (uint16_t)(entry + 8u);
        }
        if (four & 0x1000000u) {
            *list++ = (uint16_t)(entry + 12u);
        }
    }
    for (; i < n; i++, entry += 4u) {
        if (((uint32_t)x[i] >> b) & 1u) {
            *list++ = (uint16_t)entry;
        }
    }
    return list;
}

/* The same for elements of 16 bits. */
static uint16_t *list_halves(const unsigned char *x, uint32_t n, uint32_t b, uint16_t *list)
{
    uint32_t entry = 0, i;
    for (i = 0; i + 2u <= n; i += 2u, entry += 8u) {
        const uint32_t two = hyst_load32(x, i / 2u) >> b;
        if (two & 1u) {
            *list++ = (uint16_t)entry;
        }
        if (two & 0x10000u) {
            *list++ = (uint16_t)(entry + 4u);
        }
    }
    if (i < n && (((uint32_t)x[2u * i + b / 8u] >> (b & 7u)) & 1u)) {
        *list++ = (uint16_t)entry;
    }
    return list;
}

/* Lists the elements that have bit b of their 8 or 16 bits. */
static void list_plane(const unsigned char *x, uint32_t bytes, uint32_t k, uint32_t b,
                       hyst_sliced_list *list)
{
    uint32_t part, first = 0;
    list->parts = (k + HYST_LIST_SPAN - 1u) / HYST_LIST_SPAN;
    for (part = 0; part < list->parts; part++) {
        const uint32_t left = k - first, n = left < HYST_LIST_SPAN ? left : HYST_LIST_SPAN;
        const unsigned char *from = x + first * bytes;
        uint16_t *at = list->at + first;
        uint16_t *end = bytes == 1u ? list_bytes(from, n, b, at) : list_halves(from, n, b, at);
        list->length[part] = (uint32_t)(end - at);
        first += n;
    }
}

/* Planes of counters turn into sums of w = 2 bit - 1: 2 (sum of x over the one bits) - total. */
static void finish(uint32_t *sum, uint32_t planes, uint32_t total)
{
    uint32_t values[32], j;
    hyst_sliced_values(sum, planes, values);
    for (j = 0; j < 32u; j++) {
        sum[j] = 2u * values[j] - total;
    }
}

void hyst_int_sliced(const void *x, int32_t type, int32_t total, uint32_t k, hyst_rom block,
                     hyst_rom negative, uint32_t blocks, uint16_t *list_at, int32_t *acc)
{
    const uint32_t bytes = type == HYST_I16 ? 2u : 1u, last = bytes * 8u - 1u;
    uint32_t *sum = (uint32_t *)acc; /* the unsigned type of the same objects */
    hyst_sliced_list list;
    uint32_t planes = bytes * 8u, b, i; /* k < 2^(planes - bits of x): sums fit */
    list.at = list_at;
    while (planes < 32u && (k >> (planes - bytes * 8u)) != 0u) {
        planes++;
    }
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
            if (b == last) {
                finish(at, planes, (uint32_t)total);
            }
            if (top) {
                hyst_sliced_count(&list, hyst_rom_at(block, skip), 2u * weight, at);
            }
        }
    }
}
