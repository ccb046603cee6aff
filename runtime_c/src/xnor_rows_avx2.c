/* SPDX-License-Identifier: Apache-2.0 */
/* AVX2: four rows at once, population count by nibble look-up (vpshufb), byte
 * counters summed by vpsadbw before they overflow. */
#include "hyst/xnor_rows.h"

#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))

/* keeps arrays of four vectors in registers at -O2 too */
#define UNROLL4 _Pragma("GCC unroll 4")

/* 8 per step and byte: 31 steps stay below 256. */
#define STEPS 31u

/* What all rows of a call share. */
typedef struct operands {
    const unsigned char *sign, *mask; /* mask may be NULL */
    uint32_t full;                    /* vectors of 256 bits without tail */
    int32_t tail;                     /* 1: a shorter vector follows */
    __m256i lanes, valid;             /* of the tail: words to load, bits that count */
} operands;

INLINE __m256i byte_counts(__m256i v)
{
    const __m256i table = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1,
                                           2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
    const __m256i low = _mm256_set1_epi8(15);
    const __m256i high = _mm256_and_si256(_mm256_srli_epi16(v, 4), low);
    return _mm256_add_epi8(_mm256_shuffle_epi8(table, _mm256_and_si256(v, low)),
                           _mm256_shuffle_epi8(table, high));
}

INLINE __m256i load(const unsigned char *p, uint32_t i)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)(p + (size_t)i * 32u));
}

/* Only the words of the tail: nothing past the row is read. */
INLINE __m256i load_tail(const operands *q, const unsigned char *p)
{
    return _mm256_maskload_epi64((const long long *)(const void *)(p + (size_t)q->full * 32u),
                                 q->lanes);
}

/* Differing counted bits; ternary: also adds the counted bits, twice weighted later. */
INLINE __m256i step(__m256i sign, __m256i valid, __m256i row, __m256i negative, int masked,
                    int ternary, __m256i *counted)
{
    __m256i differ = _mm256_xor_si256(sign, row);
    if (ternary) {
        valid = _mm256_and_si256(valid, _mm256_xor_si256(row, negative));
        *counted = _mm256_add_epi8(*counted, byte_counts(valid));
    }
    if (masked || ternary) {
        differ = _mm256_and_si256(differ, valid);
    }
    return byte_counts(differ);
}

/* The four 32-bit sums of four vectors of 64-bit sums. */
INLINE __m128i gather4(const __m256i *s)
{
    const __m256i a = _mm256_or_si256(s[0], _mm256_slli_epi64(s[1], 32));
    const __m256i b = _mm256_or_si256(s[2], _mm256_slli_epi64(s[3], 32));
    const __m256i both =
        _mm256_add_epi32(_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b));
    return _mm_add_epi32(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
}

/* sums[r]: differing bits, sums[4 + r]: counted bits (ternary only), as four 64-bit parts. */
INLINE void four_rows(const operands *q, const unsigned char *const *row,
                      const unsigned char *const *negative, int masked, int ternary, __m256i *sums)
{
    const __m256i zero = _mm256_setzero_si256(), all = _mm256_set1_epi8(-1);
    __m256i differ[4], counted[4];
    uint32_t i = 0, r, stop;
    int32_t tail = q->tail;
    for (r = 0; r < 8u; r++) {
        sums[r] = zero;
    }
    do {
        UNROLL4
        for (r = 0; r < 4u; r++) {
            differ[r] = zero;
            counted[r] = zero;
        }
        stop = i + STEPS - (uint32_t)tail; /* the tail is one of the steps */
        stop = stop < q->full ? stop : q->full;
        if (tail) {
            const __m256i x = load_tail(q, q->sign);
            const __m256i valid = masked ? _mm256_and_si256(q->valid, load_tail(q, q->mask))
                                         : q->valid;
            UNROLL4
            for (r = 0; r < 4u; r++) {
                const __m256i other = ternary ? load_tail(q, negative[r]) : zero;
                differ[r] = step(x, valid, load_tail(q, row[r]), other, 1, ternary, &counted[r]);
            }
            tail = 0;
        }
        for (; i < stop; i++) {
            const __m256i x = load(q->sign, i);
            const __m256i valid = masked ? load(q->mask, i) : all;
            UNROLL4
            for (r = 0; r < 4u; r++) {
                const __m256i other = ternary ? load(negative[r], i) : zero;
                differ[r] = _mm256_add_epi8(differ[r], step(x, valid, load(row[r], i), other, masked,
                                                            ternary, &counted[r]));
            }
        }
        UNROLL4
        for (r = 0; r < 4u; r++) {
            sums[r] = _mm256_add_epi64(sums[r], _mm256_sad_epu8(differ[r], zero));
            if (ternary) {
                sums[4 + r] = _mm256_add_epi64(sums[4 + r], _mm256_sad_epu8(counted[r], zero));
            }
        }
    } while (i < q->full);
}

INLINE void all_rows(const operands *q, const unsigned char *row, const unsigned char *negative,
                     uint32_t stride, uint32_t rows, int32_t counted, int masked, int ternary,
                     int32_t *acc)
{
    uint32_t r, j;
    for (r = 0; r < rows; r += 4u) {
        const unsigned char *w[4], *other[4];
        __m256i sums[8];
        __m128i differ, count = _mm_set1_epi32(counted);
        UNROLL4
        for (j = 0; j < 4u; j++) {
            /* past the end the last row is counted again; nobody reads the result */
            const uint32_t at = (r + j < rows ? r + j : rows - 1u) * stride;
            w[j] = row + at;
            other[j] = ternary ? negative + at : NULL;
        }
        four_rows(q, w, other, masked, ternary, sums);
        differ = gather4(sums);
        if (ternary) {
            count = gather4(sums + 4);
        }
        _mm_storeu_si128((__m128i *)(void *)(acc + r),
                         _mm_sub_epi32(count, _mm_add_epi32(differ, differ)));
    }
}

void hyst_xnor_rows(const void *sign, const void *mask, const void *rows_w, const void *negative,
                    uint32_t k, uint32_t rows, int32_t *acc)
{
    const unsigned char *row = (const unsigned char *)rows_w;
    const unsigned char *other = (const unsigned char *)negative;
    const uint32_t stride = hyst_plane_bytes(k), left = k % 256u;
    uint64_t valid[4], lanes[4];
    operands q;
    uint32_t j;
    UNROLL4
    for (j = 0; j < 4u; j++) {
        const uint32_t bits = left > 64u * j ? left - 64u * j : 0u;
        valid[j] = bits >= 64u ? ~(uint64_t)0 : ((uint64_t)1 << bits) - 1u;
        lanes[j] = bits > 0u ? ~(uint64_t)0 : 0u;
    }
    q.sign = (const unsigned char *)sign;
    q.mask = (const unsigned char *)mask;
    q.full = k / 256u;
    q.tail = left > 0u;
    memcpy(&q.valid, valid, sizeof valid);
    memcpy(&q.lanes, lanes, sizeof lanes);
    if (other) {
        if (mask) {
            all_rows(&q, row, other, stride, rows, 0, 1, 1, acc);
        } else {
            all_rows(&q, row, other, stride, rows, 0, 0, 1, acc);
        }
    } else if (mask) {
        all_rows(&q, row, NULL, stride, rows, hyst_mask_ones(mask, k), 1, 0, acc);
    } else {
        all_rows(&q, row, NULL, stride, rows, (int32_t)k, 0, 0, acc);
    }
}
