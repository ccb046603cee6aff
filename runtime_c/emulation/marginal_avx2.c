/* SPDX-License-Identifier: Apache-2.0 */
/* AVX2: eight blocks at a time, and only draws near either end are looked at one by one.
 *
 * A word lies in the low half of a 64-bit lane; what products leave in the high half is
 * ignored by the next multiplication and never read. */
#include <immintrin.h>

#include "philox.h"

#define INLINE static inline __attribute__((always_inline))

#define GROUP 16u /* cells of eight blocks */

typedef struct state {
    __m256i x0, x1, x2, x3; /* four blocks */
} state;

INLINE void one_round(state *s, __m256i k0, __m256i k1)
{
    const __m256i product0 = _mm256_mul_epu32(s->x0, _mm256_set1_epi64x(HYST_MULTIPLY_0));
    const __m256i product1 = _mm256_mul_epu32(s->x2, _mm256_set1_epi64x(HYST_MULTIPLY_1));
    s->x0 = _mm256_xor_si256(_mm256_srli_epi64(product1, 32), _mm256_xor_si256(s->x1, k0));
    s->x1 = product1;
    s->x2 = _mm256_xor_si256(_mm256_srli_epi64(product0, 32), _mm256_xor_si256(s->x3, k1));
    s->x3 = product0;
}

/* The high halves of eight draws (even ones in even places) and where one of them, or its
 * complement, is at most last. */
INLINE uint32_t near_end(const state *s, __m256i last)
{
    const __m256i high = _mm256_blend_epi32(s->x1, _mm256_slli_epi64(s->x3, 32), 0xaa);
    const __m256i folded = _mm256_xor_si256(high, _mm256_srai_epi32(high, 31));
    return ~(uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(folded, last))) &
           255u;
}

INLINE void keep(const state *s, uint64_t draw[8])
{
    const __m256i low = _mm256_set1_epi64x(0xffffffff);
    uint64_t even[4], odd[4];
    uint32_t i;
    _mm256_storeu_si256((__m256i *)(void *)even, _mm256_or_si256(_mm256_and_si256(s->x0, low),
                                                                 _mm256_slli_epi64(s->x1, 32)));
    _mm256_storeu_si256((__m256i *)(void *)odd, _mm256_or_si256(_mm256_and_si256(s->x2, low),
                                                                _mm256_slli_epi64(s->x3, 32)));
    for (i = 0; i < 4u; i++) {
        draw[2u * i] = even[i];
        draw[2u * i + 1u] = odd[i];
    }
}

uint64_t hyst_marginal(const hyst_stream *stream, const uint8_t *stored, uint64_t count,
                       const hyst_limit limit[2], int64_t *cell, uint64_t *depth)
{
    const uint64_t last = limit[0].last > limit[1].last ? limit[0].last : limit[1].last;
    const __m256i most = _mm256_set1_epi32((int32_t)(last >> 32));
    const __m256i section = _mm256_set1_epi64x(stream->section);
    const __m256i chip = _mm256_set1_epi64x(stream->chip);
    const __m256i purpose = _mm256_set1_epi64x(stream->purpose);
    uint64_t start = 0, found = 0;
    /* folded draws are below 2^31: larger limits look at every draw, and the portable rule does */
    for (; last >> 63 == 0u && start + GROUP <= count; start += GROUP) {
        uint32_t key0 = stream->key[0], key1 = stream->key[1], n, near;
        uint64_t draw[GROUP];
        state a, b;
        a.x0 = _mm256_add_epi64(_mm256_set1_epi64x((int64_t)(start / 2u)),
                                _mm256_setr_epi64x(0, 1, 2, 3));
        b.x0 = _mm256_add_epi64(a.x0, _mm256_set1_epi64x(4));
        a.x1 = b.x1 = section;
        a.x2 = b.x2 = chip;
        a.x3 = b.x3 = purpose;
        for (n = 0; n < 10u; n++, key0 += HYST_WEYL_0, key1 += HYST_WEYL_1) {
            const __m256i k0 = _mm256_set1_epi64x(key0), k1 = _mm256_set1_epi64x(key1);
            one_round(&a, k0, k1);
            one_round(&b, k0, k1);
        }
        near = near_end(&a, most) | near_end(&b, most) << 8;
        if (near) {
            keep(&a, draw);
            keep(&b, draw + 8);
        }
        for (; near; near &= near - 1u) {
            const uint32_t i = (uint32_t)__builtin_ctz(near);
            found += hyst_judge(stored, limit, start + i, draw[i], cell + found, depth + found);
        }
    }
    return hyst_marginal_from(stream, stored, start, count, limit, cell, depth, found);
}
