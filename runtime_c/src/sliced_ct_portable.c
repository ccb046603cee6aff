/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/sliced_ct.h"

#include "hyst/carry_save.h"

/* Carries held for up to 2048 batches of 32. */
#define HELD 12u

HYST_ALWAYS_INLINE uint32_t kept(hyst_rom block, uint32_t i, uint32_t x)
{
    return hyst_rom_load32(block, i) & (0u - ((x >> i) & 1u));
}

HYST_ALWAYS_INLINE uint32_t add_four(uint32_t *s, hyst_rom block, uint32_t i, uint32_t x)
{
    const uint32_t a = hyst_full_add(&s[0], kept(block, i, x), kept(block, i + 1u, x));
    const uint32_t b = hyst_full_add(&s[0], kept(block, i + 2u, x), kept(block, i + 3u, x));
    return hyst_full_add(&s[1], a, b);
}

HYST_ALWAYS_INLINE uint32_t add_eight(uint32_t *s, hyst_rom block, uint32_t i, uint32_t x)
{
    const uint32_t a = add_four(s, block, i, x);
    const uint32_t b = add_four(s, block, i + 4u, x);
    return hyst_full_add(&s[2], a, b);
}

HYST_ALWAYS_INLINE uint32_t add_sixteen(uint32_t *s, hyst_rom block, uint32_t i, uint32_t x)
{
    const uint32_t a = add_eight(s, block, i, x);
    const uint32_t b = add_eight(s, block, i + 8u, x);
    return hyst_full_add(&s[3], a, b);
}

/* Adds the words of a block whose element of x is 1 to all of count planes. */
static void add_all(const void *x, uint32_t k, hyst_rom block, uint32_t count, uint32_t *planes)
{
    const uint32_t batches = (k + 31u) / 32u, tail = k % 32u;
    const unsigned char *words = (const unsigned char *)block;
    uint32_t last[32] = {0};
    uint32_t held[HELD], s[4], batch, level, carry;
    s[0] = planes[0], s[1] = planes[1], s[2] = planes[2], s[3] = planes[3];
    for (batch = 0; batch < batches; batch++, words += 128) {
        uint32_t a, b;
        if (tail != 0u && batch + 1u == batches) {
            for (level = 0; level < tail; level++) {
                last[level] = hyst_load32(words, level);
            }
            words = (const unsigned char *)last;
        }
        a = add_sixteen(s, words, 0, hyst_load32(x, batch));
        b = add_sixteen(s, words, 16, hyst_load32(x, batch));
        hyst_hold_carry(batch, hyst_full_add(&planes[4], a, b), held, planes + 5);
    }
    carry = hyst_release_carries(batches, 0, held, planes + 5, &level);
    for (level += 5u; level < count; level++) {
        carry = hyst_half_add(&planes[level], carry);
    }
    planes[0] = s[0], planes[1] = s[1], planes[2] = s[2], planes[3] = s[3];
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
