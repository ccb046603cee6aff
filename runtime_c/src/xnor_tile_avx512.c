/* SPDX-License-Identifier: Apache-2.0 */
/* AVX-512 with VPOPCNTDQ: one vector is one word of the eight lanes, so a word of a row is
 * broadcast by its load and counted in one instruction; no sum runs across lanes. */
#include "hyst/xnor_tile.h"

#include "hyst/isa/limits_avx512.h"
#include "hyst/isa/transpose_avx512.h"

#if HYST_TILE_LANES != 8
#error "a vector holds eight lanes"
#endif

#define LANES ((uint32_t)HYST_TILE_LANES)
#define ROWS 8u

/* What all rows of a call share. */
typedef struct operands {
    const unsigned char *x, *mask; /* mask may be NULL */
    uint32_t whole;                /* words before the last one */
    __m512i tail;                  /* bits of the last word that count */
} operands;

/* Which elements count: all, bits of the mask, or words of it, which cost nothing. */
enum { ALL, BITS, WORDS };

HYST_INLINE __m512i load(const unsigned char *p, uint32_t i)
{
    return _mm512_loadu_si512(p + (size_t)i * 64u);
}

/* Differing bits of word i in each lane. */
HYST_INLINE __m512i differing(__m512i x, __m512i valid, __mmask8 lanes, const unsigned char *row,
                         uint32_t i, int mode)
{
    const __m512i w = _mm512_set1_epi64((long long)hyst_load(row, i));
    switch (mode) {
    case BITS: /* (x ^ w) & valid */
        return _mm512_popcnt_epi64(_mm512_ternarylogic_epi64(x, valid, w, 0x48));
    case WORDS:
        return _mm512_maskz_popcnt_epi64(lanes, _mm512_xor_si512(x, w));
    default:
        return _mm512_popcnt_epi64(_mm512_xor_si512(x, w));
    }
}

/* Differing bits of eight rows, one 64-bit sum per lane. */
HYST_INLINE void eight_rows(const operands *q, const unsigned char *const *row, int mode, __m512i *sum)
{
    const __m512i all = _mm512_set1_epi8(-1), last = load(q->x, q->whole);
    const __m512i counts =
        mode == ALL ? q->tail : _mm512_and_si512(q->tail, load(q->mask, q->whole));
    uint32_t i, j;
    HYST_UNROLL8
    for (j = 0; j < ROWS; j++) {
        sum[j] = differing(last, counts, 0, row[j], q->whole, BITS);
    }
    for (i = 0; i < q->whole; i++) {
        const __m512i x = load(q->x, i), valid = mode == ALL ? all : load(q->mask, i);
        const __mmask8 lanes = mode == WORDS ? _mm512_test_epi64_mask(valid, valid) : 0;
        HYST_UNROLL8
        for (j = 0; j < ROWS; j++) {
            sum[j] = _mm512_add_epi64(sum[j], differing(x, valid, lanes, row[j], i, mode));
        }
    }
}

/* Sixteen rows of all lanes; those past the end repeat the last, nobody reads their sums. */
HYST_INLINE void sixteen_rows(const operands *q, const unsigned char *row, uint32_t rows, int mode,
                         const int32_t *counted, int32_t *acc)
{
    const uint32_t stride = (q->whole + 1u) * 8u;
    const unsigned char *even[ROWS], *odd[ROWS];
    __m512i low[ROWS], high[ROWS];
    uint32_t j;
    HYST_UNROLL8
    for (j = 0; j < ROWS; j++) {
        even[j] = row + (2u * j < rows ? 2u * j : rows - 1u) * stride;
        odd[j] = row + (2u * j + 1u < rows ? 2u * j + 1u : rows - 1u) * stride;
    }
    eight_rows(q, even, mode, low);
    eight_rows(q, odd, mode, high);
    HYST_UNROLL8
    for (j = 0; j < ROWS; j++) { /* sums are below 2^31 */
        low[j] = _mm512_or_si512(low[j], _mm512_slli_epi64(high[j], 32));
    }
    hyst_transpose8(low, high);
    HYST_UNROLL8
    for (j = 0; j < LANES; j++) {
        const __m512i twice = _mm512_add_epi32(high[j], high[j]);
        _mm512_storeu_si512(acc + j * 32u,
                            _mm512_sub_epi32(_mm512_set1_epi32(counted[j]), twice));
    }
}

HYST_INLINE void prepare(operands *q, const hyst_tile *tile)
{
    q->x = (const unsigned char *)tile->x;
    q->mask = (const unsigned char *)tile->mask;
    q->whole = hyst_words(tile->k) - 1u;
    q->tail = _mm512_set1_epi64((long long)hyst_tail_mask(tile->k));
}

void hyst_xnor_tile(const hyst_tile *tile, const void *rows_w, uint32_t rows, int32_t *acc)
{
    const unsigned char *row = (const unsigned char *)rows_w;
    operands q;
    uint32_t r;
    prepare(&q, tile);
    for (r = 0; r < rows; r += 2u * ROWS, row += 2u * ROWS * (q.whole + 1u) * 8u) {
        if (tile->mask) {
            sixteen_rows(&q, row, rows - r, BITS, tile->counted, acc + r);
        } else {
            sixteen_rows(&q, row, rows - r, ALL, tile->counted, acc + r);
        }
    }
}

/* Thresholds of 32 rows, 0 past the end. */
HYST_INLINE void read_limits(const hyst_limits *from, uint32_t rows, int64_t *limit)
{
    const uint32_t valid = 0xffffffffu >> (32u - rows);
    uint32_t i;
    for (i = 0; i < 32u; i += 16u) {
        const __m512i some = hyst_sixteen_limits(from, i, (__mmask16)(valid >> i));
        _mm512_storeu_si512(limit + i, _mm512_cvtepi32_epi64(_mm512_castsi512_si256(some)));
        _mm512_storeu_si512(limit + i + 8u,
                            _mm512_cvtepi32_epi64(_mm512_extracti64x4_epi64(some, 1)));
    }
}

/* Eight rows decided: lane p gets bit j where row j passes. counted - 2 d >= t is
 * 2 d <= counted - t; without a mask every lane counts k, and d <= floor((k - t) / 2) has the
 * right side ready in limit. */
HYST_INLINE __m512i decide(const __m512i *sum, const int64_t *limit, const uint64_t *bit, int mode,
                      __m512i counted, __m512i bits)
{
    uint32_t j;
    HYST_UNROLL8
    for (j = 0; j < ROWS; j++) {
        const __m512i most = _mm512_set1_epi64(limit[j]);
        const __mmask8 passes =
            mode != ALL ? _mm512_cmple_epi64_mask(_mm512_add_epi64(sum[j], sum[j]),
                                                  _mm512_sub_epi64(counted, most))
                        : _mm512_cmple_epi64_mask(sum[j], most);
        bits = _mm512_mask_or_epi64(bits, passes, bits, _mm512_set1_epi64((long long)bit[j]));
    }
    return bits;
}

HYST_INLINE void all_bits(const operands *q, const unsigned char *row, uint32_t rows, int mode,
                     __m512i counted, const int64_t *limit, uint32_t *bits)
{
    static const uint64_t bit[32] = {
        1u << 0,  1u << 1,  1u << 2,  1u << 3,  1u << 4,  1u << 5,  1u << 6,  1u << 7,
        1u << 8,  1u << 9,  1u << 10, 1u << 11, 1u << 12, 1u << 13, 1u << 14, 1u << 15,
        1u << 16, 1u << 17, 1u << 18, 1u << 19, 1u << 20, 1u << 21, 1u << 22, 1u << 23,
        1u << 24, 1u << 25, 1u << 26, 1u << 27, 1u << 28, 1u << 29, 1u << 30, 1u << 31,
    };
    const uint32_t stride = (q->whole + 1u) * 8u;
    __m512i found = _mm512_setzero_si512();
    uint32_t r, j;
    for (r = 0; r < rows; r += ROWS) { /* rows past the end repeat the last */
        const unsigned char *at[ROWS];
        __m512i sum[ROWS];
        HYST_UNROLL8
        for (j = 0; j < ROWS; j++) {
            at[j] = row + (r + j < rows ? r + j : rows - 1u) * stride;
        }
        eight_rows(q, at, mode, sum);
        found = decide(sum, limit + r, bit + r, mode, counted, found);
    }
    found = _mm512_and_si512(found, _mm512_set1_epi64((long long)(0xffffffffu >> (32u - rows))));
    _mm256_storeu_si256((__m256i *)(void *)bits, _mm512_cvtepi64_epi32(found));
}

void hyst_xnor_tile_bits(const hyst_tile *tile, const void *rows_w, uint32_t rows,
                         const hyst_limits *limits, uint32_t *bits)
{
    const unsigned char *row = (const unsigned char *)rows_w;
    const __m512i counted = _mm512_cvtepi32_epi64(
        _mm256_loadu_si256((const __m256i *)(const void *)tile->counted));
    int64_t limit[32];
    operands q;
    uint32_t i;
    prepare(&q, tile);
    read_limits(limits, rows, limit);
    if (tile->mask && tile->words) {
        all_bits(&q, row, rows, WORDS, counted, limit, bits);
    } else if (tile->mask) {
        all_bits(&q, row, rows, BITS, counted, limit, bits);
    } else {
        for (i = 0; i < 32u; i++) {
            limit[i] = ((int64_t)tile->k - limit[i]) >> 1;
        }
        all_bits(&q, row, rows, ALL, counted, limit, bits);
    }
}
