/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/sliced_lanes.h"

#include "hyst/mve.h"

typedef hyst_vec vec;

/* Entries of 16 vectors; eight such batches make a chunk. */
#define BATCH 64u
#define BATCHES HYST_BATCHES

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

/* Up to eight batches of a list. */
HYST_ALWAYS_INLINE vec add_chunk(vec *s, entries *e, uint32_t left)
{
    vec carry[BATCHES];
    uint32_t full = left / BATCH < BATCHES ? left / BATCH : BATCHES, n;
    for (n = 0; n < full; n++) {
        carry[n] = add_sixteen(s, e);
    }
    if (n < BATCHES && left % BATCH != 0u) {
        carry[n++] = add_rest(s, e, left % BATCH);
    }
    if (n <= BATCHES / 2u) {
        for (; n < BATCHES / 2u; n++) {
            carry[n] = vdupq_n_u32(0);
        }
        return hyst_half_add4(s + 6, hyst_add_half(s, carry));
    }
    for (; n < BATCHES; n++) {
        carry[n] = vdupq_n_u32(0);
    }
    return hyst_add_carries(s, carry);
}

void hyst_lanes_count(const uint16_t *list, uint32_t length, hyst_address base, const uint32_t *x,
                      uint32_t top, uint32_t *to, uint32_t plane, uint32_t lane)
{
    hyst_counters c;
    entries e;
    e.at = list;
    e.base = (const uint32_t *)base;
    hyst_counters_begin(&c, x, top);
    do {
        const uint32_t n = length < BATCH * BATCHES ? length : BATCH * BATCHES;
        hyst_counters_add(&c, add_chunk(c.low, &e, n));
        length -= n;
    } while (length != 0u);
    hyst_counters_put(&c, to, plane, lane);
}

uint32_t *hyst_lane_group_next(hyst_lane_group *g, uint32_t b, uint32_t pixel, const uint32_t *x)
{
    uint32_t i;
    if (g->count == HYST_LANES) {
        hyst_lane_group_end(g);
    }
    i = g->count++;
    g->b[i] = b;
    g->pixel[i] = pixel;
    /* planes 0 and 1, which no listed word changes */
    g->x[i] = x[0];
    g->x[HYST_LANES + i] = x[1];
    return g->lanes + i;
}

void hyst_lane_group_add(hyst_lane_group *g, uint32_t b, uint32_t pixel, const uint16_t *list,
                         uint32_t length, hyst_address shift, const uint32_t *x)
{
    const hyst_sliced_layer *layer = g->layer;
    const uint32_t block = g->group * hyst_sliced_blocks(layer->n) + b;
    uint32_t *const lanes = hyst_lane_group_next(g, b, pixel, x);
    hyst_lanes_count(list, length, (hyst_address)hyst_sliced_block(layer, block) + shift, x + 2,
                     layer->planes - 2u, lanes, HYST_PAIR_PLANE, HYST_LANES);
}

/* x = the sums over lanes of all pairs. */
static void sum_lanes(const uint32_t *lanes, uint32_t planes, uint32_t *x)
{
    vec one = vdupq_n_u32(0), two = one, three = one;
    for (; planes != 0u; planes--, lanes += HYST_PAIR_PLANE, x += HYST_LANES) {
        const vec carry = one;
        vec sum = vld1q_u32(lanes);
        one = hyst_full_add4(&sum, vld1q_u32(lanes + 4), vld1q_u32(lanes + 8));
        three = hyst_full_add4(&sum, two, three);
        two = hyst_full_add4(&sum, vld1q_u32(lanes + 12), carry);
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
