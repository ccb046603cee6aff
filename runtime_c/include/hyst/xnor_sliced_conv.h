/* SPDX-License-Identifier: Apache-2.0 */
/* Primitive: binary convolution over lists that neighbouring pixels share.
 *
 * The elements under a tile of pixels of one row are listed column by column. The taps of a pixel
 * are then one piece of that list, and its weights lie at one distance from the entries:
 * entry 4 * ((kh * kernel_w + column) * depth + channel), base shifted by the pixel's column. */
#ifndef HYST_XNOR_SLICED_CONV_H
#define HYST_XNOR_SLICED_CONV_H

#include "hyst/sliced_border.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Whether hyst_xnor_sliced_conv takes a geometry: taps of a row are neighbours and entries fit. */
int32_t hyst_sliced_conv_fits(const hyst_geometry *g, uint32_t tile);

/* Binary x and layer->w; tile >= 1 pixels share a list. scratch: (columns + 1) positions u32,
 * HYST_BORDER_SLOTS * blocks * planes words, then depth * kernel_h * columns / 2 entries u16,
 * where columns = (min(tile, out_w) - 1) * stride_w + kernel_w, at most in_w when pad_value is 0. */
void hyst_xnor_sliced_conv(const hyst_geometry *g, const hyst_sliced_layer *layer, const void *x,
                           uint32_t tile, void *scratch);

#ifdef __cplusplus
}
#endif

#endif
