/* SPDX-License-Identifier: Apache-2.0 */
/* Element t of all lanes lies together, so that compilers vectorise over lanes. Signed elements
 * are kept as x + 128; the sum of the weights times 128 corrects for it. */
#include "hyst/int_tile.h"

#define LANES ((uint32_t)HYST_INT_LANES)

/* 128 products of at most 255 stay below 2^15. */
#define STEPS 128u

void hyst_int_tile_put(const void *x, int32_t type, uint32_t k, uint32_t lane, void *tile)
{
    const unsigned char *from = (const unsigned char *)x;
    unsigned char *to = (unsigned char *)tile + lane;
    const uint32_t flip = type == HYST_I8 ? 128u : 0u;
    uint32_t t;
    for (t = 0; t < k; t++) {
        to[t * LANES] = (unsigned char)(from[t] ^ flip);
    }
}

void hyst_int_tile_weights(const void *rows_w, const void *negative, int32_t type, uint32_t k,
                           uint32_t rows, void *weights)
{
    const uint32_t bits = hyst_plane_bytes(k), stride = hyst_int_tile_stride(k);
    const unsigned char *row = (const unsigned char *)rows_w;
    const unsigned char *other = (const unsigned char *)negative;
    unsigned char *to = (unsigned char *)weights, *corrections = to + 32u * stride;
    uint32_t r, t;
    for (r = 0; r < rows; r++) {
        int32_t sum = 0;
        for (t = 0; t < k; t++) {
            const int32_t plus = (int32_t)hyst_get_bit(row + r * bits, t);
            const int32_t minus = other ? (int32_t)hyst_get_bit(other + r * bits, t) : 1 - plus;
            sum += plus - minus;
            to[r * stride + t] = (unsigned char)(plus - minus);
        }
        hyst_put_i32(corrections, r, type == HYST_I8 ? -128 * sum : 0);
    }
}

void hyst_int_tile(const void *tile, const void *weights, int32_t type, uint32_t k, uint32_t rows,
                   int32_t *acc)
{
    const uint32_t stride = hyst_int_tile_stride(k);
    const unsigned char *x = (const unsigned char *)tile, *w = (const unsigned char *)weights;
    uint32_t r, t, p;
    (void)type;
    for (r = 0; r < rows; r++) {
        const int32_t correction = hyst_get_i32(w + 32u * stride, r);
        int32_t sum[HYST_INT_LANES] = {0};
        for (t = 0; t < k;) {
            const uint32_t stop = k - t < STEPS ? k : t + STEPS;
            int16_t part[HYST_INT_LANES] = {0};
            for (; t < stop; t++) {
                const int32_t weight = (int32_t)(w[r * stride + t] ^ 128u) - 128;
                for (p = 0; p < LANES; p++) {
                    part[p] = (int16_t)(part[p] + weight * x[t * LANES + p]);
                }
            }
            for (p = 0; p < LANES; p++) {
                sum[p] += part[p];
            }
        }
        for (p = 0; p < LANES; p++) {
            acc[p * 32u + r] = sum[p] + correction;
        }
    }
}
