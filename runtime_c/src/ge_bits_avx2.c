/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/ge_bits.h"

#include <immintrin.h>

uint32_t hyst_ge_bits(const int32_t *acc, const void *t, int32_t t_type, uint32_t at, uint32_t n)
{
    const unsigned char *bytes = (const unsigned char *)t;
    uint32_t bits = 0, j;
    for (j = 0; j + 8u <= n; j += 8u) {
        const __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)(acc + j));
        __m256i limit;
        uint32_t below;
        if (t_type == HYST_I16) {
            limit = _mm256_cvtepi16_epi32(
                _mm_loadu_si128((const __m128i *)(const void *)(bytes + (size_t)(at + j) * 2u)));
        } else {
            limit = _mm256_loadu_si256((const __m256i *)(const void *)(bytes + (size_t)(at + j) * 4u));
        }
        below = (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(limit, a)));
        bits |= (~below & 255u) << j;
    }
    for (; j < n; j++) {
        const int32_t limit =
            t_type == HYST_I16 ? hyst_get_i16(t, at + j) : hyst_get_i32(t, at + j);
        bits |= (uint32_t)(acc[j] >= limit) << j;
    }
    return bits;
}
