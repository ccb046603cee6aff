/* SPDX-License-Identifier: Apache-2.0 */
/* AVR: elements are added where a weight's bit is 1, which is less code than bit planes. The vector lies in SRAM, so k
 * has 16 bits. */
#include "hyst/int_rows.h"

static uint32_t element(const unsigned char *x, int32_t type)
{
    if (type == HYST_I16) {
        return (uint32_t)(int32_t)(int16_t)((uint16_t)x[0] | (uint16_t)x[1] << 8);
    }
    return type == HYST_I8 ? (uint32_t)(int32_t)(signed char)x[0] : x[0];
}

int32_t hyst_int_planes(const void *x, int32_t type, uint32_t k, void *planes)
{
    const unsigned char bytes = type == HYST_I16 ? 2u : 1u;
    const unsigned char *from = (const unsigned char *)x;
    uint32_t total = 0;
    uint16_t i;
    memcpy(planes, x, (size_t)k * bytes);
    for (i = 0; i < (uint16_t)k; i++, from += bytes) {
        total += element(from, type);
    }
    return hyst_i32(total);
}

/* Sum of the elements whose weight bit is 1. */
static uint32_t chosen(const unsigned char *x, int32_t type, hyst_rom row, uint16_t k)
{
    const unsigned char bytes = type == HYST_I16 ? 2u : 1u;
    uint32_t sum = 0;
    unsigned char left = 0, w = 0;
    for (; k != 0u; k--, left--, w >>= 1, x += bytes) {
        if (left == 0u) {
            w = hyst_rom_load8(row);
            row = hyst_rom_at(row, 1);
            left = 8;
        }
        if (w & 1u) {
            sum += element(x, type);
        }
    }
    return sum;
}

void hyst_int_rows(const void *planes, int32_t type, int32_t total, hyst_rom rows_w,
                   hyst_rom negative, uint32_t k, uint32_t rows, int32_t *acc)
{
    const unsigned char *x = (const unsigned char *)planes;
    const uint16_t stride = (uint16_t)hyst_plane_bytes(k), count = (uint16_t)k;
    unsigned char r;
    for (r = 0; r < rows; r++) {
        const uint32_t plus = chosen(x, type, rows_w, count);
        acc[r] = hyst_i32(negative ? plus - chosen(x, type, negative, count)
                                   : 2u * plus - (uint32_t)total);
        rows_w = hyst_rom_at(rows_w, stride);
        negative = negative ? hyst_rom_at(negative, stride) : 0;
    }
}
