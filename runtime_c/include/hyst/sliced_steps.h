/* SPDX-License-Identifier: Apache-2.0 */
/* From bit-sliced counters to outputs: 32 thresholds decided by one chain of borrows.
 *
 * Binary inputs and weights. Of k taps V lie inside the map, x lists S of them (the +1, or the
 * -1), B counts the one bits of an output's weights, B_out those of the taps outside, B_list
 * those of the listed taps. The counters hold
 *     X = 4 B_list + 2 B_out + (k + V - 2 S), 0 <= X <= 4 k,
 * and, with t' = t + k clamped to 0 .. 2 k + 1,
 *     ones listed:  acc = X - k - 2 B,  acc >= t  iff  X >= t' + 2 B
 *     zeros listed: acc = k + 2 B - X,  acc >= t  iff not X >= 2 k + 1 - t' + 2 B.
 * docs/kernels.md derives it. The right sides are bit-sliced tables in RAM. */
#ifndef HYST_SLICED_STEPS_H
#define HYST_SLICED_STEPS_H

#include "hyst/steps.h"
#include "hyst/xnor_sliced.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Room for the planes of X, 18 for k <= 65535, for a fill in fours, and for what batches of 32
 * words may touch above. */
#define HYST_SLICED_PLANES 22u

typedef struct hyst_sliced_layer {
    uint32_t k;
    uint32_t n;         /* outputs of one group */
    uint32_t planes;    /* hyst_sliced_planes(k); 3 .. 18 */
    hyst_rom w;      /* blocks of 32 outputs, group after group */
    const void *sums;   /* from hyst_sliced_sums, or NULL */
    const hyst_sink *sink;
} hyst_sliced_layer;

/* Planes that hold 0 .. 4 k + 1. */
uint32_t hyst_sliced_planes(uint32_t k);

/* Blocks of one group of n outputs. */
static inline uint32_t hyst_sliced_blocks(uint32_t n)
{
    return (n + 31u) / 32u;
}

/* Address of the words of a block, counted over all groups. */
static inline hyst_rom hyst_sliced_block(const hyst_sliced_layer *layer, uint32_t block)
{
    return hyst_rom_at(layer->w, block * layer->k * 4u);
}

/* X = value in every lane of x[HYST_SLICED_PLANES]. The counters of listed words are x + 2. */
void hyst_sliced_start(const hyst_sliced_layer *layer, uint32_t value, uint32_t *x);

/* Copies what hyst_sliced_start wrote: cheaper than another start. */
static inline void hyst_sliced_copy(const hyst_sliced_layer *layer, const uint32_t *from,
                                    uint32_t *x)
{
    const uint32_t *const end = x + layer->planes;
    for (; x < end; x += 4, from += 4) {
        x[0] = from[0];
        x[1] = from[1];
        x[2] = from[2];
        x[3] = from[3];
    }
    x[0] = x[1] = 0;
}

/* Writes the outputs of block b of a group at a pixel; flip is 0 where ones were listed. */
void hyst_sliced_put(const hyst_sliced_layer *layer, uint32_t flip, uint32_t group, uint32_t b,
                     uint32_t pixel, const uint32_t *x);

/* All outputs of a group at a pixel from a string of k bits; list_at: room for k / 2 entries,
 * for k where k > HYST_LIST_SPAN. */
void hyst_sliced_bits(const hyst_sliced_layer *layer, const void *x, uint32_t group, uint32_t pixel,
                      uint16_t *list_at);

/* The same for ternary weights, whose negative plane lies plane bytes behind; sums not NULL. */
void hyst_sliced_ternary(const hyst_sliced_layer *layer, const void *x, uint32_t plane,
                         uint32_t group, uint32_t pixel, uint16_t *list_at);

/* Fills sums for n outputs of k weights in groups. steps 0: i32 (n), ones of each output, of
 * ternary weights positive minus negative. Else, for binary weights, per block of 32 outputs
 * and each of the steps rows of thresholds (n each, t_type) the planes of t' + 2 B, then of
 * 2 k + 1 - t' + 2 B. */
void hyst_sliced_sums(hyst_rom w, hyst_rom t, int32_t t_type, int32_t steps, int32_t k,
                      int32_t n, int32_t groups, int32_t ternary, void *sums);

#ifdef __cplusplus
}
#endif

#endif
