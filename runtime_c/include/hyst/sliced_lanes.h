/* SPDX-License-Identifier: Apache-2.0 */
/* Armv8.1-M MVE: listed words counted in four lanes of 32 bits, each lane a part of the list.
 * So a list of any length and one block of outputs fill the vectors, and weights keep their layout.
 *
 * A group collects up to four counted (block, pixel) pairs; their sums over lanes and their
 * thresholds are then found together, one pair to a lane. */
#ifndef HYST_SLICED_LANES_H
#define HYST_SLICED_LANES_H

#include "hyst/sliced_steps.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HYST_LANES 4u
#define HYST_LANE_PLANES 7u
#define HYST_PAIR_PLANE (HYST_LANES * HYST_LANES)
/* Planes of X for k <= HYST_LIST_SPAN. */
#define HYST_GROUP_PLANES 17u

/* Counts the listed words at base in lanes: plane p of lane l is to[plane * p + lane * l]. All lanes
 * add up to the counters in x (planes; NULL is 0) plus the listed words, which top planes hold.
 * Writes HYST_LANE_PLANES planes at least and reads as many of x. top <= 16, length <= 65535. */
void hyst_lanes_count(const uint16_t *list, uint32_t length, hyst_address base, const uint32_t *x,
                      uint32_t top, uint32_t *to, uint32_t plane, uint32_t lane);

typedef struct hyst_lane_group {
    const hyst_sliced_layer *layer;
    uint32_t flip, group, count;
    uint32_t b[HYST_LANES], pixel[HYST_LANES];
    uint32_t x[HYST_GROUP_PLANES * HYST_LANES]; /* plane p of pair i at 4 p + i */
    /* plane p of lane l of pair i at 16 p + 4 l + i */
    uint32_t lanes[(HYST_GROUP_PLANES - 2u) * HYST_PAIR_PLANE];
} hyst_lane_group;

/* Whether groups serve a layer: thresholds as tables, 16-bit entries. */
static inline int32_t hyst_lane_group_fits(const hyst_sliced_layer *layer)
{
    return hyst_sink_planes(layer->sink) != 0u && layer->sums && layer->k <= HYST_LIST_SPAN;
}

/* Clears the planes that hyst_lanes_count reads and hyst_sliced_start may leave out. */
static inline void hyst_lane_room(uint32_t *x)
{
    x[6] = x[7] = x[8] = 0;
}

/* Starts a group of pairs that list ones (flip 0) or zeros, all of one group of outputs. */
static inline void hyst_lane_group_begin(hyst_lane_group *g, const hyst_sliced_layer *layer,
                                         uint32_t flip, uint32_t group)
{
    g->layer = layer;
    g->flip = flip;
    g->group = group;
    g->count = 0;
}

/* Opens a pair; returns where plane p of lane l of its counts belongs: at 16 p + 4 l. */
uint32_t *hyst_lane_group_next(hyst_lane_group *g, uint32_t b, uint32_t pixel, const uint32_t *x);

/* Counts block b at a pixel; x as hyst_sliced_start made it, words of the block moved by shift. */
void hyst_lane_group_add(hyst_lane_group *g, uint32_t b, uint32_t pixel, const uint16_t *list,
                         uint32_t length, hyst_address shift, const uint32_t *x);

/* Writes the outputs of all pairs that wait. */
void hyst_lane_group_end(hyst_lane_group *g);

#ifdef __cplusplus
}
#endif

#endif
