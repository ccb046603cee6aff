/* SPDX-License-Identifier: Apache-2.0 */
/* AVX2: four elements of eight lanes are a vector; vpmaddubsw multiplies them with four
 * broadcast weights. Signed elements are kept as x + 128; the sum of the weights times 128
 * corrects for it. */
#include "hyst/int_tile.h"

#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))

#define GROUP 4u
#define ROWS 8u

/* One vpmaddubsw gives at most 510: 64 stay below 2^15. */
#define STEPS 64u

void hyst_int_tile_put(const void *x, int32_t type, uint32_t k, uint32_t lane, void *tile)
{
    hyst_int_tile_put_fours(x, type, k, lane, tile);
}

/* 32 bits of a row as bytes: 0xff where the bit is 1. */
INLINE __m256i spread(uint32_t bits)
{
    const __m256i byte_of = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202,
                                               0x0303030303030303);
    const __m256i bit_of = _mm256_set1_epi64x((int64_t)0x8040201008040201u);
    const __m256i bytes = _mm256_shuffle_epi8(_mm256_set1_epi32((int32_t)bits), byte_of);
    return _mm256_cmpeq_epi8(_mm256_and_si256(bytes, bit_of), bit_of);
}

void hyst_int_tile_weights(const void *rows_w, int32_t type, uint32_t k, uint32_t rows,
                           void *weights)
{
    const uint32_t bits = hyst_plane_bytes(k), stride = hyst_int_tile_stride(k);
    const unsigned char *row = (const unsigned char *)rows_w;
    unsigned char *to = (unsigned char *)weights, *corrections = to + 32u * 8u * stride;
    uint32_t r, t;
    for (r = 0; r < rows; r++, row += bits) {
        uint32_t ones = 0;
        for (t = 0; t < k; t += 32u) {
            const uint32_t valid = k - t < 32u ? (1u << (k - t)) - 1u : 0xffffffffu;
            const uint32_t plus = hyst_load32(row, t / 32u) & valid;
            unsigned char bytes[32];
            _mm256_storeu_si256((__m256i *)(void *)bytes,
                                _mm256_sub_epi8(spread(~plus & valid), spread(plus)));
            memcpy(to + r * stride + t, bytes, stride - t < 32u ? stride - t : 32u);
            ones += hyst_popcount(plus);
        }
        hyst_put_i32(corrections, r, type == HYST_I8 ? 128 * ((int32_t)k - 2 * (int32_t)ones) : 0);
    }
}

/* 32-bit sums of one row and half of the lanes. */
INLINE __m256i one_row(const unsigned char *x, const unsigned char *w, uint32_t groups)
{
    const __m256i one = _mm256_set1_epi16(1);
    __m256i sum = _mm256_setzero_si256();
    uint32_t g = 0;
    while (g < groups) {
        const uint32_t stop = groups - g < STEPS ? groups : g + STEPS;
        __m256i part = _mm256_setzero_si256();
        for (; g < stop; g++) {
            const __m256i four =
                _mm256_loadu_si256((const __m256i *)(const void *)(x + (size_t)g * 64u));
            const __m256i weight = _mm256_set1_epi32((int32_t)hyst_load32(w, g));
            part = _mm256_add_epi16(part, _mm256_maddubs_epi16(four, weight));
        }
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(part, one));
    }
    return sum;
}

/* Lane p of s[r] becomes element r of acc[p * 32]: an 8 x 8 transposition. */
INLINE void put_eight(const __m256i *s, int32_t *acc)
{
    __m256i a[8], b[8];
    uint32_t j;
    for (j = 0; j < 8u; j += 2u) {
        a[j] = _mm256_unpacklo_epi32(s[j], s[j + 1u]);
        a[j + 1u] = _mm256_unpackhi_epi32(s[j], s[j + 1u]);
    }
    for (j = 0; j < 8u; j += 4u) {
        b[j] = _mm256_unpacklo_epi64(a[j], a[j + 2u]);
        b[j + 1u] = _mm256_unpackhi_epi64(a[j], a[j + 2u]);
        b[j + 2u] = _mm256_unpacklo_epi64(a[j + 1u], a[j + 3u]);
        b[j + 3u] = _mm256_unpackhi_epi64(a[j + 1u], a[j + 3u]);
    }
    for (j = 0; j < 4u; j++) {
        _mm256_storeu_si256((__m256i *)(void *)(acc + j * 32u),
                            _mm256_permute2x128_si256(b[j], b[j + 4u], 0x20));
        _mm256_storeu_si256((__m256i *)(void *)(acc + (j + 4u) * 32u),
                            _mm256_permute2x128_si256(b[j], b[j + 4u], 0x31));
    }
}

void hyst_int_tile(const void *tile, const void *weights, uint32_t k, uint32_t rows, int32_t *acc)
{
    const uint32_t stride = hyst_int_tile_stride(k), groups = (k + GROUP - 1u) / GROUP;
    const unsigned char *x = (const unsigned char *)tile, *w = (const unsigned char *)weights;
    uint32_t r, j;
    for (r = 0; r < rows; r += ROWS) {
        __m256i low[ROWS], high[ROWS];
        memset(low, 0, sizeof low);
        memset(high, 0, sizeof high);
        for (j = 0; j < ROWS && r + j < rows; j++) {
            const unsigned char *row = w + (r + j) * stride;
            const __m256i correction = _mm256_set1_epi32(hyst_get_i32(w + 32u * 8u * stride, r + j));
            low[j] = _mm256_add_epi32(correction, one_row(x, row, groups));
            high[j] = _mm256_add_epi32(correction, one_row(x + 32, row, groups));
        }
        put_eight(low, acc + r);
        put_eight(high, acc + 8 * 32 + r);
    }
}

void hyst_int_tile_bits(const void *tile, const void *weights, uint32_t k, uint32_t rows,
                        const hyst_limits *limits, uint32_t *bits)
{
    hyst_int_tile_bits_of_sums(tile, weights, k, rows, limits, bits);
}
