/* SPDX-License-Identifier: Apache-2.0 */
/* Gathers the taps of one output position straight into a lane of interleaved words, for maps
 * whose pixels are whole words. */
#ifndef HYST_PATCH_LANES_H
#define HYST_PATCH_LANES_H

#include "hyst/patch.h"
#include "hyst/tile_fill.h"

#ifdef __cplusplus
extern "C" {
#endif

/* 1 when a pixel is whole words: one group, channels a multiple of HYST_WORD_BITS. */
int32_t hyst_lane_fits(const hyst_geometry *g);

/* 1 when no tap of the position lies outside the map. */
int32_t hyst_lane_complete(const hyst_geometry *g, int32_t oy, int32_t ox);

/* The first word of a position without taps outside, and the pieces that follow it. */
uint32_t hyst_lane_from(const hyst_geometry *g, int32_t oy, int32_t ox);
void hyst_lane_pieces(const hyst_geometry *g, hyst_pieces *pieces);

/* Word i of the patch becomes word i * step of sign; taps outside become bits of fill. mask, where
 * not NULL, gets ones where a tap lies inside. Returns the elements that lie inside. */
uint32_t hyst_lane_put(const hyst_geometry *g, const void *x, int32_t oy, int32_t ox, uint32_t step,
                       hyst_word fill, void *sign, void *mask);

#ifdef __cplusplus
}
#endif

#endif
