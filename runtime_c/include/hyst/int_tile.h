/* SPDX-License-Identifier: Apache-2.0 */
/* Primitive: dot products of sixteen vectors of 8-bit integers at once with up to 32 rows of
 * binary weights.
 *
 * The vectors ("lanes") are interleaved by hyst_int_tile_put and the weights spread by
 * hyst_int_tile_weights, each in the form the variant likes; no sum runs across lanes. Rows are
 * as in xnor_rows.h. */
#ifndef HYST_INT_TILE_H
#define HYST_INT_TILE_H

#include "hyst/elements.h"
#include "hyst/ge_bits.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HYST_INT_LANES 16

/* Longer rows fill the cache with spread weights: hyst_int_rows serves them better. */
#define HYST_INT_TILE_MOST 256u

/* Elements of a lane or a row in memory: k up to a multiple of 8. */
static inline uint32_t hyst_int_tile_stride(uint32_t k)
{
    return (k + 7u) / 8u * 8u;
}

/* Bytes of a tile: variants may keep 16 bits per element. */
static inline uint32_t hyst_int_tile_bytes(uint32_t k)
{
    return 2u * (uint32_t)HYST_INT_LANES * hyst_int_tile_stride(k);
}

/* Writes k elements of x (HYST_U8 or HYST_I8, readable up to a multiple of 8 bytes) into a lane. */
void hyst_int_tile_put(const void *x, int32_t type, uint32_t k, uint32_t lane, void *tile);

/* Spreads rows <= 32 rows for elements of a type, into 32 * 8 bytes for each element of a row
 * in memory, then 32 corrections of 4 bytes. */
void hyst_int_tile_weights(hyst_rom rows_w, int32_t type, uint32_t k, uint32_t rows,
                           void *weights);

/* acc[p * 32 + r] = sum of x * w over the k elements of lane p and row r, for r < rows; entries
 * past rows become undefined. abs(acc) <= 255 * k < 2^31. */
void hyst_int_tile(const void *tile, const void *weights, uint32_t k, uint32_t rows, int32_t *acc);

/* The same sums compared at once: bit r of bits[p] = [acc[p * 32 + r] >= threshold r] for r < rows,
 * 0 above. Only rows thresholds are read. */
void hyst_int_tile_bits(const void *tile, const void *weights, uint32_t k, uint32_t rows,
                        const hyst_limits *limits, uint32_t *bits);

/* For variants whose sums leave registers anyway. */
static inline void hyst_int_tile_bits_of_sums(const void *tile, const void *weights, uint32_t k,
                                              uint32_t rows, const hyst_limits *limits,
                                              uint32_t *bits)
{
    int32_t acc[HYST_INT_LANES * 32];
    hyst_int_tile(tile, weights, k, rows, acc);
    hyst_ge_bits_of(acc, HYST_INT_LANES, limits->t, limits->type, limits->at, rows, bits);
}

/* The form of the vector variants: four elements of every lane together, signed ones as x + 128.
 * Bytes past k hold anything and meet weights of 0. */
static inline void hyst_int_tile_put_fours(const void *x, int32_t type, uint32_t k, uint32_t lane,
                                           void *tile)
{
    const uint32_t flip = type == HYST_I8 ? 0x80808080u : 0u;
    uint32_t g;
    for (g = 0; g < (k + 3u) / 4u; g++) {
        hyst_store32(tile, g * (uint32_t)HYST_INT_LANES + lane, hyst_load32(x, g) ^ flip);
    }
}

#ifdef __cplusplus
}
#endif

#endif
