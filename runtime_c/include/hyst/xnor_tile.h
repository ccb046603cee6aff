/* SPDX-License-Identifier: Apache-2.0 */
/* Primitive: binary dot products of eight bit strings at once with up to 32 rows of weights.
 *
 * The eight strings ("lanes") are interleaved by words: word i of lane p is word
 * i * HYST_TILE_LANES + p of x, and of mask. So one word of a row meets a whole vector of
 * inputs, no sum runs across lanes, and only the last word has a tail. Rows are as in
 * xnor_rows.h. */
#ifndef HYST_XNOR_TILE_H
#define HYST_XNOR_TILE_H

#include "hyst/ge_bits.h"
#include "hyst/isa.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HYST_TILE_LANES 8

/* Eight lanes of k bits. mask may be NULL: all bits count; words says that each of its words is all
 * ones or all zeros. counted[p] is how many bits of lane p count. Padding bits hold anything. */
typedef struct hyst_tile {
    const void *x, *mask;
    const int32_t *counted;
    uint32_t k;
    int32_t words;
} hyst_tile;

/* acc[p * 32 + r] = counted[p] - 2 * (bits of lane p that count and differ from row r) for
 * r < rows <= 32; entries past rows become undefined. */
void hyst_xnor_tile(const hyst_tile *tile, hyst_rom rows_w, uint32_t rows, int32_t *acc);

/* The same sums compared at once: bit r of bits[p] = [acc[p * 32 + r] >= threshold r] for r < rows,
 * 0 above. Only rows thresholds are read. */
void hyst_xnor_tile_bits(const hyst_tile *tile, hyst_rom rows_w, uint32_t rows,
                         const hyst_limits *limits, uint32_t *bits);

/* For variants whose sums leave registers anyway. */
static inline void hyst_xnor_tile_bits_of_sums(const hyst_tile *tile, hyst_rom rows_w,
                                               uint32_t rows, const hyst_limits *limits,
                                               uint32_t *bits)
{
    int32_t acc[HYST_TILE_LANES * 32];
    hyst_xnor_tile(tile, rows_w, rows, acc);
    hyst_ge_bits_of(acc, HYST_TILE_LANES, limits->t, limits->type, limits->at, rows, bits);
}

#ifdef __cplusplus
}
#endif

#endif
