/* SPDX-License-Identifier: Apache-2.0 */
/* Thresholds as 32-bit numbers. For the AVX-512 variants of primitives. */
#ifndef HYST_ISA_LIMITS_AVX512_H
#define HYST_ISA_LIMITS_AVX512_H

#include <immintrin.h>

#include "hyst/ge_bits.h"

/* Thresholds first to first + 15, 0 where some says no: only the others are read. */
static inline __attribute__((always_inline)) __m512i hyst_sixteen_limits(const hyst_limits *from,
                                                                         uint32_t first,
                                                                         __mmask16 some)
{
    const unsigned char *t = (const unsigned char *)from->t;
    const size_t at = (size_t)from->at + first;
    if (from->type == HYST_I16) {
        return _mm512_cvtepi16_epi32(_mm256_maskz_loadu_epi16(some, t + at * 2u));
    }
    return _mm512_maskz_loadu_epi32(some, t + at * 4u);
}

#endif
