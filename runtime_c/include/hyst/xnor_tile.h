/* SPDX-License-Identifier: Apache-2.0 */
/* Primitive: binary dot products of eight bit strings at once with up to 32 rows of weights.
 *
 * The eight strings ("lanes") are interleaved by words: word i of lane p is word
 * i * HYST_TILE_LANES + p of x, and of mask. So one word of a row meets a whole vector of
 * inputs, no sum runs across lanes, and only the last word has a tail. Rows are as in
 * xnor_rows.h. */
#ifndef HYST_XNOR_TILE_H
#define HYST_XNOR_TILE_H

#include "hyst/rom.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HYST_TILE_LANES 8

/* acc[p * 32 + r] = counted[p] - 2 * (elements of lane p that differ from row r and have a 1 in
 * mask) for r < rows <= 32; entries past rows become undefined. mask may be NULL: all k elements
 * count. counted[p] is the number of elements of lane p that count. Padding bits of x, mask and
 * the rows may hold anything. */
void hyst_xnor_tile(const void *x, const void *mask, hyst_rom rows_w, uint32_t k, uint32_t rows,
                    const int32_t *counted, int32_t *acc);

#ifdef __cplusplus
}
#endif

#endif
