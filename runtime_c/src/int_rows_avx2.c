/* SPDX-License-Identifier: Apache-2.0 */
/* AVX2: 64 weight bits are broadcast, spread to bytes by comparing with single-bit
 * masks, and choose bytes of the input for vpmaddubsw.
 *
 * A group of 64 elements q[0..63] is stored as byte r*8 + i = q[8 i + r], so that
 * quarter r of a vector meets bit r of each weight byte. i16 has a low-byte group
 * (unsigned), then a high-byte group (signed). Past k the bytes are 0: padding bits
 * of a row choose nothing. Up to 32 bytes (a first layer's 3x3x3 patch) stay in their
 * own order instead: one vector then holds the whole row. */
#include "hyst/int_rows.h"

#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))

/* keeps arrays of four vectors in registers at -O2 too */
#define UNROLL4 _Pragma("GCC unroll 4")

/* One vpmaddubsw gives at most 510; a group adds two: 32 groups stay below 2^15. */
#define GROUPS 32u

#define SHORT 32u

static int is_short(int32_t type, uint32_t k)
{
    return k <= SHORT && type != HYST_I16;
}

/* Spreads the bytes of one part of a type; returns their sum. */
INLINE uint32_t spread(const unsigned char *from, uint32_t bytes, uint32_t k, uint32_t is_signed,
                       unsigned char *to)
{
    uint32_t total = 0, first, e;
    for (first = 0; first < k; first += 64u, to += 64u * bytes) {
        const uint32_t left = k - first, n = left < 64u ? left : 64u;
        for (e = 0; e < n; e++, from += bytes) {
            to[e % 8u * 8u + e / 8u] = *from;
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
    if (is_short(type, k)) {
        uint32_t total = 0, e;
        for (e = 0; e < k; e++) {
            to[e] = from[e];
            total += type == HYST_I8 ? (uint32_t)(from[e] ^ 0x80) - 0x80u : from[e];
        }
        return hyst_i32(total);
    }
    if (type == HYST_U8) {
        return hyst_i32(spread(from, 1, k, 0, to));
    }
    if (type == HYST_I8) {
        return hyst_i32(spread(from, 1, k, 1, to));
    }
    return hyst_i32(spread(from, 2, k, 0, to) + 256u * spread(from + 1, 2, k, 1, to + 64));
}

INLINE __m256i load(const unsigned char *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

/* Pair sums of the chosen bytes of one vector, negated for unsigned bytes. */
INLINE __m256i chosen(__m256i weights, __m256i mask, __m256i q, int is_signed)
{
    const __m256i bits = _mm256_and_si256(weights, mask);
    if (is_signed) {
        return _mm256_maddubs_epi16(_mm256_min_epu8(bits, _mm256_set1_epi8(1)), q);
    }
    return _mm256_maddubs_epi16(q, _mm256_cmpeq_epi8(bits, mask));
}

/* The four sums of the elements of four vectors. */
INLINE __m128i across(const __m256i *wide)
{
    const __m256i ab = _mm256_hadd_epi32(wide[0], wide[1]);
    const __m256i cd = _mm256_hadd_epi32(wide[2], wide[3]);
    const __m256i all = _mm256_hadd_epi32(ab, cd);
    return _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
}

/* Sums of the chosen elements of four rows. q: first group, step bytes between groups. */
INLINE __m128i four_rows(const unsigned char *q, uint32_t step, const unsigned char *const *row,
                         uint32_t groups, int is_signed)
{
    const __m256i low = _mm256_setr_epi64x(0x0101010101010101, 0x0202020202020202,
                                           0x0404040404040404, 0x0808080808080808);
    const __m256i high = _mm256_slli_epi16(low, 4);
    const __m256i unit = _mm256_set1_epi16(is_signed ? 1 : -1);
    __m256i wide[4];
    uint32_t g = 0, r;
    UNROLL4
    for (r = 0; r < 4u; r++) {
        wide[r] = _mm256_setzero_si256();
    }
    while (g < groups) {
        const uint32_t stop = groups - g < GROUPS ? groups : g + GROUPS;
        __m256i sum[4];
        UNROLL4
        for (r = 0; r < 4u; r++) {
            sum[r] = _mm256_setzero_si256();
        }
        for (; g < stop; g++) {
            const __m256i a = load(q + (size_t)g * step), b = load(q + (size_t)g * step + 32u);
            UNROLL4
            for (r = 0; r < 4u; r++) {
                int64_t bits;
                __m256i w;
                memcpy(&bits, row[r] + (size_t)g * 8u, sizeof bits);
                w = _mm256_set1_epi64x(bits);
                sum[r] = _mm256_add_epi16(sum[r], chosen(w, low, a, is_signed));
                sum[r] = _mm256_add_epi16(sum[r], chosen(w, high, b, is_signed));
            }
        }
        UNROLL4
        for (r = 0; r < 4u; r++) {
            wide[r] = _mm256_add_epi32(wide[r], _mm256_madd_epi16(sum[r], unit));
        }
    }
    return across(wide);
}

/* The same for rows of one short vector: bit j of a row meets byte j. */
INLINE __m128i four_short(__m256i q, const unsigned char *const *row, int is_signed)
{
    const __m256i byte_of = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202,
                                               0x0303030303030303);
    const __m256i bit_of = _mm256_set1_epi64x((int64_t)0x8040201008040201u);
    const __m256i unit = _mm256_set1_epi16(is_signed ? 1 : -1);
    __m256i wide[4];
    uint32_t r;
    UNROLL4
    for (r = 0; r < 4u; r++) {
        int32_t bits;
        memcpy(&bits, row[r], sizeof bits);
        wide[r] = chosen(_mm256_shuffle_epi8(_mm256_set1_epi32(bits), byte_of), bit_of, q,
                         is_signed);
        wide[r] = _mm256_madd_epi16(wide[r], unit);
    }
    return across(wide);
}

INLINE __m128i plane_sums(const void *planes, int32_t type, const unsigned char *const *row,
                          uint32_t groups)
{
    const unsigned char *q = (const unsigned char *)planes;
    if (type == HYST_U8) {
        return four_rows(q, 64, row, groups, 0);
    }
    if (type == HYST_I8) {
        return four_rows(q, 64, row, groups, 1);
    }
    return _mm_add_epi32(four_rows(q, 128, row, groups, 0),
                         _mm_slli_epi32(four_rows(q + 64, 128, row, groups, 1), 8));
}

INLINE __m128i sums_of(const void *planes, int32_t type, const unsigned char *const *row,
                       uint32_t groups, int shorter)
{
    if (shorter) {
        return four_short(load((const unsigned char *)planes), row, type == HYST_I8);
    }
    return plane_sums(planes, type, row, groups);
}

INLINE void all_rows(const void *planes, int32_t type, int32_t total, const unsigned char *base,
                     const unsigned char *other, uint32_t k, uint32_t rows, int shorter,
                     int32_t *acc)
{
    const uint32_t stride = hyst_plane_bytes(k), groups = stride / 8u;
    uint32_t r, j;
    for (r = 0; r < rows; r += 4u) {
        const unsigned char *w[4];
        __m128i sum;
        UNROLL4
        for (j = 0; j < 4u; j++) {
            /* past the end the last row is summed again; nobody reads the result */
            w[j] = base + (r + j < rows ? r + j : rows - 1u) * stride;
        }
        sum = sums_of(planes, type, w, groups, shorter);
        if (other) {
            UNROLL4
            for (j = 0; j < 4u; j++) {
                w[j] = other + (w[j] - base);
            }
            sum = _mm_sub_epi32(sum, sums_of(planes, type, w, groups, shorter));
        } else {
            sum = _mm_sub_epi32(_mm_slli_epi32(sum, 1), _mm_set1_epi32(total));
        }
        _mm_storeu_si128((__m128i *)(void *)(acc + r), sum);
    }
}

void hyst_int_rows(const void *planes, int32_t type, int32_t total, const void *rows_w,
                   const void *negative, uint32_t k, uint32_t rows, int32_t *acc)
{
    const unsigned char *base = (const unsigned char *)rows_w;
    const unsigned char *other = (const unsigned char *)negative;
    if (!is_short(type, k)) {
        all_rows(planes, type, total, base, other, k, rows, 0, acc);
    } else if (type == HYST_U8) {
        all_rows(planes, HYST_U8, total, base, other, k, rows, 1, acc);
    } else {
        all_rows(planes, HYST_I8, total, base, other, k, rows, 1, acc);
    }
}
