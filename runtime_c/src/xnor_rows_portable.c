/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/xnor_rows.inc"

/* Differing bits of four neighbouring rows; each count <= k. */
static void four_rows(const void *sign, hyst_rom row, uint32_t stride, uint32_t k,
                      int32_t *acc)
{
    const hyst_rom row1 = hyst_rom_at(row, stride), row2 = hyst_rom_at(row1, stride);
    const hyst_rom row3 = hyst_rom_at(row2, stride);
    const uint32_t words = hyst_words(k);
    const hyst_word tail = hyst_tail_mask(k);
    uint32_t d0 = 0, d1 = 0, d2 = 0, d3 = 0, i;
    hyst_word x;
    for (i = 0; i + 1u < words; i++) {
        x = hyst_load(sign, i);
        d0 += hyst_popcount(x ^ hyst_rom_load(row, i));
        d1 += hyst_popcount(x ^ hyst_rom_load(row1, i));
        d2 += hyst_popcount(x ^ hyst_rom_load(row2, i));
        d3 += hyst_popcount(x ^ hyst_rom_load(row3, i));
    }
    x = hyst_load(sign, i);
    d0 += hyst_popcount((x ^ hyst_rom_load(row, i)) & tail);
    d1 += hyst_popcount((x ^ hyst_rom_load(row1, i)) & tail);
    d2 += hyst_popcount((x ^ hyst_rom_load(row2, i)) & tail);
    d3 += hyst_popcount((x ^ hyst_rom_load(row3, i)) & tail);
    acc[0] = (int32_t)k - 2 * (int32_t)d0;
    acc[1] = (int32_t)k - 2 * (int32_t)d1;
    acc[2] = (int32_t)k - 2 * (int32_t)d2;
    acc[3] = (int32_t)k - 2 * (int32_t)d3;
}

void hyst_xnor_rows(const void *sign, const void *mask, hyst_rom rows_w, hyst_rom negative,
                    uint32_t k, uint32_t rows, int32_t *acc)
{
    const uint32_t stride = hyst_plane_bytes(k);
    uint32_t r = 0;
    if (!mask && !negative) {
        for (; r + 4u <= rows; r += 4u) {
            four_rows(sign, hyst_rom_at(rows_w, r * stride), stride, k, acc + r);
        }
    }
    for (; r < rows; r++) {
        acc[r] = one_row(sign, mask, hyst_rom_at(rows_w, r * stride),
                         negative ? hyst_rom_at(negative, r * stride) : 0, k);
    }
}
