/* SPDX-License-Identifier: Apache-2.0 */
#include "draws.h"

/* Blocks computed at a time: few enough for the first-level cache. */
#define BLOCKS 256u

#define MULTIPLY_0 0xD2511F53u
#define MULTIPLY_1 0xCD9E8D57u
#define WEYL_0 0x9E3779B9u /* check: floor(2^32 / golden ratio) */
#define WEYL_1 0xBB67AE85u /* check: floor(2^32 * (sqrt(3) - 1)) */

/* One round on 32-bit words; k0 and k1 are this round's key. */
#define ROUND(n)                                                       \
    do {                                                               \
        const uint64_t product0 = (uint64_t)x0 * MULTIPLY_0;           \
        const uint64_t product1 = (uint64_t)x2 * MULTIPLY_1;           \
        const uint32_t k0 = key0 + (uint32_t)(n) * WEYL_0;             \
        const uint32_t k1 = key1 + (uint32_t)(n) * WEYL_1;             \
        x0 = (uint32_t)(product1 >> 32) ^ x1 ^ k0;                     \
        x1 = (uint32_t)product1;                                       \
        x2 = (uint32_t)(product0 >> 32) ^ x3 ^ k1;                     \
        x3 = (uint32_t)product0;                                       \
    } while (0)

#define TEN_ROUNDS                                                     \
    do {                                                               \
        ROUND(0); ROUND(1); ROUND(2); ROUND(3); ROUND(4);              \
        ROUND(5); ROUND(6); ROUND(7); ROUND(8); ROUND(9);              \
    } while (0)

void hyst_philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    const uint32_t key0 = key[0], key1 = key[1];
    uint32_t x0 = counter[0], x1 = counter[1], x2 = counter[2], x3 = counter[3];
    TEN_ROUNDS;
    out[0] = x0;
    out[1] = x1;
    out[2] = x2;
    out[3] = x3;
}

/* even[i] and odd[i] are the two draws of block first + i: apart, so that the loop vectorizes. */
static void draw_blocks(const hyst_stream *s, uint32_t first, uint64_t even[BLOCKS],
                        uint64_t odd[BLOCKS])
{
    const uint32_t key0 = s->key[0], key1 = s->key[1];
    const uint32_t section = s->section, chip = s->chip, purpose = s->purpose;
    uint32_t i;
    for (i = 0; i < BLOCKS; i++) {
        uint32_t x0 = first + i, x1 = section, x2 = chip, x3 = purpose;
        TEN_ROUNDS;
        even[i] = x0 | (uint64_t)x1 << 32;
        odd[i] = x2 | (uint64_t)x3 << 32;
    }
}

void hyst_draw(const hyst_stream *stream, uint64_t count, uint64_t *out)
{
    uint64_t even[BLOCKS], odd[BLOCKS], start, i;
    for (start = 0; start < count; start += 2u * BLOCKS) {
        const uint64_t left = count - start;
        const uint64_t here = left < 2u * BLOCKS ? left : 2u * BLOCKS;
        draw_blocks(stream, (uint32_t)(start / 2u), even, odd);
        for (i = 0; i + 1 < here; i += 2) {
            out[start + i] = even[i / 2];
            out[start + i + 1] = odd[i / 2];
        }
        if (i < here) {
            out[start + i] = even[i / 2];
        }
    }
}

uint64_t hyst_marginal(const hyst_stream *stream, const uint8_t *stored, uint64_t count,
                       const hyst_limit limit[2], int64_t *cell, uint64_t *depth)
{
    uint64_t even[BLOCKS], odd[BLOCKS], start, i, found = 0;
    for (start = 0; start < count; start += 2u * BLOCKS) {
        const uint64_t left = count - start;
        const uint64_t here = left < 2u * BLOCKS ? left : 2u * BLOCKS;
        draw_blocks(stream, (uint32_t)(start / 2u), even, odd);
        for (i = 0; i < here; i++) {
            const uint64_t draw = i & 1u ? odd[i / 2] : even[i / 2];
            const uint64_t one = stored[start + i];
            const uint64_t mine = draw ^ (one - 1u); /* the complement where 0 is stored */
            /* Written always, kept when wrong: found <= start + i < count. */
            cell[found] = (int64_t)(start + i);
            depth[found] = mine;
            found += (uint64_t)(mine <= limit[one].last) & limit[one].some;
        }
    }
    return found;
}
