/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/sliced_lanes.h"

#define RUN_FIELDS \
    int32_t grouped; \
    hyst_lane_group pairs;
#include "hyst/xnor_sliced_conv.inc"

static void one_pixel(run *r, int32_t oy, int32_t ox)
{
    const hyst_geometry *g = r->g;
    const int32_t left = ox * g->stride_w - g->pad_left;
    const hyst_range w = g->pad_value == 0 ? hyst_range_inside(left, 1, g->kernel_w, g->in_w)
                                      : hyst_range_inside(0, 1, g->kernel_w, g->kernel_w);
    const int32_t rows = g->pad_value == 0 ? hyst_range_size(r->h) : g->kernel_h;
    const uint32_t valid = (uint32_t)(rows * hyst_range_size(w)) * r->depth;
    const int32_t from = left + w.first - r->column;
    const uint32_t first = hyst_range_size(w) > 0 ? r->start[from] : 0u;
    const uint32_t listed =
        hyst_range_size(w) > 0 ? r->start[from + hyst_range_size(w)] - first : 0u;
    const hyst_address shift = (hyst_address)(r->column - left) * (hyst_address)(r->depth * 4u);
    const unsigned char *extra = valid < r->l->k ? hyst_border_sums(&r->border, r->h, w) : NULL;
    const uint32_t pixel = (uint32_t)(oy * g->out_w + ox);
    uint32_t start[HYST_SLICED_PLANES], x[HYST_SLICED_PLANES], b;
    hyst_lane_room(start);
    hyst_lane_room(x);
    hyst_sliced_start(r->l, r->l->k + valid - 2u * listed, start);
    for (b = 0; b < r->blocks; b++) {
        const uint32_t *given = start;
        if (extra) {
            hyst_sliced_copy(r->l, start, x);
            hyst_border_add(&r->border, extra, b, x);
            given = x;
        }
        if (r->grouped) {
            hyst_lane_group_add(&r->pairs, b, pixel, r->list + first, listed, shift, given);
            continue;
        }
        hyst_sliced_copy(r->l, given, x);
        hyst_sliced_add(r->list + first, listed,
                        (hyst_address)hyst_sliced_block(r->l, r->group * r->blocks + b) + shift,
                        x + 2);
        hyst_sliced_put(r->l, r->flip, r->group, b, pixel, x);
    }
}

static void begin_tile(run *r)
{
    r->grouped = hyst_lane_group_fits(r->l);
    hyst_lane_group_begin(&r->pairs, r->l, r->flip, r->group);
}

static void end_tile(run *r)
{
    if (r->grouped) {
        hyst_lane_group_end(&r->pairs);
    }
}
