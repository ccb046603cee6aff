/* SPDX-License-Identifier: Apache-2.0 */
/* Primitive: bit-sliced binary products whose executed instructions do not depend on data.
 *
 * No list: every word of a block is added, masked with its element of x; nothing stops early.
 * Same counters, tables and outputs as sliced_steps.h. Weights stay in the layout sliced. */
#ifndef HYST_SLICED_CT_H
#define HYST_SLICED_CT_H

#include "hyst/sliced_border.h"

#ifdef __cplusplus
extern "C" {
#endif

/* All outputs of a group at a pixel from a string of k bits. */
void hyst_sliced_ct_bits(const hyst_sliced_layer *layer, const void *x, uint32_t group,
                         uint32_t pixel);

/* Convolution of binary x with layer->w. scratch: a patch of k bits padded to 8 bytes, then
 * HYST_BORDER_SLOTS * blocks * planes words. */
void hyst_sliced_ct_conv(const hyst_geometry *g, const hyst_sliced_layer *layer, const void *x,
                         void *scratch);

#ifdef __cplusplus
}
#endif

#endif
