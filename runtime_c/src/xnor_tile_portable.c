/* SPDX-License-Identifier: Apache-2.0 */
/* Carry-save adders take seven words to three before bits are counted (Harley and Seal); counts
 * of four bits stay in fields of four bits over three sevens. Every inner loop runs over lanes,
 * so that compilers vectorise it. */
#include "hyst/xnor_tile.h"

#define LANES ((uint32_t)HYST_TILE_LANES)
#define SEVENS 3u /* each adds at most 4 to a field of four bits */
#define BLOCK (7u * SEVENS)

/* What all rows of a call share. The last 1 to 21 words are kept apart: their mask drops the
 * tail and fills the block. */
typedef struct operands {
    const hyst_word *x, *mask;
    uint32_t words;
    hyst_word last_x[BLOCK * HYST_TILE_LANES], last_mask[BLOCK * HYST_TILE_LANES];
} operands;

/* Counts of each four bits of v. */
static inline hyst_word nibble_counts(hyst_word v)
{
    v -= (v >> 1) & (HYST_ALL_ONES / 3u);
    return (v & (HYST_ALL_ONES / 5u)) + ((v >> 2) & (HYST_ALL_ONES / 5u));
}

/* Fields of four bits added up to bytes. */
static inline hyst_word byte_counts(hyst_word v)
{
    return (v & (HYST_ALL_ONES / 17u)) + ((v >> 4) & (HYST_ALL_ONES / 17u));
}

/* Sum of byte counters; pairs of bytes first, so that nothing overflows. Shifts, because vectors
 * have no fast 64-bit product. */
static inline hyst_word byte_sum(hyst_word v)
{
    const hyst_word even = HYST_ALL_ONES / 257u;
    v = (v & even) + ((v >> 8) & even);
    v += v >> (HYST_WORD_BITS / 2);
    v += HYST_WORD_BITS == 64 ? v >> 16 : 0u;
    return v & 0xffffu;
}

/* a + b + *low = 2 * result + *low, bit by bit. */
static inline hyst_word carry(hyst_word a, hyst_word b, hyst_word *low)
{
    const hyst_word u = a ^ b, c = *low;
    *low = u ^ c;
    return (a & b) | (u & c);
}

/* Adds the differing bits of a block to every lane; words of the row past count are repeats. */
static inline void add_block(const hyst_word *x, const hyst_word *mask, hyst_rom row,
                             uint32_t count, hyst_word *differ)
{
    hyst_word w[BLOCK];
    uint32_t p, j, s;
    for (j = 0; j < BLOCK; j++) {
        w[j] = hyst_rom_load(row, j < count ? j : count - 1u);
    }
    for (p = 0; p < LANES; p++) {
        hyst_word ones = 0, twos = 0, fours = 0;
        for (s = 0; s < BLOCK; s += 7u) {
            hyst_word d[7], low, two, second, third, four;
            for (j = 0; j < 7u; j++) {
                d[j] = x[(s + j) * LANES + p] ^ w[s + j];
                if (mask) {
                    d[j] &= mask[(s + j) * LANES + p];
                }
            }
            low = d[0];
            two = carry(d[1], d[2], &low);
            second = carry(d[3], d[4], &low);
            third = carry(d[5], d[6], &low);
            four = carry(second, third, &two);
            ones += nibble_counts(low);
            twos += nibble_counts(two);
            fours += nibble_counts(four);
        }
        /* at most 7 * 24 */
        differ[p] += byte_sum(byte_counts(ones) + 2u * byte_counts(twos) + 4u * byte_counts(fours));
    }
}

/* Differing bits of one row and each lane. */
static inline void one_row(const operands *q, hyst_rom row, const hyst_word *mask,
                           hyst_word *differ)
{
    uint32_t i = 0;
    for (; i + BLOCK < q->words; i += BLOCK) {
        const uint32_t at = i * LANES;
        add_block(q->x + at, mask ? mask + at : NULL, hyst_rom_at(row, i * HYST_WORD_BYTES), BLOCK, differ);
    }
    add_block(q->last_x, q->last_mask, hyst_rom_at(row, i * HYST_WORD_BYTES), q->words - i, differ);
}

static void prepare(operands *q, const void *x, const void *mask, uint32_t k)
{
    uint32_t start, left, i;
    q->x = (const hyst_word *)x;
    q->mask = (const hyst_word *)mask;
    q->words = hyst_words(k);
    start = (q->words - 1u) / BLOCK * BLOCK * LANES;
    left = q->words * LANES - start;
    for (i = 0; i < BLOCK * LANES; i++) {
        const hyst_word tail = i + LANES < left ? HYST_ALL_ONES : hyst_tail_mask(k);
        q->last_x[i] = i < left ? q->x[start + i] : 0u;
        q->last_mask[i] = i >= left ? 0u : mask ? q->mask[start + i] & tail : tail;
    }
}

void hyst_xnor_tile(const hyst_tile *tile, hyst_rom rows_w, uint32_t rows, int32_t *acc)
{
    hyst_rom row = rows_w;
    operands q;
    uint32_t r, p;
    prepare(&q, tile->x, tile->mask, tile->k);
    for (r = 0; r < rows; r++, row = hyst_rom_at(row, hyst_plane_bytes(tile->k))) {
        hyst_word differ[HYST_TILE_LANES] = {0};
        if (tile->mask) {
            one_row(&q, row, q.mask, differ);
        } else {
            one_row(&q, row, NULL, differ);
        }
        for (p = 0; p < LANES; p++) {
            acc[p * 32u + r] = tile->counted[p] - 2 * (int32_t)differ[p];
        }
    }
}

void hyst_xnor_tile_bits(const hyst_tile *tile, hyst_rom rows_w, uint32_t rows,
                         const hyst_limits *limits, uint32_t *bits)
{
    hyst_xnor_tile_bits_of_sums(tile, rows_w, rows, limits, bits);
}
