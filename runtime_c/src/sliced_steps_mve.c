/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/sliced_lanes.h"
#include "hyst/sliced_steps.inc"

/* Where groups do not serve: sums instead of thresholds, or a list of several parts. */
HYST_NEVER_INLINE void one_by_one(const hyst_sliced_layer *layer, const hyst_sliced_list *list,
                                  uint32_t flip, uint32_t group, uint32_t pixel,
                                  const uint32_t *start)
{
    const uint32_t blocks = hyst_sliced_blocks(layer->n);
    uint32_t planes[HYST_SLICED_PLANES], b;
    for (b = 0; b < blocks; b++) {
        hyst_sliced_copy(layer, start, planes);
        hyst_sliced_add_list(list, hyst_sliced_block(layer, group * blocks + b), planes + 2);
        hyst_sliced_put(layer, flip, group, b, pixel, planes);
    }
}

HYST_NEVER_INLINE void grouped(const hyst_sliced_layer *layer, const hyst_sliced_list *list,
                               uint32_t flip, uint32_t group, uint32_t pixel,
                               const uint32_t *start)
{
    const uint32_t blocks = hyst_sliced_blocks(layer->n);
    hyst_lane_group pairs;
    uint32_t b;
    hyst_lane_group_begin(&pairs, layer, flip, group);
    for (b = 0; b < blocks; b++) {
        hyst_lane_group_add(&pairs, b, pixel, list->at, list->length[0], 0, start);
    }
    hyst_lane_group_end(&pairs);
}

void hyst_sliced_bits(const hyst_sliced_layer *layer, const void *x, uint32_t group, uint32_t pixel,
                      uint16_t *list_at)
{
    uint32_t start[HYST_SLICED_PLANES], listed = 0, flip, i;
    hyst_sliced_list list;
    list.at = list_at;
    flip = list_fewer(x, layer->k, &list);
    for (i = 0; i < list.parts; i++) {
        listed += list.length[i];
    }
    hyst_lane_room(start);
    hyst_sliced_start(layer, 2u * (layer->k - listed), start);
    if (hyst_lane_group_fits(layer)) {
        grouped(layer, &list, flip, group, pixel, start);
    } else {
        one_by_one(layer, &list, flip, group, pixel, start);
    }
}
