/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/ge_bits.h"

#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))

/* Thresholds of some of sixteen channels. */
INLINE __m512i limits(const void *t, int32_t t_type, uint32_t at, __mmask16 some)
{
    const unsigned char *bytes = (const unsigned char *)t;
    if (t_type == HYST_I16) {
        return _mm512_cvtepi16_epi32(_mm256_maskz_loadu_epi16(some, bytes + (size_t)at * 2u));
    }
    return _mm512_maskz_loadu_epi32(some, bytes + (size_t)at * 4u);
}

void hyst_ge_bits_of(const int32_t *acc, uint32_t count, const void *t, int32_t t_type, uint32_t at,
                     uint32_t n, uint32_t *bits)
{
    const uint32_t valid = n < 32u ? (1u << n) - 1u : 0xffffffffu;
    const __mmask16 low = (__mmask16)(valid & 0xffffu), high = (__mmask16)(valid >> 16);
    const __m512i first = limits(t, t_type, at, low), second = limits(t, t_type, at + 16u, high);
    uint32_t p;
    for (p = 0; p < count; p++, acc += 32) {
        const __m512i a = _mm512_maskz_loadu_epi32(low, acc);
        const __m512i b = _mm512_maskz_loadu_epi32(high, acc + 16);
        bits[p] = (uint32_t)_mm512_mask_cmpge_epi32_mask(low, a, first)
                  | (uint32_t)_mm512_mask_cmpge_epi32_mask(high, b, second) << 16;
    }
}

uint32_t hyst_ge_bits(const int32_t *acc, const void *t, int32_t t_type, uint32_t at, uint32_t n)
{
    uint32_t bits;
    hyst_ge_bits_of(acc, 1, t, t_type, at, n, &bits);
    return bits;
}
