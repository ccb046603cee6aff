/* SPDX-License-Identifier: Apache-2.0 */
/* Four neighbouring words to a vector, each masked with its bit of x; no loop depends on data. */
#include "hyst/sliced_ct.h"

#include "hyst/mve.h"
#include "hyst/sliced_lanes.h"

typedef hyst_vec vec;

/* Words of a batch. */
#define BATCH 64u

/* Lane i of vector 7 - t asks for bit 4 (7 - t) + i of x, which 4 t more shifts bring to the sign. */
HYST_ALWAYS_INLINE vec next_words(const uint32_t **words, vec *bits)
{
    const vec mask = vreinterpretq_u32_s32(vshrq_n_s32(vreinterpretq_s32_u32(*bits), 31));
    *words -= 4;
    *bits = vshlq_n_u32(*bits, 4);
    __asm__("" : "+r"(*words));
    return vandq_u32(vld1q_u32(*words), mask);
}

HYST_ALWAYS_INLINE vec add_two(vec *s, const uint32_t **words, vec *bits)
{
    const vec a = next_words(words, bits), b = next_words(words, bits);
    return hyst_full_add4(s, a, b);
}

HYST_ALWAYS_INLINE vec add_four(vec *s, const uint32_t **words, vec *bits)
{
    const vec a = add_two(s, words, bits), b = add_two(s, words, bits);
    return hyst_full_add4(s + 1, a, b);
}

/* 32 words, from the last to the first, those that x selects. */
HYST_ALWAYS_INLINE vec add_eight(vec *s, const uint32_t *words, uint32_t x)
{
    const uint32_t *end = words + 32;
    vec bits = vshlq_u32(vdupq_n_u32(x), vsubq_s32(vdupq_n_s32(3), vreinterpretq_s32_u32(vidupq_n_u32(0, 1))));
    vec a = add_four(s, &end, &bits), b = add_four(s, &end, &bits);
    return hyst_full_add4(s + 2, a, b);
}

HYST_ALWAYS_INLINE vec add_sixteen(vec *s, const uint32_t *words, const void *x, uint32_t batch)
{
    const vec a = add_eight(s, words, hyst_load32(x, 2u * batch));
    const vec b = add_eight(s, words + 32, hyst_load32(x, 2u * batch + 1u));
    return hyst_full_add4(s + 3, a, b);
}

/* As hyst_lanes_count, for the k words of a block that x selects. */
static void count_all(const void *x, uint32_t k, const void *block, const uint32_t *start,
                      uint32_t top, uint32_t *to, uint32_t plane, uint32_t lane)
{
    const uint32_t batches = (k + BATCH - 1u) / BATCH;
    const uint32_t *words = (const uint32_t *)block;
    uint32_t last[BATCH], batch = 0, i;
    hyst_counters c;
    hyst_counters_begin(&c, start, top);
    for (i = 0; i < k % BATCH; i++) {
        last[i] = hyst_load32(block, k / BATCH * BATCH + i);
    }
    for (; i < BATCH; i++) {
        last[i] = 0;
    }
    while (batch < batches) {
        vec carry[HYST_BATCHES];
        uint32_t left = batches - batch, n;
        left = left < HYST_BATCHES ? left : HYST_BATCHES;
        for (n = 0; n < left; n++, batch++, words += BATCH) {
            const int32_t whole = (batch + 1u) * BATCH <= k;
            carry[n] = add_sixteen(c.low, whole ? words : last, x, batch);
        }
        for (; n < HYST_BATCHES; n++) {
            carry[n] = vdupq_n_u32(0);
        }
        hyst_counters_add(&c, hyst_add_carries(c.low, carry));
    }
    hyst_counters_put(&c, to, plane, lane);
}

/* x = the sum over lanes of top planes. */
static void sum_lanes(const uint32_t *lanes, uint32_t top, uint32_t *x)
{
    uint32_t one = 0, two = 0, three = 0, p;
    for (p = 0; p < top; p++, lanes += HYST_LANES) {
        const uint32_t carry = one;
        x[p] = lanes[0];
        one = hyst_full_add(&x[p], lanes[1], lanes[2]);
        three = hyst_full_add(&x[p], two, three);
        two = hyst_full_add(&x[p], lanes[3], carry);
    }
}

/* One block at a pixel from a string of bits; pairs of a layer whose outputs are sums are written
 * at once. */
static void add_block(hyst_lane_group *g, uint32_t b, uint32_t pixel, const void *x,
                      uint32_t *start)
{
    const hyst_sliced_layer *layer = g->layer;
    const uint32_t top = layer->planes - 2u;
    const void *block = hyst_sliced_block(layer, g->group * hyst_sliced_blocks(layer->n) + b);
    if (hyst_lane_group_fits(layer)) {
        uint32_t *const lanes = hyst_lane_group_next(g, b, pixel, start);
        count_all(x, layer->k, block, start + 2, top, lanes, HYST_PAIR_PLANE, HYST_LANES);
    } else {
        uint32_t lanes[16u * HYST_LANES];
        count_all(x, layer->k, block, start + 2, top, lanes, HYST_LANES, 1);
        sum_lanes(lanes, top, start + 2);
        hyst_sliced_put(layer, 0, g->group, b, pixel, start);
    }
}

void hyst_sliced_ct_bits(const hyst_sliced_layer *layer, const void *x, uint32_t group,
                         uint32_t pixel)
{
    const uint32_t clear = layer->k - hyst_count_ones(x, 0, layer->k);
    hyst_lane_group pairs;
    uint32_t b;
    hyst_lane_group_begin(&pairs, layer, 0, group);
    for (b = 0; b < hyst_sliced_blocks(layer->n); b++) {
        uint32_t start[HYST_SLICED_PLANES];
        hyst_lane_room(start);
        hyst_sliced_start(layer, 2u * clear, start);
        add_block(&pairs, b, pixel, x, start);
    }
    hyst_lane_group_end(&pairs);
}

static void one_pixel(hyst_lane_group *pairs, hyst_border *border, const void *x, int32_t pixel,
                      void *patch)
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
    uint32_t b, set;
    hyst_patch_bits(g, x, oy, ox, (int32_t)border->group, g->pad_value > 0, patch);
    set = hyst_count_ones(patch, 0, layer->k);
    for (b = 0; b < border->blocks; b++) {
        uint32_t start[HYST_SLICED_PLANES];
        hyst_lane_room(start);
        hyst_sliced_start(layer, layer->k + valid - 2u * set, start);
        if (slot) {
            hyst_border_add(border, slot, b, start);
        }
        add_block(pairs, b, (uint32_t)pixel, patch, start);
    }
}

void hyst_sliced_ct_conv(const hyst_geometry *g, const hyst_sliced_layer *layer, const void *x,
                         void *scratch)
{
    unsigned char *slots = (unsigned char *)scratch + hyst_plane_bytes(layer->k);
    int32_t group, pixel;
    hyst_border border;
    hyst_lane_group pairs;
    for (group = 0; group < g->groups; group++) {
        hyst_border_begin(&border, g, layer, (uint32_t)group, slots);
        hyst_lane_group_begin(&pairs, layer, 0, (uint32_t)group);
        for (pixel = 0; pixel < g->out_h * g->out_w; pixel++) {
            one_pixel(&pairs, &border, x, pixel, scratch);
        }
        hyst_lane_group_end(&pairs);
    }
}
