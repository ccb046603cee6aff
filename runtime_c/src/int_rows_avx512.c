/* SPDX-License-Identifier: Apache-2.0 */
/* AVX-512 with VNNI: 64 weight bits are a mask that chooses bytes for vpdpbusd.
 *
 * Elements stay in their order, padded with zeros to 64; i16 has the low bytes of 64 elements
 * (unsigned), then their high bytes (signed). Padding bits of a row choose zeros. */
#include "hyst/int_rows.h"

#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))

/* keeps arrays of eight vectors in registers at -O2 too */
#define UNROLL8 _Pragma("GCC unroll 8")

#define ROWS 8u

/* Copies the bytes of one part of a type; returns their sum. */
INLINE uint32_t spread(const unsigned char *from, uint32_t bytes, uint32_t k, uint32_t is_signed,
                       unsigned char *to)
{
    uint32_t total = 0, first, e;
    for (first = 0; first < k; first += 64u, to += 64u * bytes) {
        const uint32_t left = k - first, n = left < 64u ? left : 64u;
        for (e = 0; e < n; e++, from += bytes) {
            to[e] = *from;
            total += is_signed ? (uint32_t)(*from ^ 0x80) - 0x80u : *from;
        }
    }
    return total;
}

int32_t hyst_int_planes(const void *x, int32_t type, uint32_t k, void *planes)
{
    const unsigned char *from = (const unsigned char *)x;
    unsigned char *to = (unsigned char *)planes;
    memset(to, 0, (size_t)hyst_plane_bytes(k) * (type == HYST_I16 ? 16u : 8u));
    if (type == HYST_U8) {
        return hyst_i32(spread(from, 1, k, 0, to));
    }
    if (type == HYST_I8) {
        return hyst_i32(spread(from, 1, k, 1, to));
    }
    return hyst_i32(spread(from, 2, k, 0, to) + 256u * spread(from + 1, 2, k, 1, to + 64));
}

/* The eight sums of the elements of eight vectors of 32-bit sums, in order. */
INLINE __m256i gather8(const __m512i *s)
{
    __m512i a[4], b[2], c;
    uint32_t j;
    UNROLL8
    for (j = 0; j < 4u; j++) {
        a[j] = _mm512_add_epi32(_mm512_unpacklo_epi32(s[2u * j], s[2u * j + 1u]),
                                _mm512_unpackhi_epi32(s[2u * j], s[2u * j + 1u]));
    }
    UNROLL8
    for (j = 0; j < 2u; j++) {
        b[j] = _mm512_add_epi32(_mm512_unpacklo_epi64(a[2u * j], a[2u * j + 1u]),
                                _mm512_unpackhi_epi64(a[2u * j], a[2u * j + 1u]));
    }
    c = _mm512_add_epi32(_mm512_shuffle_i64x2(b[0], b[1], 0x88),
                         _mm512_shuffle_i64x2(b[0], b[1], 0xdd));
    c = _mm512_add_epi32(c, _mm512_shuffle_i64x2(c, c, 0xb1));
    return _mm512_castsi512_si256(_mm512_shuffle_i64x2(c, c, 0x08));
}

/* Sums of the chosen elements of eight rows. q: first group, step bytes between groups. */
INLINE __m256i eight_rows(const unsigned char *q, uint32_t step, const unsigned char *const *row,
                          uint32_t groups, int is_signed)
{
    const __m512i one = _mm512_set1_epi8(1);
    __m512i sum[ROWS];
    uint32_t g, j;
    UNROLL8
    for (j = 0; j < ROWS; j++) {
        sum[j] = _mm512_setzero_si512();
    }
    for (g = 0; g < groups; g++) {
        const __m512i x = _mm512_loadu_si512(q + (size_t)g * step);
        UNROLL8
        for (j = 0; j < ROWS; j++) {
            const __mmask64 chosen = (__mmask64)hyst_load(row[j], g);
            /* unsigned bytes come first in vpdpbusd: chosen ones, or x times a chosen -1 */
            sum[j] = is_signed
                         ? _mm512_dpbusd_epi32(sum[j], _mm512_maskz_mov_epi8(chosen, one), x)
                         : _mm512_dpbusd_epi32(sum[j], x, _mm512_movm_epi8(chosen));
        }
    }
    if (is_signed) {
        return gather8(sum);
    }
    return _mm256_sub_epi32(_mm256_setzero_si256(), gather8(sum));
}

INLINE __m256i sums_of(const void *planes, int32_t type, const unsigned char *const *row,
                       uint32_t groups)
{
    const unsigned char *q = (const unsigned char *)planes;
    if (type == HYST_U8) {
        return eight_rows(q, 64, row, groups, 0);
    }
    if (type == HYST_I8) {
        return eight_rows(q, 64, row, groups, 1);
    }
    return _mm256_add_epi32(eight_rows(q, 128, row, groups, 0),
                            _mm256_slli_epi32(eight_rows(q + 64, 128, row, groups, 1), 8));
}

void hyst_int_rows(const void *planes, int32_t type, int32_t total, const void *rows_w,
                   const void *negative, uint32_t k, uint32_t rows, int32_t *acc)
{
    const unsigned char *base = (const unsigned char *)rows_w;
    const unsigned char *other = (const unsigned char *)negative;
    const uint32_t stride = hyst_plane_bytes(k), groups = stride / 8u;
    uint32_t r, j;
    for (r = 0; r < rows; r += ROWS) {
        const unsigned char *w[ROWS];
        __m256i sum;
        UNROLL8
        for (j = 0; j < ROWS; j++) {
            /* past the end the last row is summed again; nobody reads the result */
            w[j] = base + (r + j < rows ? r + j : rows - 1u) * stride;
        }
        sum = sums_of(planes, type, w, groups);
        if (other) {
            UNROLL8
            for (j = 0; j < ROWS; j++) {
                w[j] = other + (w[j] - base);
            }
            sum = _mm256_sub_epi32(sum, sums_of(planes, type, w, groups));
        } else {
            sum = _mm256_sub_epi32(_mm256_slli_epi32(sum, 1), _mm256_set1_epi32(total));
        }
        _mm256_storeu_si256((__m256i *)(void *)(acc + r), sum);
    }
}
