/* SPDX-License-Identifier: Apache-2.0 */
/* Gathers the taps of one output position of a convolution into a dense string. */
#ifndef HYST_PATCH_H
#define HYST_PATCH_H

#include "hyst/elements.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Geometry of a convolution; all sizes >= 1, pads >= 0. */
typedef struct hyst_geometry {
    int32_t in_h, in_w, in_c;
    int32_t out_h, out_w, out_c;
    int32_t kernel_h, kernel_w;
    int32_t stride_h, stride_w;
    int32_t pad_top, pad_left;
    int32_t dilation_h, dilation_w;
    int32_t pad_value;
    int32_t groups;
} hyst_geometry;

/* Copies the geometry out of a params struct (fields of the same names). */
#define HYST_GEOMETRY(g, p)                                                                 \
    do {                                                                                    \
        (g).in_h = (p)->in_h, (g).in_w = (p)->in_w, (g).in_c = (p)->in_c;                   \
        (g).out_h = (p)->out_h, (g).out_w = (p)->out_w, (g).out_c = (p)->out_c;             \
        (g).kernel_h = (p)->kernel_h, (g).kernel_w = (p)->kernel_w;                         \
        (g).stride_h = (p)->stride_h, (g).stride_w = (p)->stride_w;                         \
        (g).pad_top = (p)->pad_top, (g).pad_left = (p)->pad_left;                           \
        (g).dilation_h = (p)->dilation_h, (g).dilation_w = (p)->dilation_w;                 \
        (g).pad_value = (p)->pad_value, (g).groups = (p)->groups;                           \
    } while (0)

/* One contiguous run of taps of a patch: count elements of the map from element
 * from, to element to of the patch. */
typedef struct hyst_run {
    uint32_t from, to, count;
} hyst_run;

/* Walks the runs of one patch; fill as shown in patch_portable.c. */
typedef struct hyst_walk {
    const hyst_geometry *g;
    int32_t top, left;   /* input position of the first tap, may be outside */
    int32_t kh, kw;      /* next tap */
    uint32_t depth;      /* channels per group */
    uint32_t channel;    /* first channel of the group */
    int32_t whole;       /* taps of one row are neighbours in memory */
    int32_t complete;    /* no tap lies outside */
} hyst_walk;

void hyst_walk_begin(hyst_walk *walk, const hyst_geometry *g, int32_t oy, int32_t ox,
                     int32_t group);

/* Returns 0 at the end, else fills *run. */
int32_t hyst_walk_next(hyst_walk *walk, hyst_run *run);

/* Taps of one output. */
uint32_t hyst_geometry_taps(const hyst_geometry *g);

/* Gathers the bits of plane x into patch; taps outside become fill (0 or 1).
 * Returns 1 when no tap lay outside. */
int32_t hyst_patch_bits(const hyst_geometry *g, const void *x, int32_t oy, int32_t ox,
                        int32_t group, int32_t fill, void *patch);

/* Ones where a tap lies inside the map. */
void hyst_patch_mask(const hyst_geometry *g, int32_t oy, int32_t ox, int32_t group, void *mask);

/* Gathers integers (HYST_U8, I8, I16); taps outside become pad_value. */
void hyst_patch_ints(const hyst_geometry *g, const void *x, int32_t type, int32_t oy, int32_t ox,
                     int32_t group, void *patch);

#ifdef __cplusplus
}
#endif

#endif
