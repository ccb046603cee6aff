/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/ge_bits.h"

#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))

/* Thresholds j..j+7. */
INLINE __m256i limits(const void *t, int32_t t_type, uint32_t at)
{
    const unsigned char *bytes = (const unsigned char *)t;
    if (t_type == HYST_I16) {
        return _mm256_cvtepi16_epi32(
            _mm_loadu_si128((const __m128i *)(const void *)(bytes + (size_t)at * 2u)));
    }
    return _mm256_loadu_si256((const __m256i *)(const void *)(bytes + (size_t)at * 4u));
}

INLINE uint32_t eight(const int32_t *acc, __m256i limit)
{
    const __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)acc);
    const __m256i below = _mm256_cmpgt_epi32(limit, a);
    return ~(uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(below)) & 255u;
}

uint32_t hyst_ge_bits(const int32_t *acc, const void *t, int32_t t_type, uint32_t at, uint32_t n)
{
    uint32_t bits = 0, j;
    for (j = 0; j + 8u <= n; j += 8u) {
        bits |= eight(acc + j, limits(t, t_type, at + j)) << j;
    }
    for (; j < n; j++) {
        const int32_t limit =
            t_type == HYST_I16 ? hyst_get_i16(t, at + j) : hyst_get_i32(t, at + j);
        bits |= (uint32_t)(acc[j] >= limit) << j;
    }
    return bits;
}

void hyst_ge_bits_of(const int32_t *acc, uint32_t count, const void *t, int32_t t_type, uint32_t at,
                     uint32_t n, uint32_t *bits)
{
    __m256i limit[4];
    uint32_t p, j;
    if (n < 32u) {
        for (p = 0; p < count; p++) {
            bits[p] = hyst_ge_bits(acc + 32u * p, t, t_type, at, n);
        }
        return;
    }
    for (j = 0; j < 4u; j++) {
        limit[j] = limits(t, t_type, at + 8u * j);
    }
    for (p = 0; p < count; p++, acc += 32) {
        bits[p] = eight(acc, limit[0]) | eight(acc + 8, limit[1]) << 8
                  | eight(acc + 16, limit[2]) << 16 | eight(acc + 24, limit[3]) << 24;
    }
}
