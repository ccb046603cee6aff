/* SPDX-License-Identifier: Apache-2.0 */
/* A binary convolution eight positions at a time: their patches are the lanes of a tile
 * (xnor_tile.h), and rows of weights stay in the cache over all tiles of a call. */
#ifndef HYST_XNOR_TILED_CONV_H
#define HYST_XNOR_TILED_CONV_H

#include "hyst/xnor_gather.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HYST_TILED_MOST 64

/* count <= HYST_TILED_MOST neighbouring positions of one group; binary weights. scratch holds two
 * patches, up to 63 bytes of alignment, then two patches per lane, lanes in whole tiles. */
void hyst_xnor_tiled_conv(const hyst_xnor_layer *l, int32_t pixel, int32_t count, int32_t group);

#ifdef __cplusplus
}
#endif

#endif
