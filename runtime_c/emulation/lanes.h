/* SPDX-License-Identifier: Apache-2.0 */
/* The inner loops of the incremental engine: many samples or many outputs side by side.
 *
 * lanes_portable.c says what they compute; lanes_avx2.c is the same, faster. */
#ifndef HYST_EMULATION_LANES_H
#define HYST_EMULATION_LANES_H

#include <stddef.h>
#include <stdint.h>

#define HYST_BLOCK 256u      /* samples handled together */
#define HYST_BLOCK_WORDS 4u  /* their bits */
#define HYST_CHUNK 256u      /* outputs handled together */
#define HYST_CHUNK_WORDS 4u
#define HYST_STEPS_MOST 127u /* unit steps whose sum an int8_t holds */

/* Rows of a list: those before plus are added, the others subtracted. */
typedef struct hyst_signed_list {
    const uint32_t *row;
    uint32_t plus;
    uint32_t count;
} hyst_signed_list;

/* acc[i] = sums[i] + the listed rows of x at i, for HYST_BLOCK samples.
 * x holds rows of HYST_BLOCK int8_t or uint8_t; no partial sum leaves 16 bits. */
void hyst_lanes_add(const int16_t *sums, const void *x, int32_t is_signed,
                    const hyst_signed_list *list, int16_t *acc);

/* bits ^= [acc[i] + odd[i] >= limit], bit i % 64 of word i / 64; acc + odd fits 16 bits. */
void hyst_lanes_ge(const int16_t *acc, const int16_t *odd, int32_t limit, uint64_t *bits);

/* out[i] = the listed rows of bits at i as -1 or +1, for HYST_BLOCK samples; at most
 * HYST_STEPS_MOST rows. */
void hyst_lanes_votes(const uint64_t *rows, const hyst_signed_list *list, int8_t *out);

/* out[i * stride + r] = rows[r * HYST_BLOCK + i] for 16 rows of HYST_BLOCK bytes. */
void hyst_lanes_turn(const int8_t *rows, int8_t *out, size_t stride);

/* One sample's changed inputs at one chunk of outputs. */
typedef struct hyst_delta {
    const int8_t *table;     /* rows of HYST_CHUNK weights, -1 or +1, one per input */
    const uint16_t *list;    /* changed inputs: plus that became +1, from the front ... */
    uint32_t plus;
    const uint16_t *end;     /* ... and minus that became -1, before the end */
    uint32_t minus;
    const int8_t *base;      /* steps from wrong weights, width of them */
    uint32_t flips;          /* thresholds per output */
    const int8_t *margin[2]; /* clean sum minus limit, saturated to 8 bits */
    uint32_t width;          /* outputs: a multiple of 64 up to HYST_CHUNK */
} hyst_delta;

/* steps = d and bits = XOR over thresholds of [margin + d >= 0], width bits, where d is
 * base + the rows that became +1 - those that became -1; the caller bounds |d| by
 * HYST_STEPS_MOST. */
void hyst_lanes_delta(const hyst_delta *q, int8_t *steps, uint64_t *bits);

/* bits ^= [sums[i] + steps[i] > below[i]], width bits; sums + steps fits 16 bits. */
void hyst_lanes_above(const int16_t *sums, const int16_t *steps, const int16_t *below,
                      uint32_t width, uint64_t *bits);

/* Transposes 64 words of 64 bits in place. */
void hyst_lanes_turn_bits(uint64_t word[64]);

#endif
