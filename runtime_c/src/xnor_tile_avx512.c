/* SPDX-License-Identifier: Apache-2.0 */
/* AVX-512 with VPOPCNTDQ: one vector is one word of the eight lanes, so a word of a row is
 * broadcast by its load and counted in one instruction; no sum runs across lanes. */
#include "hyst/xnor_tile.h"

#include <immintrin.h>

#if HYST_TILE_LANES != 8
#error "a vector holds eight lanes"
#endif

#define INLINE static inline __attribute__((always_inline))

/* keeps arrays of eight vectors in registers at -O2 too */
#define UNROLL8 _Pragma("GCC unroll 8")

#define LANES ((uint32_t)HYST_TILE_LANES)
#define ROWS 8u

/* What all rows of a call share. */
typedef struct operands {
    const unsigned char *x, *mask; /* mask may be NULL */
    uint32_t whole;                /* words before the last one */
    __m512i tail;                  /* bits of the last word that count */
} operands;

INLINE __m512i load(const unsigned char *p, uint32_t i)
{
    return _mm512_loadu_si512(p + (size_t)i * 64u);
}

/* x ^ word i of the row; masked: & valid, by the same instruction. */
INLINE __m512i differing(__m512i x, __m512i valid, const unsigned char *row, uint32_t i,
                         int masked)
{
    const __m512i w = _mm512_set1_epi64((long long)hyst_load(row, i));
    return masked ? _mm512_ternarylogic_epi64(x, valid, w, 0x48) : _mm512_xor_si512(x, w);
}

/* Differing bits of eight rows, one 64-bit sum per lane. */
INLINE void eight_rows(const operands *q, const unsigned char *const *row, int masked,
                       __m512i *sum)
{
    const __m512i all = _mm512_set1_epi8(-1), last = load(q->x, q->whole);
    const __m512i counts = masked ? _mm512_and_si512(q->tail, load(q->mask, q->whole)) : q->tail;
    uint32_t i, j;
    UNROLL8
    for (j = 0; j < ROWS; j++) {
        sum[j] = _mm512_popcnt_epi64(differing(last, counts, row[j], q->whole, 1));
    }
    for (i = 0; i < q->whole; i++) {
        const __m512i x = load(q->x, i), valid = masked ? load(q->mask, i) : all;
        UNROLL8
        for (j = 0; j < ROWS; j++) {
            const __m512i d = differing(x, valid, row[j], i, masked);
            sum[j] = _mm512_add_epi64(sum[j], _mm512_popcnt_epi64(d));
        }
    }
}

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

/* Sixteen rows of all lanes; those past the end repeat the last, nobody reads their sums. */
INLINE void sixteen_rows(const operands *q, const unsigned char *row, uint32_t rows, int masked,
                         const int32_t *counted, int32_t *acc)
{
    const uint32_t stride = (q->whole + 1u) * 8u;
    const unsigned char *even[ROWS], *odd[ROWS];
    __m512i low[ROWS], high[ROWS];
    uint32_t j;
    UNROLL8
    for (j = 0; j < ROWS; j++) {
        even[j] = row + (2u * j < rows ? 2u * j : rows - 1u) * stride;
        odd[j] = row + (2u * j + 1u < rows ? 2u * j + 1u : rows - 1u) * stride;
    }
    eight_rows(q, even, masked, low);
    eight_rows(q, odd, masked, high);
    UNROLL8
    for (j = 0; j < ROWS; j++) { /* sums are below 2^31 */
        low[j] = _mm512_or_si512(low[j], _mm512_slli_epi64(high[j], 32));
    }
    transpose8(low, high);
    UNROLL8
    for (j = 0; j < LANES; j++) {
        const __m512i twice = _mm512_add_epi32(high[j], high[j]);
        _mm512_storeu_si512(acc + j * 32u,
                            _mm512_sub_epi32(_mm512_set1_epi32(counted[j]), twice));
    }
}

void hyst_xnor_tile(const void *x, const void *mask, const void *rows_w, uint32_t k, uint32_t rows,
                    const int32_t *counted, int32_t *acc)
{
    const unsigned char *row = (const unsigned char *)rows_w;
    operands q;
    uint32_t r;
    q.x = (const unsigned char *)x;
    q.mask = (const unsigned char *)mask;
    q.whole = hyst_words(k) - 1u;
    q.tail = _mm512_set1_epi64((long long)hyst_tail_mask(k));
    for (r = 0; r < rows; r += 2u * ROWS, row += 2u * ROWS * (q.whole + 1u) * 8u) {
        if (mask) {
            sixteen_rows(&q, row, rows - r, 1, counted, acc + r);
        } else {
            sixteen_rows(&q, row, rows - r, 0, counted, acc + r);
        }
    }
}
