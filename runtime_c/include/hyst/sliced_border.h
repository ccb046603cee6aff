/* SPDX-License-Identifier: Apache-2.0 */
/* Primitive: ones of the weights whose taps lie outside the map, for bit-sliced counters.
 *
 * They depend on the position only. Three are kept: for a position at the left border, one at the
 * right, one between; a row of pixels finds them again. */
#ifndef HYST_SLICED_BORDER_H
#define HYST_SLICED_BORDER_H

#include "hyst/patch.h"
#include "hyst/sliced_steps.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HYST_BORDER_SLOTS 3u

/* Taps first .. last - 1 of a row or column of taps. */
typedef struct hyst_range {
    int32_t first, last;
} hyst_range;

static inline int32_t hyst_range_size(hyst_range r)
{
    return r.last - r.first;
}

/* The taps at first + i * step, i < count, that lie in 0 .. size - 1. */
hyst_range hyst_range_inside(int32_t first, int32_t step, int32_t count, int32_t size);

typedef struct hyst_border {
    const hyst_geometry *g;
    const hyst_sliced_layer *layer;
    uint32_t group, depth, blocks;
    unsigned char *slots; /* HYST_BORDER_SLOTS * blocks * planes words */
    hyst_range h[HYST_BORDER_SLOTS], w[HYST_BORDER_SLOTS];
    int32_t filled[HYST_BORDER_SLOTS];
} hyst_border;

/* Starts a group with empty slots. */
void hyst_border_begin(hyst_border *border, const hyst_geometry *g, const hyst_sliced_layer *layer,
                       uint32_t group, unsigned char *slots);

/* The slot of the taps outside h and w, for hyst_border_add. */
const unsigned char *hyst_border_sums(hyst_border *border, hyst_range h, hyst_range w);

/* x += 2 * (ones outside) of block b. */
void hyst_border_add(const hyst_border *border, const unsigned char *slot, uint32_t b, uint32_t *x);

#ifdef __cplusplus
}
#endif

#endif
