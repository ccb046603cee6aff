/* SPDX-License-Identifier: Apache-2.0 */
/* AVR: byte by byte; a string of k bits lies in SRAM, so k has 16 bits. */
#include "hyst/xnor_rows.h"

/* Counted elements minus twice those that differ. */
static int32_t one_row(const unsigned char *sign, const unsigned char *mask,
                       hyst_rom row, hyst_rom negative, uint16_t k)
{
    uint16_t counted = k, differ = 0;
    if (mask || negative) {
        counted = 0;
    }
    while (k != 0u) {
        const unsigned char w = hyst_rom_load8(row);
        unsigned char valid = k < 8u ? (unsigned char)((1u << k) - 1u) : 0xffu;
        row = hyst_rom_at(row, 1);
        k = k < 8u ? 0u : (uint16_t)(k - 8u);
        if (mask) {
            valid &= *mask++;
        }
        if (negative) {
            valid &= (unsigned char)(w ^ hyst_rom_load8(negative));
            negative = hyst_rom_at(negative, 1);
        }
        if (mask || negative) {
            counted = (uint16_t)(counted + hyst_ones8(valid));
        }
        differ = (uint16_t)(differ + hyst_ones8((unsigned char)(valid & (w ^ *sign++))));
    }
    return (int32_t)counted - 2 * (int32_t)differ;
}

void hyst_xnor_rows(const void *sign, const void *mask, hyst_rom rows_w, hyst_rom negative,
                    uint32_t k, uint32_t rows, int32_t *acc)
{
    const uint16_t stride = (uint16_t)hyst_plane_bytes(k);
    unsigned char r;
    for (r = 0; r < rows; r++) {
        acc[r] = one_row((const unsigned char *)sign, (const unsigned char *)mask, rows_w,
                         negative, (uint16_t)k);
        rows_w = hyst_rom_at(rows_w, stride);
        negative = negative ? hyst_rom_at(negative, stride) : 0;
    }
}
