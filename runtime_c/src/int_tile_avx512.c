/* SPDX-License-Identifier: Apache-2.0 */
/* AVX-512 with VNNI: four elements of sixteen lanes are a vector; vpdpbusd multiplies them with
 * four broadcast weights. Signed elements are kept as x + 128; the sum of the weights times 128
 * corrects for it. */
#include "hyst/int_tile.h"

#include "hyst/isa/limits_avx512.h"

#define INLINE static inline __attribute__((always_inline))

/* keeps arrays of vectors in registers at -O2 too */
#define UNROLL16 _Pragma("GCC unroll 16")

#define GROUP 4u
#define ROWS 16u

void hyst_int_tile_put(const void *x, int32_t type, uint32_t k, uint32_t lane, void *tile)
{
    hyst_int_tile_put_fours(x, type, k, lane, tile);
}

void hyst_int_tile_weights(const void *rows_w, int32_t type, uint32_t k, uint32_t rows,
                           void *weights)
{
    const uint32_t bits = hyst_plane_bytes(k), stride = hyst_int_tile_stride(k);
    const unsigned char *row = (const unsigned char *)rows_w;
    unsigned char *to = (unsigned char *)weights, *corrections = to + 32u * 8u * stride;
    uint32_t r, i;
    for (r = 0; r < rows; r++, row += bits) {
        uint32_t ones = 0;
        for (i = 0; i < hyst_words(k); i++) {
            const uint32_t left = stride - i * 64u;
            const hyst_word valid = i + 1u < hyst_words(k) ? HYST_ALL_ONES : hyst_tail_mask(k);
            const hyst_word plus = hyst_load(row, i) & valid, minus = ~plus & valid;
            const __m512i w = _mm512_sub_epi8(_mm512_movm_epi8((__mmask64)minus),
                                              _mm512_movm_epi8((__mmask64)plus));
            const __mmask64 room = left < 64u ? ((__mmask64)1 << left) - 1u : ~(__mmask64)0;
            _mm512_mask_storeu_epi8(to + r * stride + i * 64u, room, w);
            ones += hyst_popcount(plus);
        }
        hyst_put_i32(corrections, r, type == HYST_I8 ? 128 * ((int32_t)k - 2 * (int32_t)ones) : 0);
    }
}

/* 16 x 16 transposition of 32-bit elements, in place: v[p] becomes element p of every v[j]. */
INLINE void transpose16(__m512i *v)
{
    __m512i a[16];
    uint32_t j;
    UNROLL16
    for (j = 0; j < 16u; j += 2u) {
        a[j] = _mm512_unpacklo_epi32(v[j], v[j + 1u]);
        a[j + 1u] = _mm512_unpackhi_epi32(v[j], v[j + 1u]);
    }
    UNROLL16
    for (j = 0; j < 16u; j += 4u) { /* v[j + e]: element e of each 128-bit block of four rows */
        v[j] = _mm512_unpacklo_epi64(a[j], a[j + 2u]);
        v[j + 1u] = _mm512_unpackhi_epi64(a[j], a[j + 2u]);
        v[j + 2u] = _mm512_unpacklo_epi64(a[j + 1u], a[j + 3u]);
        v[j + 3u] = _mm512_unpackhi_epi64(a[j + 1u], a[j + 3u]);
    }
    UNROLL16
    for (j = 0; j < 4u; j++) { /* blocks 0 and 2, then 1 and 3, of rows 0-7 and 8-15 */
        a[j] = _mm512_shuffle_i32x4(v[j], v[j + 4u], 0x88);
        a[j + 4u] = _mm512_shuffle_i32x4(v[j], v[j + 4u], 0xdd);
        a[j + 8u] = _mm512_shuffle_i32x4(v[j + 8u], v[j + 12u], 0x88);
        a[j + 12u] = _mm512_shuffle_i32x4(v[j + 8u], v[j + 12u], 0xdd);
    }
    UNROLL16
    for (j = 0; j < 4u; j++) {
        v[j] = _mm512_shuffle_i32x4(a[j], a[j + 8u], 0x88);
        v[j + 8u] = _mm512_shuffle_i32x4(a[j], a[j + 8u], 0xdd);
        v[j + 4u] = _mm512_shuffle_i32x4(a[j + 4u], a[j + 12u], 0x88);
        v[j + 12u] = _mm512_shuffle_i32x4(a[j + 4u], a[j + 12u], 0xdd);
    }
}

/* Sixteen rows from r on, corrected; rows past the end hold anything. */
INLINE void sixteen_rows(const unsigned char *x, const unsigned char *w, uint32_t k, uint32_t r,
                         __m512i *sum)
{
    const uint32_t stride = hyst_int_tile_stride(k), groups = (k + GROUP - 1u) / GROUP;
    uint32_t j, g;
    UNROLL16
    for (j = 0; j < ROWS; j++) {
        sum[j] = _mm512_set1_epi32(hyst_get_i32(w + 32u * 8u * stride, r + j));
    }
    for (g = 0; g < groups; g++) {
        const __m512i four = _mm512_loadu_si512(x + (size_t)g * 64u);
        UNROLL16
        for (j = 0; j < ROWS; j++) {
            const uint32_t weight = hyst_load32(w + (r + j) * stride, g);
            sum[j] = _mm512_dpbusd_epi32(sum[j], four, _mm512_set1_epi32((int32_t)weight));
        }
    }
}

void hyst_int_tile(const void *tile, const void *weights, uint32_t k, uint32_t rows, int32_t *acc)
{
    const unsigned char *x = (const unsigned char *)tile, *w = (const unsigned char *)weights;
    uint32_t r, j;
    for (r = 0; r < rows; r += ROWS) {
        __m512i sum[ROWS];
        sixteen_rows(x, w, k, r, sum);
        transpose16(sum);
        UNROLL16
        for (j = 0; j < (uint32_t)HYST_INT_LANES; j++) {
            _mm512_storeu_si512(acc + j * 32u + r, sum[j]);
        }
    }
}

void hyst_int_tile_bits(const void *tile, const void *weights, uint32_t k, uint32_t rows,
                        const hyst_limits *limits, uint32_t *bits)
{
    const unsigned char *x = (const unsigned char *)tile, *w = (const unsigned char *)weights;
    const uint32_t valid = 0xffffffffu >> (32u - rows);
    __m512i found = _mm512_setzero_si512();
    int32_t limit[32];
    uint32_t r, j;
    _mm512_storeu_si512(limit, hyst_sixteen_limits(limits, 0, (__mmask16)valid));
    _mm512_storeu_si512(limit + 16, hyst_sixteen_limits(limits, 16, (__mmask16)(valid >> 16)));
    for (r = 0; r < rows; r += ROWS) {
        __m512i sum[ROWS], bit = _mm512_set1_epi32((int32_t)(1u << r));
        sixteen_rows(x, w, k, r, sum);
        UNROLL16
        for (j = 0; j < ROWS; j++) {
            const __mmask16 passes =
                _mm512_cmpge_epi32_mask(sum[j], _mm512_set1_epi32(limit[r + j]));
            found = _mm512_mask_or_epi32(found, passes, found, bit);
            bit = _mm512_add_epi32(bit, bit);
        }
    }
    _mm512_storeu_si512(bits, _mm512_and_si512(found, _mm512_set1_epi32((int32_t)valid)));
}
