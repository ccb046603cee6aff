/* SPDX-License-Identifier: Apache-2.0 */
/* AVX2: sums stay in registers while a list is walked. */
#include "lanes.h"

#include <immintrin.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

/* keeps arrays of vectors in registers at -O2 too */
#define UNROLL8 _Pragma("GCC unroll 8")

INLINE __m256i load(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

INLINE void store(void *p, __m256i v)
{
    _mm256_storeu_si256((__m256i *)p, v);
}

INLINE __m256i wide(const unsigned char *p, int is_signed)
{
    const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
    return is_signed ? _mm256_cvtepi8_epi16(bytes) : _mm256_cvtepu8_epi16(bytes);
}

/* 128 of the block's samples: eight vectors of 16 sums. */
INLINE void add_half(const int16_t *sums, const unsigned char *x, int is_signed,
                     const hyst_signed_list *list, int16_t *acc)
{
    __m256i sum[8];
    uint32_t j, v;
    UNROLL8
    for (v = 0; v < 8u; v++) {
        sum[v] = load(sums + 16u * v);
    }
    for (j = 0; j < list->plus; j++) {
        const unsigned char *row = x + (size_t)list->row[j] * HYST_BLOCK;
        UNROLL8
        for (v = 0; v < 8u; v++) {
            sum[v] = _mm256_add_epi16(sum[v], wide(row + 16u * v, is_signed));
        }
    }
    for (; j < list->count; j++) {
        const unsigned char *row = x + (size_t)list->row[j] * HYST_BLOCK;
        UNROLL8
        for (v = 0; v < 8u; v++) {
            sum[v] = _mm256_sub_epi16(sum[v], wide(row + 16u * v, is_signed));
        }
    }
    UNROLL8
    for (v = 0; v < 8u; v++) {
        store(acc + 16u * v, sum[v]);
    }
}

void hyst_lanes_add(const int16_t *sums, const void *x, int32_t is_signed,
                    const hyst_signed_list *list, int16_t *acc)
{
    const unsigned char *bytes = (const unsigned char *)x;
    uint32_t at;
    for (at = 0; at < HYST_BLOCK; at += 128u) {
        if (is_signed) {
            add_half(sums + at, bytes + at, 1, list, acc + at);
        } else {
            add_half(sums + at, bytes + at, 0, list, acc + at);
        }
    }
}

/* [a[i] + b[i] > limit] of 32 sums */
INLINE uint64_t half_word(const int16_t *a, const int16_t *b, __m256i low, __m256i high)
{
    const __m256i first = _mm256_add_epi16(load(a), load(b));
    const __m256i second = _mm256_add_epi16(load(a + 16), load(b + 16));
    const __m256i both =
        _mm256_packs_epi16(_mm256_cmpgt_epi16(first, low), _mm256_cmpgt_epi16(second, high));
    /* the pack works in 128-bit halves: put the four quarters in order */
    return (uint32_t)_mm256_movemask_epi8(_mm256_permute4x64_epi64(both, 0xd8));
}

void hyst_lanes_ge(const int16_t *acc, const int16_t *odd, int32_t limit, uint64_t *bits)
{
    const int32_t never = limit > INT16_MAX;
    const __m256i below = _mm256_set1_epi16((int16_t)(limit - 1));
    uint32_t w;
    if (never || limit <= INT16_MIN) {
        for (w = 0; w < HYST_BLOCK_WORDS; w++) {
            bits[w] ^= never ? 0u : ~(uint64_t)0;
        }
        return;
    }
    for (w = 0; w < HYST_BLOCK_WORDS; w++, acc += 64, odd += 64) {
        bits[w] ^= half_word(acc, odd, below, below) |
                   half_word(acc + 32, odd + 32, below, below) << 32;
    }
}

void hyst_lanes_above(const int16_t *sums, const int16_t *steps, const int16_t *below,
                      uint32_t width, uint64_t *bits)
{
    uint32_t i, part;
    for (i = 0; i < width; i += 64u) {
        for (part = 0; part < 64u; part += 32u) {
            const uint32_t at = i + part;
            bits[i / 64u] ^= half_word(sums + at, steps + at, load(below + at),
                                       load(below + at + 16u)) << part;
        }
    }
}

/* Bit i of a word as byte i of a vector, 0 or -1. */
INLINE __m256i spread(const unsigned char *bits)
{
    const __m256i byte_of = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202,
                                               0x0303030303030303);
    const __m256i bit_of = _mm256_set1_epi64x((int64_t)0x8040201008040201u);
    int32_t word;
    memcpy(&word, bits, sizeof word);
    return _mm256_cmpeq_epi8(
        _mm256_and_si256(_mm256_shuffle_epi8(_mm256_set1_epi32(word), byte_of), bit_of), bit_of);
}

void hyst_lanes_votes(const uint64_t *rows, const hyst_signed_list *list, int8_t *out)
{
    /* d = sum of s (2 b - 1) = 2 sum of s b - sum of s, modulo 256 and |d| < 128 */
    const __m256i fixed = _mm256_set1_epi8((char)(list->plus - (list->count - list->plus)));
    __m256i sum[8];
    uint32_t j, v;
    UNROLL8
    for (v = 0; v < 8u; v++) {
        sum[v] = _mm256_setzero_si256();
    }
    for (j = 0; j < list->plus; j++) {
        const unsigned char *row =
            (const unsigned char *)(rows + (size_t)list->row[j] * HYST_BLOCK_WORDS);
        UNROLL8
        for (v = 0; v < 8u; v++) {
            sum[v] = _mm256_sub_epi8(sum[v], spread(row + 4u * v));
        }
    }
    for (; j < list->count; j++) {
        const unsigned char *row =
            (const unsigned char *)(rows + (size_t)list->row[j] * HYST_BLOCK_WORDS);
        UNROLL8
        for (v = 0; v < 8u; v++) {
            sum[v] = _mm256_add_epi8(sum[v], spread(row + 4u * v));
        }
    }
    UNROLL8
    for (v = 0; v < 8u; v++) {
        store(out + 32u * v, _mm256_sub_epi8(_mm256_add_epi8(sum[v], sum[v]), fixed));
    }
}

INLINE void pairs(const __m128i *in, __m128i *out)
{
    uint32_t r;
    UNROLL8
    for (r = 0; r < 8u; r++) {
        out[2u * r] = _mm_unpacklo_epi8(in[r], in[r + 8u]);
        out[2u * r + 1u] = _mm_unpackhi_epi8(in[r], in[r + 8u]);
    }
}

void hyst_lanes_turn(const int8_t *rows, int8_t *out, size_t stride)
{
    uint32_t i, r;
    for (i = 0; i < HYST_BLOCK; i += 16u) {
        __m128i a[16], b[16];
        for (r = 0; r < 16u; r++) {
            a[r] = _mm_loadu_si128((const __m128i *)(const void *)(rows + r * HYST_BLOCK + i));
        }
        /* four perfect shuffles of 256 bytes transpose them */
        pairs(a, b);
        pairs(b, a);
        pairs(a, b);
        pairs(b, a);
        for (r = 0; r < 16u; r++) {
            _mm_storeu_si128((__m128i *)(void *)(out + (i + r) * stride), a[r]);
        }
    }
}

/* count vectors of 32 outputs from output at, a constant number up to 8 */
INLINE void delta(const hyst_delta *q, uint32_t at, uint32_t count, uint32_t flips,
                  int8_t *steps, uint64_t *bits)
{
    __m256i d[8];
    uint32_t j, v, f;
    UNROLL8
    for (v = 0; v < 8u; v++) {
        d[v] = v < count ? load(q->base + at + 32u * v) : _mm256_setzero_si256();
    }
    for (j = 0; j < q->plus; j++) {
        const int8_t *w = q->table + (size_t)q->list[j] * HYST_CHUNK + at;
        UNROLL8
        for (v = 0; v < count; v++) {
            d[v] = _mm256_add_epi8(d[v], load(w + 32u * v));
        }
    }
    for (j = 1; j <= q->minus; j++) {
        const int8_t *w = q->table + (size_t)*(q->end - j) * HYST_CHUNK + at;
        UNROLL8
        for (v = 0; v < count; v++) {
            d[v] = _mm256_sub_epi8(d[v], load(w + 32u * v));
        }
    }
    UNROLL8
    for (v = 0; v < count; v++) {
        uint32_t word = 0;
        store(steps + at + 32u * v, d[v]);
        for (f = 0; f < flips; f++) {
            const __m256i m = load(q->margin[f] + at + 32u * v);
            word ^= ~(uint32_t)_mm256_movemask_epi8(_mm256_adds_epi8(m, d[v]));
        }
        memcpy((unsigned char *)bits + at / 8u + 4u * v, &word, sizeof word);
    }
}

void hyst_lanes_delta(const hyst_delta *q, int8_t *steps, uint64_t *bits)
{
    uint32_t at;
    if (q->width == HYST_CHUNK && q->flips == 1u) {
        delta(q, 0, 8, 1, steps, bits);
        return;
    }
    for (at = 0; at < q->width; at += 64u) {
        if (q->flips == 1u) {
            delta(q, at, 2, 1, steps, bits);
        } else {
            delta(q, at, 2, 2, steps, bits);
        }
    }
}

/* H. S. Warren, Hacker's Delight, 2nd edition, section 7-3. */
INLINE void swap_halves(uint64_t *word, uint32_t width, uint64_t mask)
{
    uint32_t first, i;
    for (first = 0; first < 64u; first += 2u * width) {
        for (i = first; i < first + width; i += 4u) {
            const __m256i low = load(word + i), high = load(word + i + width);
            const __m256i swap =
                _mm256_and_si256(_mm256_xor_si256(_mm256_srli_epi64(low, (int)width), high),
                                 _mm256_set1_epi64x((int64_t)mask));
            store(word + i, _mm256_xor_si256(low, _mm256_slli_epi64(swap, (int)width)));
            store(word + i + width, _mm256_xor_si256(high, swap));
        }
    }
}

void hyst_lanes_turn_bits(uint64_t word[64])
{
    uint32_t i;
    swap_halves(word, 32, 0x00000000ffffffff);
    swap_halves(word, 16, 0x0000ffff0000ffff);
    swap_halves(word, 8, 0x00ff00ff00ff00ff);
    swap_halves(word, 4, 0x0f0f0f0f0f0f0f0f);
    for (i = 0; i < 64u; i += 4u) {
        uint64_t s;
        s = (word[i] >> 2 ^ word[i + 2]) & 0x3333333333333333;
        word[i] ^= s << 2;
        word[i + 2] ^= s;
        s = (word[i + 1] >> 2 ^ word[i + 3]) & 0x3333333333333333;
        word[i + 1] ^= s << 2;
        word[i + 3] ^= s;
        s = (word[i] >> 1 ^ word[i + 1]) & 0x5555555555555555;
        word[i] ^= s << 1;
        word[i + 1] ^= s;
        s = (word[i + 2] >> 1 ^ word[i + 3]) & 0x5555555555555555;
        word[i + 2] ^= s << 1;
        word[i + 3] ^= s;
    }
}
