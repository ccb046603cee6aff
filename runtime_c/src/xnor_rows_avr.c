/* SPDX-License-Identifier: Apache-2.0 */
/* AVR: byte by byte; a string of k bits lies in SRAM, so k has 16 bits. */
#include "hyst/xnor_rows.h"

/* Counted elements minus twice those that differ. */
static int32_t one_row(const unsigned char *sign, const unsigned char *mask,
                       const unsigned char *row, const unsigned char *negative, uint16_t k)
{
    uint16_t counted = k, differ = 0;
    if (mask || negative) {
        counted = 0;
    }
    while (k != 0u) {
        const unsigned char w = (unsigned char)hyst_load8(row++);
        unsigned char valid = k < 8u ? (unsigned char)((1u << k) - 1u) : 0xffu;
        k = k < 8u ? 0u : (uint16_t)(k - 8u);
        if (mask) {
            valid &= *mask++;
        }
        if (negative) {
            valid &= (unsigned char)(w ^ (unsigned char)hyst_load8(negative++));
        }
        if (mask || negative) {
            counted = (uint16_t)(counted + hyst_ones8(valid));
        }
        differ = (uint16_t)(differ + hyst_ones8((unsigned char)(valid & (w ^ *sign++))));
    }
    return (int32_t)counted - 2 * (int32_t)differ;
}

void hyst_xnor_rows(const void *sign, const void *mask, const void *rows_w, const void *negative,
                    uint32_t k, uint32_t rows, int32_t *acc)
{
    const unsigned char *row = (const unsigned char *)rows_w;
    const unsigned char *other = (const unsigned char *)negative;
    const uint16_t stride = (uint16_t)hyst_plane_bytes(k);
    unsigned char r;
    for (r = 0; r < rows; r++, row += stride) {
        acc[r] = one_row((const unsigned char *)sign, (const unsigned char *)mask, row, other,
                         (uint16_t)k);
        other = other ? other + stride : NULL;
    }
}
