/* SPDX-License-Identifier: Apache-2.0 */
/* AVX2: one vector is one word of the four lanes. Carry-save adders take seven vectors to
 * three, nibble look-ups (vpshufb) count them, vpsadbw sums each lane on its own. */
#include "hyst/xnor_tile.h"

#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))

#define BLOCK 7u

/* A block adds at most 7 * 8 to a byte counter. */
#define BLOCKS_PER_SUM 4u

/* What all rows of a call share. */
typedef struct operands {
    const unsigned char *x, *mask; /* mask may be NULL */
    uint32_t whole;                /* words before the last one */
    __m256i tail;                  /* bits of the last word that count */
} operands;

#define TABLE(weight)                                                                       \
    _mm256_setr_epi8(0, (weight), (weight), 2 * (weight), (weight), 2 * (weight),           \
                     2 * (weight), 3 * (weight), (weight), 2 * (weight), 2 * (weight),      \
                     3 * (weight), 2 * (weight), 3 * (weight), 3 * (weight), 4 * (weight),  \
                     0, (weight), (weight), 2 * (weight), (weight), 2 * (weight),           \
                     2 * (weight), 3 * (weight), (weight), 2 * (weight), 2 * (weight),      \
                     3 * (weight), 2 * (weight), 3 * (weight), 3 * (weight), 4 * (weight))

/* weight * (bits of each byte), the weight being in the table. */
INLINE __m256i byte_counts(__m256i v, __m256i table)
{
    const __m256i low = _mm256_set1_epi8(15);
    const __m256i high = _mm256_and_si256(_mm256_srli_epi16(v, 4), low);
    return _mm256_add_epi8(_mm256_shuffle_epi8(table, _mm256_and_si256(v, low)),
                           _mm256_shuffle_epi8(table, high));
}

/* a + b + *low = 2 * result + *low, bit by bit. */
INLINE __m256i carry(__m256i a, __m256i b, __m256i *low)
{
    const __m256i u = _mm256_xor_si256(a, b), c = *low;
    *low = _mm256_xor_si256(u, c);
    return _mm256_or_si256(_mm256_and_si256(a, b), _mm256_and_si256(u, c));
}

INLINE __m256i differing(const operands *q, const unsigned char *row, uint32_t i, int masked)
{
    const size_t at = (size_t)i * 32u;
    const __m256i x = _mm256_loadu_si256((const __m256i *)(const void *)(q->x + at));
    __m256i differ = _mm256_xor_si256(x, _mm256_set1_epi64x((long long)hyst_load(row, i)));
    if (masked) {
        differ = _mm256_and_si256(
            differ, _mm256_loadu_si256((const __m256i *)(const void *)(q->mask + at)));
    }
    return differ;
}

INLINE __m256i seven(const operands *q, const unsigned char *row, uint32_t i, int masked)
{
    __m256i low = differing(q, row, i, masked), two, four, second, third;
    two = carry(differing(q, row, i + 1u, masked), differing(q, row, i + 2u, masked), &low);
    second = carry(differing(q, row, i + 3u, masked), differing(q, row, i + 4u, masked), &low);
    third = carry(differing(q, row, i + 5u, masked), differing(q, row, i + 6u, masked), &low);
    four = carry(second, third, &two);
    return _mm256_add_epi8(byte_counts(low, TABLE(1)), _mm256_add_epi8(byte_counts(two, TABLE(2)),
                                                                       byte_counts(four, TABLE(4))));
}

INLINE __m256i three(const operands *q, const unsigned char *row, uint32_t i, int masked)
{
    __m256i low = differing(q, row, i, masked);
    const __m256i two =
        carry(differing(q, row, i + 1u, masked), differing(q, row, i + 2u, masked), &low);
    return _mm256_add_epi8(byte_counts(low, TABLE(1)), byte_counts(two, TABLE(2)));
}

/* Differing bits of one row, one 64-bit sum per lane. */
INLINE __m256i one_row(const operands *q, const unsigned char *row, int masked)
{
    const __m256i zero = _mm256_setzero_si256();
    __m256i sum = zero, bytes = zero;
    uint32_t i = 0, blocks = 0;
    for (; i + BLOCK <= q->whole; i += BLOCK) {
        bytes = _mm256_add_epi8(bytes, seven(q, row, i, masked));
        if (++blocks % BLOCKS_PER_SUM == 0u) {
            sum = _mm256_add_epi64(sum, _mm256_sad_epu8(bytes, zero));
            bytes = zero;
        }
    }
    sum = _mm256_add_epi64(sum, _mm256_sad_epu8(bytes, zero));
    bytes = byte_counts(_mm256_and_si256(differing(q, row, q->whole, masked), q->tail), TABLE(1));
    for (; i + 3u <= q->whole; i += 3u) {
        bytes = _mm256_add_epi8(bytes, three(q, row, i, masked));
    }
    for (; i < q->whole; i++) {
        bytes = _mm256_add_epi8(bytes, byte_counts(differing(q, row, i, masked), TABLE(1)));
    }
    return _mm256_add_epi64(sum, _mm256_sad_epu8(bytes, zero));
}

INLINE void all_rows(const operands *q, const unsigned char *row, uint32_t rows, int masked,
                     const int32_t *counted, int32_t *acc)
{
    const uint32_t stride = (q->whole + 1u) * 8u;
    uint32_t r, p;
    for (r = 0; r < rows; r++, row += stride) {
        int64_t differ[HYST_TILE_LANES];
        _mm256_storeu_si256((__m256i *)(void *)differ, one_row(q, row, masked));
        for (p = 0; p < HYST_TILE_LANES; p++) {
            acc[p * 32u + r] = counted[p] - 2 * (int32_t)differ[p];
        }
    }
}

void hyst_xnor_tile(const void *x, const void *mask, const void *rows_w, uint32_t k, uint32_t rows,
                    const int32_t *counted, int32_t *acc)
{
    operands q;
    q.x = (const unsigned char *)x;
    q.mask = (const unsigned char *)mask;
    q.whole = hyst_words(k) - 1u;
    q.tail = _mm256_set1_epi64x((long long)hyst_tail_mask(k));
    if (mask) {
        all_rows(&q, (const unsigned char *)rows_w, rows, 1, counted, acc);
    } else {
        all_rows(&q, (const unsigned char *)rows_w, rows, 0, counted, acc);
    }
}
