/* SPDX-License-Identifier: Apache-2.0 */
/* Primitive: up to 32 binary dot products of one bit string with rows of weights.
 *
 * A row is k bits padded to a multiple of 8 bytes; its padding bits are ignored.
 * sign has bit 1 for +1. mask, when not NULL, has bit 1 where an element counts;
 * without it all k do. Both are strings of k bits padded to 8 bytes, whatever the
 * padding holds. negative, when not NULL, points to the rows of the negative plane
 * of ternary weights (w = positive - negative, 11 counts as 0). */
#ifndef HYST_XNOR_ROWS_H
#define HYST_XNOR_ROWS_H

#include "hyst/rom.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Ones among the first k > 0 bits: the elements that a mask counts. */
static inline int32_t hyst_mask_ones(const void *mask, uint32_t k)
{
    uint32_t ones = 0, i;
    for (i = 0; i + 1u < hyst_words(k); i++) {
        ones += hyst_popcount(hyst_load(mask, i));
    }
    return (int32_t)(ones + hyst_popcount(hyst_load(mask, i) & hyst_tail_mask(k)));
}

/* acc[r] = sum over counted elements of sign * w[r], for r < rows <= 32; acc has 32 entries,
 * those past rows become undefined.
 * abs(acc) <= k <= 2^31 - 1. */
void hyst_xnor_rows(const void *sign, const void *mask, hyst_rom rows_w, hyst_rom negative,
                    uint32_t k, uint32_t rows, int32_t *acc);

#ifdef __cplusplus
}
#endif

#endif
