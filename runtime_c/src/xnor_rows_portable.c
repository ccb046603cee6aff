/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/xnor_rows.inc"

/* Differing bits of four neighbouring rows; each count <= k. */
static void four_rows(const void *sign, const unsigned char *row, uint32_t stride, uint32_t k,
                      int32_t *acc)
{
    const unsigned char *row1 = row + stride, *row2 = row1 + stride, *row3 = row2 + stride;
    const uint32_t words = hyst_words(k);
    const hyst_word tail = hyst_tail_mask(k);
    uint32_t d0 = 0, d1 = 0, d2 = 0, d3 = 0, i;
    hyst_word x;
    for (i = 0; i + 1u < words; i++) {
        x = hyst_load(sign, i);
        d0 += hyst_popcount(x ^ hyst_load(row, i));
        d1 += hyst_popcount(x ^ hyst_load(row1, i));
        d2 += hyst_popcount(x ^ hyst_load(row2, i));
        d3 += hyst_popcount(x ^ hyst_load(row3, i));
    }
    x = hyst_load(sign, i);
    d0 += hyst_popcount((x ^ hyst_load(row, i)) & tail);
    d1 += hyst_popcount((x ^ hyst_load(row1, i)) & tail);
    d2 += hyst_popcount((x ^ hyst_load(row2, i)) & tail);
    d3 += hyst_popcount((x ^ hyst_load(row3, i)) & tail);
    acc[0] = (int32_t)k - 2 * (int32_t)d0;
    acc[1] = (int32_t)k - 2 * (int32_t)d1;
    acc[2] = (int32_t)k - 2 * (int32_t)d2;
    acc[3] = (int32_t)k - 2 * (int32_t)d3;
}

void hyst_xnor_rows(const void *sign, const void *mask, const void *rows_w, const void *negative,
                    uint32_t k, uint32_t rows, int32_t *acc)
{
    const unsigned char *row = (const unsigned char *)rows_w;
    const unsigned char *other = (const unsigned char *)negative;
    const uint32_t stride = hyst_plane_bytes(k);
    uint32_t r = 0;
    if (!mask && !negative) {
        for (; r + 4u <= rows; r += 4u) {
            four_rows(sign, row + r * stride, stride, k, acc + r);
        }
    }
    for (; r < rows; r++) {
        acc[r] = one_row(sign, mask, row + r * stride, other ? other + r * stride : NULL, k);
    }
}
