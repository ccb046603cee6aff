/* SPDX-License-Identifier: Apache-2.0 */
/* AVX-512 with VPOPCNTDQ: eight rows at once, 512 elements counted in one instruction. */
#include "hyst/xnor_rows.h"

#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))

/* keeps arrays of eight vectors in registers at -O2 too */
#define UNROLL8 _Pragma("GCC unroll 8")

#define ROWS 8u

/* What all rows of a call share. */
typedef struct operands {
    const unsigned char *sign, *mask; /* mask may be NULL */
    uint32_t full;                    /* vectors of 512 bits without tail */
    __mmask8 lanes;                   /* words of the tail, 0: none */
    __m512i valid;                    /* bits of the tail that count */
} operands;

INLINE __m512i load(const unsigned char *p, uint32_t i)
{
    return _mm512_loadu_si512(p + (size_t)i * 64u);
}

/* Only the words of the tail: nothing past the row is read. */
INLINE __m512i load_tail(const operands *q, const unsigned char *p)
{
    return _mm512_maskz_loadu_epi64(q->lanes, p + (size_t)q->full * 64u);
}

/* Counts of differing counted bits, added to *differ; ternary: *counted too. */
INLINE void step(__m512i sign, __m512i valid, __m512i row, __m512i negative, int masked,
                 int ternary, __m512i *differ, __m512i *counted)
{
    __m512i d = _mm512_xor_si512(sign, row);
    if (ternary) {
        valid = _mm512_and_si512(valid, _mm512_xor_si512(row, negative));
        *counted = _mm512_add_epi64(*counted, _mm512_popcnt_epi64(valid));
    }
    if (masked || ternary) {
        d = _mm512_and_si512(d, valid);
    }
    *differ = _mm512_add_epi64(*differ, _mm512_popcnt_epi64(d));
}

INLINE void eight_rows(const operands *q, const unsigned char *const *row,
                       const unsigned char *const *negative, int masked, int ternary,
                       __m512i *differ, __m512i *counted)
{
    const __m512i zero = _mm512_setzero_si512(), all = _mm512_set1_epi8(-1);
    uint32_t i, j;
    UNROLL8
    for (j = 0; j < ROWS; j++) {
        differ[j] = zero;
        counted[j] = zero;
    }
    for (i = 0; i < q->full; i++) {
        const __m512i x = load(q->sign, i);
        const __m512i valid = masked ? load(q->mask, i) : all;
        UNROLL8
        for (j = 0; j < ROWS; j++) {
            step(x, valid, load(row[j], i), ternary ? load(negative[j], i) : zero, masked, ternary,
                 &differ[j], &counted[j]);
        }
    }
    if (q->lanes) {
        const __m512i x = load_tail(q, q->sign);
        const __m512i valid =
            masked ? _mm512_and_si512(q->valid, load_tail(q, q->mask)) : q->valid;
        UNROLL8
        for (j = 0; j < ROWS; j++) {
            step(x, valid, load_tail(q, row[j]), ternary ? load_tail(q, negative[j]) : zero, 1,
                 ternary, &differ[j], &counted[j]);
        }
    }
}

/* Sums of the even (in[0..3]) and odd elements of pairs of vectors, interleaved. */
INLINE __m512i pair(__m512i a, __m512i b)
{
    return _mm512_add_epi64(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
}

INLINE __m512i halves(__m512i a, __m512i b)
{
    return _mm512_add_epi64(_mm512_shuffle_i64x2(a, b, 0x88), _mm512_shuffle_i64x2(a, b, 0xdd));
}

/* The eight 32-bit sums of eight vectors of 64-bit sums, in order. */
INLINE __m256i gather8(const __m512i *s)
{
    const __m512i ab = pair(s[0], s[1]), cd = pair(s[2], s[3]);
    const __m512i ef = pair(s[4], s[5]), gh = pair(s[6], s[7]);
    return _mm512_cvtepi64_epi32(halves(halves(ab, cd), halves(ef, gh)));
}

INLINE void all_rows(const operands *q, const unsigned char *row, const unsigned char *negative,
                     uint32_t stride, uint32_t rows, int32_t counted, int masked, int ternary,
                     int32_t *acc)
{
    uint32_t r, j;
    for (r = 0; r < rows; r += ROWS) {
        const unsigned char *w[ROWS], *other[ROWS];
        __m512i differ[ROWS], counts[ROWS];
        __m256i sums, count = _mm256_set1_epi32(counted);
        UNROLL8
        for (j = 0; j < ROWS; j++) {
            /* past the end the last row is counted again; nobody reads the result */
            const uint32_t at = (r + j < rows ? r + j : rows - 1u) * stride;
            w[j] = row + at;
            other[j] = ternary ? negative + at : NULL;
        }
        eight_rows(q, w, other, masked, ternary, differ, counts);
        sums = gather8(differ);
        if (ternary) {
            count = gather8(counts);
        }
        _mm256_storeu_si256((__m256i *)(void *)(acc + r),
                            _mm256_sub_epi32(count, _mm256_add_epi32(sums, sums)));
    }
}

void hyst_xnor_rows(const void *sign, const void *mask, const void *rows_w, const void *negative,
                    uint32_t k, uint32_t rows, int32_t *acc)
{
    const unsigned char *row = (const unsigned char *)rows_w;
    const unsigned char *other = (const unsigned char *)negative;
    const uint32_t stride = hyst_plane_bytes(k), words = k % 512u / 64u, bits = k % 64u;
    operands q;
    q.sign = (const unsigned char *)sign;
    q.mask = (const unsigned char *)mask;
    q.full = k / 512u;
    q.lanes = (__mmask8)((1u << (words + (bits > 0u))) - 1u);
    q.valid = _mm512_mask_set1_epi64(_mm512_set1_epi8(-1), (__mmask8)(1u << words),
                                     (long long)(((uint64_t)1 << bits) - 1u));
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
