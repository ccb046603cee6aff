/* SPDX-License-Identifier: Apache-2.0 */
/* Bit planes: sum q w = sum_b +-2^b (popcount(w & q_b)); the top plane of signed
 * types weighs negative. Planes are interleaved word by word. */
#include "hyst/int_rows.h"

static uint32_t plane_count(int32_t type)
{
    return type == HYST_I16 ? 16u : 8u;
}

int32_t hyst_int_planes(const void *x, int32_t type, uint32_t k, void *planes)
{
    const uint32_t count = plane_count(type), words = hyst_words(k);
    uint32_t total = 0, i, b, e;
    for (i = 0; i < words; i++) {
        const uint32_t first = i * HYST_WORD_BITS, left = k - first;
        const uint32_t last = left < HYST_WORD_BITS ? left : HYST_WORD_BITS;
        hyst_word plane[16] = {0};
        for (e = 0; e < last; e++) {
            const uint32_t value = (uint32_t)hyst_get(x, type, k, first + e);
            total += value;
            for (b = 0; b < count; b++) {
                plane[b] |= (hyst_word)((value >> b) & 1u) << e;
            }
        }
        for (b = 0; b < count; b++) {
            hyst_store(planes, i * count + b, plane[b]);
        }
    }
    return hyst_i32(total);
}

/* Sum of the elements whose weight bit is 1; count is a constant where it is inlined.
 * Planes past k are zero, so the padding bits of the row do not matter. */
static inline uint32_t chosen_of(const void *planes, hyst_rom row, uint32_t words,
                                 uint32_t count, int32_t negative_top)
{
    uint32_t ones[16] = {0};
    uint32_t sum = 0, i, b;
    for (i = 0; i < words; i++) {
        const hyst_word w = hyst_rom_load(row, i);
        for (b = 0; b < count; b++) {
            ones[b] += hyst_popcount(w & hyst_load(planes, i * count + b));
        }
    }
    for (b = 0; b + 1u < count; b++) {
        sum += ones[b] << b;
    }
    return negative_top ? sum - (ones[b] << b) : sum + (ones[b] << b);
}

static uint32_t chosen(const void *planes, int32_t type, hyst_rom row, uint32_t words)
{
    if (type == HYST_I16) {
        return chosen_of(planes, row, words, 16u, 1);
    }
    return chosen_of(planes, row, words, 8u, type == HYST_I8);
}

void hyst_int_rows(const void *planes, int32_t type, int32_t total, hyst_rom rows_w,
                   hyst_rom negative, uint32_t k, uint32_t rows, int32_t *acc)
{
    const uint32_t stride = hyst_plane_bytes(k), words = hyst_words(k);
    uint32_t r;
    for (r = 0; r < rows; r++) {
        const uint32_t plus = chosen(planes, type, hyst_rom_at(rows_w, r * stride), words);
        acc[r] = hyst_i32(negative ? plus - chosen(planes, type, hyst_rom_at(negative, r * stride), words)
                                : 2u * plus - (uint32_t)total);
    }
}
