/* SPDX-License-Identifier: Apache-2.0 */
/* Primitive: dot products of sixteen vectors of 8-bit integers at once with up to 32 rows of
 * binary or ternary weights.
 *
 * The vectors ("lanes") are interleaved by hyst_int_tile_put and the weights spread to bytes by
 * hyst_int_tile_weights, each in the form the variant likes; no sum runs across lanes. Rows and
 * negative planes are as in xnor_rows.h. */
#ifndef HYST_INT_TILE_H
#define HYST_INT_TILE_H

#include "hyst/elements.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HYST_INT_LANES 16

/* Bytes of one lane or one row: k up to a multiple of 8. */
static inline uint32_t hyst_int_tile_stride(uint32_t k)
{
    return (k + 7u) / 8u * 8u;
}

/* Bytes of the weights: 32 rows, then 32 corrections of 4 bytes. */
static inline uint32_t hyst_int_tile_weight_bytes(uint32_t k)
{
    return 32u * hyst_int_tile_stride(k) + 32u * 4u;
}

/* Writes k elements of x (HYST_U8 or HYST_I8) into a lane of tile, which has
 * HYST_INT_LANES * hyst_int_tile_stride(k) bytes. */
void hyst_int_tile_put(const void *x, int32_t type, uint32_t k, uint32_t lane, void *tile);

/* Spreads rows <= 32 rows for elements of a type. */
void hyst_int_tile_weights(const void *rows_w, const void *negative, int32_t type, uint32_t k,
                           uint32_t rows, void *weights);

/* acc[p * 32 + r] = sum of x * w over the k elements of lane p and row r, for r < rows; entries
 * past rows become undefined. abs(acc) <= 255 * k < 2^31. */
void hyst_int_tile(const void *tile, const void *weights, int32_t type, uint32_t k, uint32_t rows,
                   int32_t *acc);

#ifdef __cplusplus
}
#endif

#endif
