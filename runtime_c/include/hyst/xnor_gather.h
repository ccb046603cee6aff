/* SPDX-License-Identifier: Apache-2.0 */
/* What the ways to compute a binary convolution share: the layer, and one gathered position. */
#ifndef HYST_XNOR_GATHER_H
#define HYST_XNOR_GATHER_H

#include "hyst/op_xnor_conv.h"
#include "hyst/patch.h"
#include "hyst/steps.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hyst_xnor_layer {
    hyst_geometry g;
    const hyst_xnor_conv_params *p;
    const unsigned char *x;
    hyst_rom w;
    unsigned char *scratch;
    uint32_t taps, patch; /* bits and padded bytes of one patch */
    uint32_t per_group;   /* outputs of one group */
    hyst_sink sink;
} hyst_xnor_layer;

/* Gathers one position; returns 1 when the mask was written and must be used. */
static inline int32_t hyst_xnor_gather(const hyst_xnor_layer *l, int32_t pixel, int32_t group,
                                       unsigned char *sign, unsigned char *mask)
{
    const int32_t oy = pixel / l->g.out_w, ox = pixel % l->g.out_w;
    const int32_t pad = l->g.pad_value;
    const int32_t complete = hyst_patch_bits(&l->g, l->x, oy, ox, group, pad > 0, sign);
    if (l->p->x_type == HYST_T2) {
        const uint32_t size = (uint32_t)l->g.in_h * (uint32_t)l->g.in_w * (uint32_t)l->g.in_c;
        uint32_t i;
        hyst_patch_bits(&l->g, l->x + hyst_plane_bytes(size), oy, ox, group, pad < 0, mask);
        for (i = 0; i < hyst_words(l->taps); i++) {
            hyst_store(mask, i, hyst_load(mask, i) ^ hyst_load(sign, i));
        }
        return 1;
    }
    if (complete || pad != 0) {
        return 0;
    }
    hyst_patch_mask(&l->g, oy, ox, group, mask);
    return 1;
}

#ifdef __cplusplus
}
#endif

#endif
