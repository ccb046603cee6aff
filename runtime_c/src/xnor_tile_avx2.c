/* SPDX-License-Identifier: Apache-2.0 */
/* AVX2: two vectors are one word of the eight lanes. Carry-save adders take seven vectors to
 * three, nibble look-ups (vpshufb) count them, vpsadbw sums each lane on its own. */
#include "hyst/xnor_tile.h"

#include <immintrin.h>

#if HYST_TILE_LANES != 8
#error "two vectors hold eight lanes"
#endif

#define INLINE static inline __attribute__((always_inline))

#define HALVES 2u
#define ROWS 8u
#define BLOCK 7u

/* A block adds at most 7 * 8 to a byte counter. */
#define BLOCKS_PER_SUM 4u

/* What all rows of a call share. */
typedef struct operands {
    const unsigned char *x, *mask; /* mask may be NULL */
    uint32_t whole;                /* words of which all bits count */
    int32_t partial;               /* 1: one more follows, of which the bits of tail count */
    __m256i tail;
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

/* Where a row meets half of the lanes; pointers, so that every offset below is a constant. */
typedef struct place {
    const unsigned char *x, *mask, *row;
} place;

INLINE void advance(place *at, uint32_t words)
{
    at->x += words * 64u;
    at->mask += words * 64u;
    at->row += words * 8u;
}

INLINE __m256i vector(const unsigned char *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

INLINE __m256i differing(const place *at, uint32_t word, int masked)
{
    const __m256i w = _mm256_set1_epi64x((long long)hyst_load(at->row, word));
    const __m256i differ = _mm256_xor_si256(vector(at->x + word * 64u), w);
    return masked ? _mm256_and_si256(differ, vector(at->mask + word * 64u)) : differ;
}

INLINE __m256i seven(const place *at, int masked)
{
    __m256i low = differing(at, 0, masked), two, four, second, third;
    two = carry(differing(at, 1, masked), differing(at, 2, masked), &low);
    second = carry(differing(at, 3, masked), differing(at, 4, masked), &low);
    third = carry(differing(at, 5, masked), differing(at, 6, masked), &low);
    four = carry(second, third, &two);
    return _mm256_add_epi8(byte_counts(low, TABLE(1)), _mm256_add_epi8(byte_counts(two, TABLE(2)),
                                                                       byte_counts(four, TABLE(4))));
}

INLINE __m256i three(const place *at, int masked)
{
    __m256i low = differing(at, 0, masked);
    const __m256i two = carry(differing(at, 1, masked), differing(at, 2, masked), &low);
    return _mm256_add_epi8(byte_counts(low, TABLE(1)), byte_counts(two, TABLE(2)));
}

/* Differing bits of one row and half of the lanes, one 64-bit sum each. */
INLINE __m256i one_row(const operands *q, place at, int masked)
{
    const __m256i zero = _mm256_setzero_si256();
    __m256i sum = zero, bytes = zero;
    uint32_t left = q->whole;
    while (left >= BLOCK) {
        uint32_t block;
        for (block = 0; block < BLOCKS_PER_SUM && left >= BLOCK; block++, left -= BLOCK) {
            bytes = _mm256_add_epi8(bytes, seven(&at, masked));
            advance(&at, BLOCK);
        }
        if (block == BLOCKS_PER_SUM) {
            sum = _mm256_add_epi64(sum, _mm256_sad_epu8(bytes, zero));
            bytes = zero;
        }
    }
    /* at most three blocks, two threes, one word and one tail: below 256 */
    for (; left >= 3u; left -= 3u) {
        bytes = _mm256_add_epi8(bytes, three(&at, masked));
        advance(&at, 3u);
    }
    for (; left > 0u; left--) {
        bytes = _mm256_add_epi8(bytes, byte_counts(differing(&at, 0, masked), TABLE(1)));
        advance(&at, 1u);
    }
    if (q->partial) {
        const __m256i last = _mm256_and_si256(differing(&at, 0, masked), q->tail);
        bytes = _mm256_add_epi8(bytes, byte_counts(last, TABLE(1)));
    }
    return _mm256_add_epi64(sum, _mm256_sad_epu8(bytes, zero));
}

/* Lane p of s[r], the sum of row r, becomes element r of acc[p * 32]; sums are below 2^31. */
INLINE void put_eight(const __m256i *s, const int32_t *counted, int32_t *acc)
{
    __m256i rows[4], out[4];
    uint32_t p;
    for (p = 0; p < 4u; p++) {
        rows[p] = _mm256_or_si256(s[2u * p], _mm256_slli_epi64(s[2u * p + 1u], 32));
    }
    out[0] = _mm256_unpacklo_epi64(rows[0], rows[1]);
    out[1] = _mm256_unpackhi_epi64(rows[0], rows[1]);
    out[2] = _mm256_unpacklo_epi64(rows[2], rows[3]);
    out[3] = _mm256_unpackhi_epi64(rows[2], rows[3]);
    rows[0] = _mm256_permute2x128_si256(out[0], out[2], 0x20);
    rows[1] = _mm256_permute2x128_si256(out[1], out[3], 0x20);
    rows[2] = _mm256_permute2x128_si256(out[0], out[2], 0x31);
    rows[3] = _mm256_permute2x128_si256(out[1], out[3], 0x31);
    for (p = 0; p < 4u; p++) {
        const __m256i twice = _mm256_add_epi32(rows[p], rows[p]);
        _mm256_storeu_si256((__m256i *)(void *)(acc + p * 32u),
                            _mm256_sub_epi32(_mm256_set1_epi32(counted[p]), twice));
    }
}

INLINE void all_rows(const operands *q, const unsigned char *row, uint32_t rows, int masked,
                     const int32_t *counted, int32_t *acc)
{
    const uint32_t stride = (q->whole + (uint32_t)q->partial) * 8u;
    uint32_t r, j;
    for (r = 0; r < rows; r += ROWS, row += ROWS * stride) {
        /* nobody reads the sums of rows past the end */
        const uint32_t count = rows - r < ROWS ? rows - r : ROWS;
        __m256i sum[HALVES][ROWS];
        memset(sum, 0, sizeof sum);
        for (j = 0; j < count; j++) {
            const place low = {q->x, masked ? q->mask : q->x, row + j * stride};
            const place high = {low.x + 32, low.mask + 32, low.row};
            sum[0][j] = one_row(q, low, masked);
            sum[1][j] = one_row(q, high, masked);
        }
        put_eight(sum[0], counted, acc + r);
        put_eight(sum[1], counted + 4, acc + 4 * 32 + r);
    }
}

void hyst_xnor_tile(const hyst_tile *tile, const void *rows_w, uint32_t rows, int32_t *acc)
{
    operands q;
    q.x = (const unsigned char *)tile->x;
    q.mask = (const unsigned char *)tile->mask;
    q.whole = tile->k / 64u;
    q.partial = tile->k % 64u > 0u;
    q.tail = _mm256_set1_epi64x((long long)hyst_tail_mask(tile->k));
    if (tile->mask) {
        all_rows(&q, (const unsigned char *)rows_w, rows, 1, tile->counted, acc);
    } else {
        all_rows(&q, (const unsigned char *)rows_w, rows, 0, tile->counted, acc);
    }
}

void hyst_xnor_tile_bits(const hyst_tile *tile, const void *rows_w, uint32_t rows,
                         const hyst_limits *limits, uint32_t *bits)
{
    hyst_xnor_tile_bits_of_sums(tile, rows_w, rows, limits, bits);
}
