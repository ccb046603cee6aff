/* SPDX-License-Identifier: Apache-2.0 */
/* Eight vectors of eight words as a matrix. For the AVX-512 variants of primitives. */
#ifndef HYST_ISA_TRANSPOSE_AVX512_H
#define HYST_ISA_TRANSPOSE_AVX512_H

#include <immintrin.h>
#include <stdint.h>

#define INLINE static inline __attribute__((always_inline))

/* keeps arrays of eight vectors in registers at -O2 too */
#define UNROLL8 _Pragma("GCC unroll 8")

/* 8 x 8 transposition of 64-bit elements: out[p] holds element p of every in[j]. */
INLINE void transpose8(const __m512i *in, __m512i *out)
{
    __m512i a[8], b[8];
    uint32_t j;
    UNROLL8
    for (j = 0; j < 8u; j += 2u) {
        a[j] = _mm512_unpacklo_epi64(in[j], in[j + 1u]);
        a[j + 1u] = _mm512_unpackhi_epi64(in[j], in[j + 1u]);
    }
    UNROLL8
    for (j = 0; j < 8u; j += 4u) { /* 128-bit blocks: 0 and 2, then 1 and 3 of each source */
        b[j] = _mm512_shuffle_i64x2(a[j], a[j + 2u], 0x88);
        b[j + 1u] = _mm512_shuffle_i64x2(a[j + 1u], a[j + 3u], 0x88);
        b[j + 2u] = _mm512_shuffle_i64x2(a[j], a[j + 2u], 0xdd);
        b[j + 3u] = _mm512_shuffle_i64x2(a[j + 1u], a[j + 3u], 0xdd);
    }
    UNROLL8
    for (j = 0; j < 4u; j++) { /* b[j]: elements j and j + 4 */
        out[j] = _mm512_shuffle_i64x2(b[j], b[j + 4u], 0x88);
        out[j + 4u] = _mm512_shuffle_i64x2(b[j], b[j + 4u], 0xdd);
    }
}

#endif
