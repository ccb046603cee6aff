/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/ge_bits.h"

#include <immintrin.h>

static inline uint32_t sixteen(const int32_t *acc, const unsigned char *t, int32_t t_type,
                               uint32_t at, __mmask16 some)
{
    const __m512i a = _mm512_maskz_loadu_epi32(some, acc);
    const __m512i limit =
        t_type == HYST_I16
            ? _mm512_cvtepi16_epi32(_mm256_maskz_loadu_epi16(some, t + (size_t)at * 2u))
            : _mm512_maskz_loadu_epi32(some, t + (size_t)at * 4u);
    return (uint32_t)_mm512_mask_cmpge_epi32_mask(some, a, limit);
}

uint32_t hyst_ge_bits(const int32_t *acc, const void *t, int32_t t_type, uint32_t at, uint32_t n)
{
    const unsigned char *bytes = (const unsigned char *)t;
    const uint32_t valid = n < 32u ? (1u << n) - 1u : 0xffffffffu;
    const uint32_t low = sixteen(acc, bytes, t_type, at, (__mmask16)(valid & 0xffffu));
    if (n <= 16u) {
        return low;
    }
    return low | sixteen(acc + 16, bytes, t_type, at + 16u, (__mmask16)(valid >> 16)) << 16;
}
