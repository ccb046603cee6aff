/* SPDX-License-Identifier: Apache-2.0 */
/* AVR: eight outputs at a time in little code; three planes stay in registers. */
#include "hyst/sliced_ct.h"

#include "hyst/carry_save.h"

/* Adds the words of a block whose element of x is 1 to all of count planes. Eight words carry at most once out of
 * planes 0 to 2. */
static void add_column(const unsigned char *x, uint16_t k, hyst_rom at, unsigned char count,
                       unsigned char *planes)
{
    unsigned char s0 = planes[0], s1 = planes[4], s2 = planes[8];
    while (k != 0u) {
        unsigned char bits = *x++, carry = 0, n = k < 8u ? (unsigned char)k : 8u, level;
        unsigned char *plane = planes + 12;
        for (k = (uint16_t)(k - n); n != 0u; n--, bits >>= 1) {
            const unsigned char w = (unsigned char)(hyst_rom_load8(at) & (0u - (bits & 1u)));
            const unsigned char c0 = s0 & w, c1 = s1 & c0;
            carry |= s2 & c1;
            s2 ^= c1;
            s1 ^= c0;
            s0 ^= w;
            at = hyst_rom_at(at, 4);
        }
        for (level = 3; level < count; level++, plane += 4) {
            const unsigned char kept = *plane;
            *plane = kept ^ carry;
            carry &= kept;
        }
    }
    planes[0] = s0, planes[4] = s1, planes[8] = s2;
}

static void add_all(const void *x, uint32_t k, hyst_rom block, uint32_t count, uint32_t *planes)
{
    unsigned char column;
    for (column = 0; column < 4u; column++) {
        add_column((const unsigned char *)x, (uint16_t)k, hyst_rom_at(block, column),
                   (unsigned char)count, (unsigned char *)planes + column);
    }
}

void hyst_sliced_ct_bits(const hyst_sliced_layer *layer, const void *x, uint32_t group,
                         uint32_t pixel)
{
    const uint32_t blocks = hyst_sliced_blocks(layer->n);
    const uint32_t clear = layer->k - hyst_count_ones(x, 0, layer->k);
    uint32_t b;
    for (b = 0; b < blocks; b++) {
        uint32_t planes[HYST_SLICED_PLANES] = {0};
        hyst_sliced_start(layer, 2u * clear, planes);
        add_all(x, layer->k, hyst_sliced_block(layer, group * blocks + b), layer->planes - 2u,
                planes + 2);
        hyst_sliced_put(layer, 0, group, b, pixel, planes);
    }
}

static void one_pixel(hyst_border *border, const void *x, int32_t pixel, void *patch)
{
    const hyst_geometry *g = border->g;
    const hyst_sliced_layer *layer = border->layer;
    const int32_t oy = pixel / g->out_w, ox = pixel % g->out_w;
    const int32_t top = oy * g->stride_h - g->pad_top, left = ox * g->stride_w - g->pad_left;
    const hyst_range h = hyst_range_inside(top, g->dilation_h, g->kernel_h, g->in_h);
    const hyst_range w = hyst_range_inside(left, g->dilation_w, g->kernel_w, g->in_w);
    const uint32_t real = (uint32_t)(hyst_range_size(h) * hyst_range_size(w)) * border->depth;
    const uint32_t valid = g->pad_value == 0 ? real : layer->k;
    const unsigned char *slot = valid < layer->k ? hyst_border_sums(border, h, w) : NULL;
    uint32_t set, b;
    hyst_patch_bits(g, x, oy, ox, (int32_t)border->group, g->pad_value > 0, patch);
    set = hyst_count_ones(patch, 0, layer->k);
    for (b = 0; b < border->blocks; b++) {
        const uint32_t block = border->group * border->blocks + b;
        uint32_t planes[HYST_SLICED_PLANES] = {0};
        hyst_sliced_start(layer, layer->k + valid - 2u * set, planes);
        if (slot) {
            hyst_border_add(border, slot, b, planes);
        }
        add_all(patch, layer->k, hyst_sliced_block(layer, block), layer->planes - 2u, planes + 2);
        hyst_sliced_put(layer, 0, border->group, b, (uint32_t)pixel, planes);
    }
}

void hyst_sliced_ct_conv(const hyst_geometry *g, const hyst_sliced_layer *layer, const void *x,
                         void *scratch)
{
    unsigned char *slots = (unsigned char *)scratch + hyst_plane_bytes(layer->k);
    int32_t group, pixel;
    hyst_border border;
    for (group = 0; group < g->groups; group++) {
        hyst_border_begin(&border, g, layer, (uint32_t)group, slots);
        for (pixel = 0; pixel < g->out_h * g->out_w; pixel++) {
            one_pixel(&border, x, pixel, scratch);
        }
    }
}
