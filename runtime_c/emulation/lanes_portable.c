/* SPDX-License-Identifier: Apache-2.0 */
#include "lanes.h"

#include <string.h>

void hyst_lanes_add(const int16_t *sums, const void *x, int32_t is_signed,
                    const hyst_signed_list *list, int16_t *acc)
{
    uint32_t j, i;
    memcpy(acc, sums, HYST_BLOCK * sizeof *acc);
    for (j = 0; j < list->count; j++) {
        const unsigned char *row = (const unsigned char *)x + (size_t)list->row[j] * HYST_BLOCK;
        const int32_t sign = j < list->plus ? 1 : -1;
        for (i = 0; i < HYST_BLOCK; i++) {
            const int32_t value = is_signed ? (int32_t)(row[i] ^ 0x80u) - 0x80 : (int32_t)row[i];
            acc[i] = (int16_t)(acc[i] + sign * value);
        }
    }
}

void hyst_lanes_ge(const int16_t *acc, const int16_t *odd, int32_t limit, uint64_t *bits)
{
    uint32_t i;
    for (i = 0; i < HYST_BLOCK; i++) {
        bits[i / 64u] ^= (uint64_t)((int32_t)acc[i] + odd[i] >= limit) << (i % 64u);
    }
}

void hyst_lanes_votes(const uint64_t *rows, const hyst_signed_list *list, int8_t *out)
{
    uint32_t j, i;
    memset(out, 0, HYST_BLOCK);
    for (j = 0; j < list->count; j++) {
        const uint64_t *row = rows + (size_t)list->row[j] * HYST_BLOCK_WORDS;
        const int32_t sign = j < list->plus ? 1 : -1;
        for (i = 0; i < HYST_BLOCK; i++) {
            const int32_t bit = (int32_t)(row[i / 64u] >> (i % 64u) & 1u);
            out[i] = (int8_t)(out[i] + sign * (2 * bit - 1));
        }
    }
}

void hyst_lanes_turn(const int8_t *rows, int8_t *out, size_t stride)
{
    uint32_t r, i;
    for (i = 0; i < HYST_BLOCK; i++) {
        for (r = 0; r < 16u; r++) {
            out[i * stride + r] = rows[r * HYST_BLOCK + i];
        }
    }
}

void hyst_lanes_delta(const hyst_delta *q, int8_t *steps, uint64_t *bits)
{
    uint32_t j, i, f;
    memcpy(steps, q->base, q->width);
    for (j = 0; j < q->plus + q->minus; j++) {
        const uint32_t row = j < q->plus ? q->list[j] : q->end[-1 - (int32_t)(j - q->plus)];
        const int8_t *w = q->table + (size_t)row * HYST_CHUNK;
        const int32_t sign = j < q->plus ? 1 : -1;
        for (i = 0; i < q->width; i++) {
            steps[i] = (int8_t)(steps[i] + sign * w[i]);
        }
    }
    for (i = 0; i < q->width; i++) {
        if (i % 64u == 0u) {
            bits[i / 64u] = 0;
        }
        for (f = 0; f < q->flips; f++) {
            bits[i / 64u] ^= (uint64_t)(q->margin[f][i] + steps[i] >= 0) << (i % 64u);
        }
    }
}

void hyst_lanes_above(const int16_t *sums, const int16_t *steps, const int16_t *below,
                      uint32_t width, uint64_t *bits)
{
    uint32_t i;
    for (i = 0; i < width; i++) {
        bits[i / 64u] ^= (uint64_t)((int16_t)(sums[i] + steps[i]) > below[i]) << (i % 64u);
    }
}

/* H. S. Warren, Hacker's Delight, 2nd edition, section 7-3. */
void hyst_lanes_turn_bits(uint64_t word[64])
{
    uint64_t mask = 0xffffffffu;
    uint32_t width, first, i;
    for (width = 32u; width != 0u; width >>= 1, mask ^= mask << width) {
        for (first = 0; first < 64u; first += 2u * width) {
            for (i = first; i < first + width; i++) {
                const uint64_t swap = (word[i] >> width ^ word[i + width]) & mask;
                word[i] ^= swap << width;
                word[i + width] ^= swap;
            }
        }
    }
}
