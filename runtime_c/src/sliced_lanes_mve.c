/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/sliced_lanes.h"

#include "hyst/mve.h"

typedef hyst_vec vec;

/* A batch is 16 vectors. One more than the batches of a list of 65535, the rest, needs 11 bits. */
#define BATCH 64u
#define HELD 11u
/* Where the next entries are. The compiler must not turn it into offsets from one start: GCC 12
 * spends two instructions on each, a post-increment is free. */
typedef struct entries {
    const uint16_t *at;
    const uint32_t *base;
} entries;

HYST_ALWAYS_INLINE vec next_words(entries *e)
{
    const vec offsets = vldrhq_u32(e->at);
    e->at += 4;
    __asm__("" : "+r"(e->at));
    return vldrwq_gather_offset_u32(e->base, offsets);
}

HYST_ALWAYS_INLINE vec add_two(vec *s, entries *e)
{
    const vec a = next_words(e), b = next_words(e);
    return hyst_full_add4(s, a, b);
}

HYST_ALWAYS_INLINE vec add_four(vec *s, entries *e)
{
    const vec a = add_two(s, e), b = add_two(s, e);
    return hyst_full_add4(s + 1, a, b);
}

HYST_ALWAYS_INLINE vec add_eight(vec *s, entries *e)
{
    const vec a = add_four(s, e), b = add_four(s, e);
    return hyst_full_add4(s + 2, a, b);
}

HYST_ALWAYS_INLINE vec add_sixteen(vec *s, entries *e)
{
    const vec a = add_eight(s, e), b = add_eight(s, e);
    return hyst_full_add4(s + 3, a, b);
}

/* The last 0 .. 63 entries, as a batch whose other words are 0. */
HYST_ALWAYS_INLINE vec add_rest(vec *s, entries *e, uint32_t left)
{
    vec fours[4], carry = vdupq_n_u32(0);
    uint32_t i = 0;
    fours[0] = fours[1] = fours[2] = fours[3] = carry;
    for (; left >= 16u; left -= 16u) {
        fours[i++] = add_four(s, e);
    }
    /* s[0] + 2 s[1] <= 3 and at most four words: one carry of weight 4 in each bit */
    for (; left >= 4u; left -= 4u) {
        carry = vorrq_u32(carry, hyst_half_add4(s + 1, hyst_half_add4(s, next_words(e))));
    }
    if (left != 0u) {
        const mve_pred16_t valid = vctp32q(left);
        const vec offsets = vldrhq_z_u32(e->at, valid);
        const vec words = vldrwq_gather_offset_z_u32(e->base, offsets, valid);
        carry = vorrq_u32(carry, hyst_half_add4(s + 1, hyst_half_add4(s, words)));
    }
    fours[i] = carry;
    carry = hyst_full_add4(s + 2, fours[0], fours[1]);
    return hyst_full_add4(s + 3, carry, hyst_full_add4(s + 2, fours[2], fours[3]));
}

/* A plane of x in the first lane. */
HYST_ALWAYS_INLINE vec first_lane(const uint32_t *x)
{
    return x ? vldrwq_z_u32(x, vctp32q(1)) : vdupq_n_u32(0);
}

/* As hyst_hold_carry: held[i] keeps a carry of 2^i times the weight of a batch's until its pair
 * comes. planes has that weight. */
HYST_ALWAYS_INLINE void hold_carry(uint32_t batch, vec carry, vec *held, uint32_t *planes,
                                   uint32_t stride)
{
    for (; batch & 1u; batch >>= 1, planes += stride) {
        vec sum = vld1q_u32(planes);
        carry = hyst_full_add4(&sum, *held++, carry);
        vst1q_u32(planes, sum);
    }
    *held = carry;
}

/* Adds carry and what was held after so many batches to planes up to end. */
HYST_ALWAYS_INLINE void release_carries(uint32_t batches, vec carry, const vec *held,
                                        uint32_t *planes, const uint32_t *end, uint32_t stride)
{
    for (; planes < end; planes += stride, batches >>= 1, held++) {
        vec sum = vld1q_u32(planes);
        carry = (batches & 1u) ? hyst_full_add4(&sum, *held, carry) : hyst_half_add4(&sum, carry);
        vst1q_u32(planes, sum);
    }
}

void hyst_lanes_count(const uint16_t *list, uint32_t length, uintptr_t base, const uint32_t *x,
                      uint32_t top, uint32_t stride, uint32_t *lanes)
{
    const uint32_t batches = length / BATCH;
    uint32_t *const fifth = lanes + 4u * stride, *const end = lanes + top * stride;
    uint32_t *plane;
    vec held[HELD], s[4];
    uint32_t batch;
    entries e;
    e.at = list;
    e.base = (const uint32_t *)base;
    s[0] = first_lane(x);
    s[1] = first_lane(x ? x + 1 : x);
    s[2] = first_lane(x ? x + 2 : x);
    s[3] = first_lane(x ? x + 3 : x);
    for (plane = fifth; plane < end; plane += stride) {
        vst1q_u32(plane, first_lane(x ? x + 4 : x));
        x = x ? x + 1 : x;
    }
    for (batch = 0; batch < batches; batch++) {
        hold_carry(batch, add_sixteen(s, &e), held, fifth, stride);
    }
    release_carries(batches, add_rest(s, &e, length % BATCH), held, fifth, end, stride);
    vst1q_u32(lanes, s[0]);
    vst1q_u32(lanes + stride, s[1]);
    vst1q_u32(lanes + 2u * stride, s[2]);
    vst1q_u32(lanes + 3u * stride, s[3]);
}

#define PAIR_WORDS HYST_LANES
#define PLANE_WORDS (HYST_LANES * HYST_LANES)

void hyst_lane_group_add(hyst_lane_group *g, uint32_t b, uint32_t pixel, const uint16_t *list,
                         uint32_t length, uintptr_t shift, const uint32_t *x)
{
    const hyst_sliced_layer *layer = g->layer;
    const uint32_t block = g->group * hyst_sliced_blocks(layer->n) + b, i = g->count++;
    g->b[i] = b;
    g->pixel[i] = pixel;
    /* planes 0 and 1, which no listed word changes */
    g->x[i] = x[0];
    g->x[HYST_LANES + i] = x[1];
    hyst_lanes_count(list, length, (uintptr_t)hyst_sliced_block(layer, block) + shift, x + 2,
                     layer->planes - 2u, PLANE_WORDS, g->lanes + PAIR_WORDS * i);
    if (g->count == HYST_LANES) {
        hyst_lane_group_end(g);
    }
}

/* x = the sums over lanes of all pairs. */
static void sum_lanes(const uint32_t *lanes, uint32_t planes, uint32_t *x)
{
    vec one = vdupq_n_u32(0), two = one, three = one;
    for (; planes != 0u; planes--, lanes += PLANE_WORDS, x += HYST_LANES) {
        const uint32x4x4_t lane = vld4q_u32(lanes);
        vec sum = lane.val[0];
        const vec carry = one;
        one = hyst_full_add4(&sum, lane.val[1], lane.val[2]);
        three = hyst_full_add4(&sum, two, three);
        two = hyst_full_add4(&sum, lane.val[3], carry);
        vst1q_u32(x, sum);
    }
}

/* Bit j of lane i = [counter j of pair i >= lane j of its table]: see at_least of sliced_steps.inc. */
static vec at_least(const uint32_t *x, const uint32_t *u, vec tables, uint32_t planes)
{
    vec borrow = vdupq_n_u32(0);
    for (; planes != 0u; planes--, u++, x += HYST_LANES) {
        const vec word = vldrwq_gather_offset_u32(u, tables);
        borrow = veorq_u32(borrow, vandq_u32(veorq_u32(borrow, word),
                                             veorq_u32(vld1q_u32(x), word)));
    }
    return vmvnq_u32(borrow);
}

/* Writes bits of plane p, one word for each pair. */
static void put_pairs(const hyst_lane_group *g, uint32_t p, const uint32_t *bits)
{
    const hyst_sink *sink = g->layer->sink;
    const unsigned char *inv =
        (const unsigned char *)sink->inv + p * hyst_plane_bytes(sink->channels);
    uint32_t i;
    for (i = 0; i < g->count; i++) {
        const uint32_t left = g->layer->n - g->b[i] * 32u;
        const uint32_t first = g->group * g->layer->n + g->b[i] * 32u;
        const uint32_t at = g->pixel[i] * sink->channels + first;
        if (left >= 32u && (at | first) % 32u == 0u) {
            hyst_store32(sink->out[p], at / 32u, bits[i] ^ hyst_load32(inv, first / 32u));
        } else {
            hyst_sink_bits(sink, g->pixel[i], first, left < 32u ? left : 32u, p, bits[i]);
        }
    }
}

void hyst_lane_group_end(hyst_lane_group *g)
{
    const hyst_sliced_layer *layer = g->layer;
    const hyst_sink *sink = layer->sink;
    const uint32_t bytes = layer->planes * 4u, count = hyst_sink_planes(sink);
    const uint32_t first = g->group * hyst_sliced_blocks(layer->n);
    const unsigned char *u = (const unsigned char *)layer->sums + (g->flip ? bytes : 0u);
    uint32_t size = count * sink->flips * 2u * bytes, p, f, word[HYST_LANES];
    vec tables;
    if (g->count == 0u) {
        return;
    }
    for (p = 0; p < HYST_LANES; p++) {
        word[p] = (first + g->b[p < g->count ? p : 0u]) * size;
    }
    tables = vld1q_u32(word);
    sum_lanes(g->lanes, layer->planes - 2u, g->x + 2u * HYST_LANES);
    for (p = 0; p < count; p++) {
        vec bits = vdupq_n_u32(0);
        for (f = 0; f < sink->flips; f++, u += 2u * bytes) {
            const vec one = at_least(g->x, (const uint32_t *)(const void *)u, tables, layer->planes);
            bits = veorq_u32(bits, veorq_u32(one, vdupq_n_u32(g->flip)));
        }
        vst1q_u32(word, bits);
        put_pairs(g, p, word);
    }
    g->count = 0;
}
