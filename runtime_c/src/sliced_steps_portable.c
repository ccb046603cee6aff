/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/sliced_steps.inc"

void hyst_sliced_bits(const hyst_sliced_layer *layer, const void *x, uint32_t group, uint32_t pixel,
                      uint16_t *list_at)
{
    const uint32_t blocks = hyst_sliced_blocks(layer->n);
    uint32_t start[HYST_SLICED_PLANES], planes[HYST_SLICED_PLANES], listed = 0, flip, b;
    hyst_sliced_list list;
    list.at = list_at;
    flip = list_fewer(x, layer->k, &list);
    for (b = 0; b < list.parts; b++) {
        listed += list.length[b];
    }
    hyst_sliced_start(layer, 2u * (layer->k - listed), start);
    for (b = 0; b < blocks; b++) {
        hyst_sliced_copy(layer, start, planes);
        hyst_sliced_add_list(&list, hyst_sliced_block(layer, group * blocks + b), planes + 2);
        hyst_sliced_put(layer, flip, group, b, pixel, planes);
    }
}
