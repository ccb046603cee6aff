/* SPDX-License-Identifier: Apache-2.0 */
/* The rounds of Philox4x32-10, shared by the draws and their faster variants. */
#ifndef HYST_EMULATION_PHILOX_H
#define HYST_EMULATION_PHILOX_H

#include "draws.h"

#define HYST_MULTIPLY_0 0xD2511F53u
#define HYST_MULTIPLY_1 0xCD9E8D57u
#define HYST_WEYL_0 0x9E3779B9u /* check: floor(2^32 / golden ratio) */
#define HYST_WEYL_1 0xBB67AE85u /* check: floor(2^32 * (sqrt(3) - 1)) */

/* One round on 32-bit words x0 to x3; key0 and key1 are the first round's key. */
#define HYST_ROUND(n)                                                  \
    do {                                                               \
        const uint64_t product0 = (uint64_t)x0 * HYST_MULTIPLY_0;      \
        const uint64_t product1 = (uint64_t)x2 * HYST_MULTIPLY_1;      \
        const uint32_t k0 = key0 + (uint32_t)(n) * HYST_WEYL_0;        \
        const uint32_t k1 = key1 + (uint32_t)(n) * HYST_WEYL_1;        \
        x0 = (uint32_t)(product1 >> 32) ^ x1 ^ k0;                     \
        x1 = (uint32_t)product1;                                       \
        x2 = (uint32_t)(product0 >> 32) ^ x3 ^ k1;                     \
        x3 = (uint32_t)product0;                                       \
    } while (0)

#define HYST_TEN_ROUNDS                                                \
    do {                                                               \
        HYST_ROUND(0); HYST_ROUND(1); HYST_ROUND(2); HYST_ROUND(3);    \
        HYST_ROUND(4); HYST_ROUND(5); HYST_ROUND(6); HYST_ROUND(7);    \
        HYST_ROUND(8); HYST_ROUND(9);                                  \
    } while (0)

/* Blocks computed at a time: few enough for the first-level cache. */
#define HYST_BLOCKS 256u

/* even[i] and odd[i] are the two draws of block first + i: apart, so that the loop vectorizes. */
static inline void hyst_draw_blocks(const hyst_stream *s, uint32_t first,
                                    uint64_t even[HYST_BLOCKS], uint64_t odd[HYST_BLOCKS])
{
    const uint32_t key0 = s->key[0], key1 = s->key[1];
    const uint32_t section = s->section, chip = s->chip, purpose = s->purpose;
    uint32_t i;
    for (i = 0; i < HYST_BLOCKS; i++) {
        uint32_t x0 = first + i, x1 = section, x2 = chip, x3 = purpose;
        HYST_TEN_ROUNDS;
        even[i] = x0 | (uint64_t)x1 << 32;
        odd[i] = x2 | (uint64_t)x3 << 32;
    }
}

/* Writes a cell where its draw is wrong; returns 1 then. stored: packed bits. */
static inline uint64_t hyst_judge(const uint8_t *stored, const hyst_limit limit[2], uint64_t at,
                                  uint64_t draw, int64_t *cell, uint64_t *depth)
{
    const uint64_t one = (uint64_t)stored[at / 8u] >> (at % 8u) & 1u;
    const uint64_t mine = draw ^ (one - 1u); /* the complement where 0 is stored */
    *cell = (int64_t)at;
    *depth = mine;
    return (uint64_t)(mine <= limit[one].last) & limit[one].some;
}

/* The rule of hyst_marginal for the cells from start (even) on, block by block. */
static inline uint64_t hyst_marginal_from(const hyst_stream *stream, const uint8_t *stored,
                                          uint64_t start, uint64_t count,
                                          const hyst_limit limit[2], int64_t *cell,
                                          uint64_t *depth, uint64_t found)
{
    uint64_t even[HYST_BLOCKS], odd[HYST_BLOCKS], i;
    for (; start < count; start += 2u * HYST_BLOCKS) {
        const uint64_t left = count - start;
        const uint64_t here = left < 2u * HYST_BLOCKS ? left : 2u * HYST_BLOCKS;
        hyst_draw_blocks(stream, (uint32_t)(start / 2u), even, odd);
        for (i = 0; i < here; i++) {
            /* Written always, kept when wrong: found <= start + i < count. */
            found += hyst_judge(stored, limit, start + i, i & 1u ? odd[i / 2] : even[i / 2],
                                cell + found, depth + found);
        }
    }
    return found;
}

#endif
