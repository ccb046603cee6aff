/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/ge_bits.h"

#include "hyst/isa/limits_avx512.h"

void hyst_ge_bits_of(const int32_t *acc, uint32_t count, const void *t, int32_t t_type, uint32_t at,
                     uint32_t n, uint32_t *bits)
{
    const uint32_t valid = n < 32u ? (1u << n) - 1u : 0xffffffffu;
    const __mmask16 low = (__mmask16)(valid & 0xffffu), high = (__mmask16)(valid >> 16);
    const hyst_limits limits = {t, t_type, at};
    const __m512i first = hyst_sixteen_limits(&limits, 0, low);
    const __m512i second = hyst_sixteen_limits(&limits, 16, high);
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
