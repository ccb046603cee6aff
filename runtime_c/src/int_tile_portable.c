/* SPDX-License-Identifier: Apache-2.0 */
/* Four lanes share a 64-bit word, 16 bits each; signed elements are kept as x + 128. A weight of
 * -1 adds 255 - x instead of -x, so that no field borrows from its neighbour; what that adds
 * too much is known by row (the correction). Inner loops run over the words of a step, so that
 * compilers vectorise them. */
#include "hyst/int_tile.h"

#define LANES ((uint32_t)HYST_INT_LANES)
#define WORDS ((uint32_t)HYST_INT_LANES / 4u)
#define EIGHT 8u

/* HYST_INT_TILE_MOST * 255 stays below 2^16. */
#define FIELDS 0x00ff00ff00ff00ffu

static void put_field(void *tile, uint32_t at, uint32_t value)
{
    const uint16_t field = (uint16_t)value;
    memcpy((unsigned char *)tile + at * 2u, &field, sizeof field);
}

void hyst_int_tile_put(const void *x, int32_t type, uint32_t k, uint32_t lane, void *tile)
{
    const unsigned char *from = (const unsigned char *)x;
    const uint32_t flip = type == HYST_I8 ? 128u : 0u;
    uint32_t t;
    for (t = 0; t < hyst_int_tile_stride(k); t++) { /* those past k add nothing */
        put_field(tile, t * LANES + lane, t < k ? from[t] ^ flip : 0u);
    }
}

/* A row is its weights as words: 0 for +1 (and past k), FIELDS for -1. */
void hyst_int_tile_weights(hyst_rom rows_w, int32_t type, uint32_t k, uint32_t rows,
                           void *weights)
{
    const uint32_t bits = hyst_plane_bytes(k), stride = hyst_int_tile_stride(k);
    hyst_rom row = rows_w;
    uint64_t *to = (uint64_t *)weights;
    uint32_t r, i, t;
    for (r = 0; r < rows; r++, row = hyst_rom_at(row, bits)) {
        int32_t negative = 0;
        for (i = 0; i < hyst_words(k); i++) {
            const hyst_word valid = i + 1u < hyst_words(k) ? HYST_ALL_ONES : hyst_tail_mask(k);
            const hyst_word minus = ~hyst_rom_load(row, i) & valid;
            const uint32_t first = i * HYST_WORD_BITS, left = stride - first;
            negative += (int32_t)hyst_popcount(minus);
            for (t = 0; t < (left < HYST_WORD_BITS ? left : HYST_WORD_BITS); t++) {
                to[r * stride + first + t] = ((uint64_t)0 - ((minus >> t) & 1u)) & FIELDS;
            }
        }
        hyst_put_i32(to + 32u * stride, r,
                     -255 * negative - (type == HYST_I8 ? 128 * ((int32_t)k - 2 * negative) : 0));
    }
}

/* Adds EIGHT elements of every lane. */
static inline void add_eight(const uint64_t *x, const uint64_t *w, uint64_t *part)
{
    uint32_t i, j;
    HYST_VECTOR_LOOP
    for (i = 0; i < WORDS; i++) {
        uint64_t sum = 0;
        for (j = 0; j < EIGHT; j++) {
            sum += x[j * WORDS + i] ^ w[j];
        }
        part[i] += sum;
    }
}

void hyst_int_tile(const void *tile, const void *weights, uint32_t k, uint32_t rows, int32_t *acc)
{
    const uint32_t stride = hyst_int_tile_stride(k);
    const uint64_t *x = (const uint64_t *)tile, *w = (const uint64_t *)weights;
    uint32_t r, t, p;
    for (r = 0; r < rows; r++) {
        const int32_t correction = hyst_get_i32(w + 32u * stride, r);
        uint64_t part[HYST_INT_LANES / 4] = {0};
        for (t = 0; t < stride; t += EIGHT) {
            add_eight(x + t * WORDS, w + r * stride + t, part);
        }
        for (p = 0; p < LANES; p++) {
            const uint32_t field = (uint32_t)(part[p / 4u] >> (p % 4u * 16u)) & 0xffffu;
            acc[p * 32u + r] = (int32_t)field + correction;
        }
    }
}

void hyst_int_tile_bits(const void *tile, const void *weights, uint32_t k, uint32_t rows,
                        const hyst_limits *limits, uint32_t *bits)
{
    hyst_int_tile_bits_of_sums(tile, weights, k, rows, limits, bits);
}
