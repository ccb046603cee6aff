/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/sliced_steps.h"

#include "hyst/carry_save.h"

uint32_t hyst_sliced_planes(uint32_t k)
{
    uint32_t planes = 1;
    while (((4u * k + 1u) >> planes) != 0u) {
        planes++;
    }
    return planes;
}

void hyst_sliced_start(const hyst_sliced_layer *layer, uint32_t value, uint32_t *x)
{
    const uint32_t *const end = x + layer->planes;
    for (; x < end; x += 4, value >>= 4) {
        x[0] = 0u - (value & 1u);
        x[1] = 0u - ((value >> 1) & 1u);
        x[2] = 0u - ((value >> 2) & 1u);
        x[3] = 0u - ((value >> 3) & 1u);
    }
    x[0] = x[1] = 0;
}

/* Bit j = [lane j of x >= lane j of u]: the borrow of x - u, complemented. */
static uint32_t at_least(const uint32_t *x, const unsigned char *u, uint32_t planes)
{
    uint32_t borrow = 0, word;
    if (planes & 1u) {
        borrow = hyst_load32(u, 0) & ~*x++;
        u += 4;
    }
    for (planes /= 2u; planes != 0u; planes--, x += 2, u += 8) {
        word = hyst_load32(u, 0);
        borrow ^= (borrow ^ word) & (x[0] ^ word);
        word = hyst_load32(u, 1);
        borrow ^= (borrow ^ word) & (x[1] ^ word);
    }
    return ~borrow;
}

/* Ones of each of the 32 outputs of a block. */
static void block_ones(hyst_address block, uint32_t k, uint32_t *ones)
{
    uint32_t planes[HYST_SLICED_PLANES] = {0};
    hyst_sliced_add_run(k, block, planes);
    hyst_sliced_values(planes, HYST_SLICED_PLANES, ones);
}

HYST_NEVER_INLINE void put_sums(const hyst_sliced_layer *l, uint32_t flip, uint32_t block,
                                uint32_t first, uint32_t n, uint32_t pixel, const uint32_t *x)
{
    uint32_t ones[32], j;
    int32_t acc[32];
    hyst_sliced_values(x, l->planes, (uint32_t *)acc); /* the unsigned type of the same objects */
    if (!l->sums) {
        block_ones((hyst_address)hyst_sliced_block(l, block), l->k, ones);
    }
    for (j = 0; j < n; j++) {
        const uint32_t b = l->sums ? hyst_load32(l->sums, first + j) : ones[j];
        const uint32_t sum = (uint32_t)acc[j] - l->k - 2u * b;
        acc[j] = hyst_i32(flip ? 0u - sum : sum);
    }
    hyst_sink_put(l->sink, pixel, first, n, acc);
}

void hyst_sliced_put(const hyst_sliced_layer *layer, uint32_t flip, uint32_t group, uint32_t b,
                     uint32_t pixel, const uint32_t *x)
{
    const hyst_sink *sink = layer->sink;
    const uint32_t left = layer->n - b * 32u, n = left < 32u ? left : 32u;
    const uint32_t first = group * layer->n + b * 32u, bytes = layer->planes * 4u;
    const uint32_t block = group * hyst_sliced_blocks(layer->n) + b;
    const uint32_t count = hyst_sink_planes(sink);
    const unsigned char *u = (const unsigned char *)layer->sums;
    uint32_t p, f;
    if (count == 0u || !u) {
        put_sums(layer, flip, block, first, n, pixel, x);
        return;
    }
    u += block * count * sink->flips * 2u * bytes + (flip ? bytes : 0u);
    for (p = 0; p < count; p++) {
        uint32_t bits = 0;
        for (f = 0; f < sink->flips; f++, u += 2u * bytes) {
            bits ^= at_least(x, u, layer->planes) ^ flip;
        }
        hyst_sink_bits(sink, pixel, first, n, p, bits);
    }
}

/* Lists whichever of ones and zeros are fewer; returns flip. */
static uint32_t list_fewer(const void *x, uint32_t k, hyst_sliced_list *list)
{
    const uint32_t ones = hyst_count_ones(x, 0, k);
    const uint32_t flip = ones > k - ones ? 0xffffffffu : 0u;
    hyst_list_bits(x, NULL, flip, k, list);
    return flip;
}

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

void hyst_sliced_ternary(const hyst_sliced_layer *layer, const void *x, uint32_t plane,
                         uint32_t group, uint32_t pixel, uint16_t *list_at)
{
    const uint32_t blocks = hyst_sliced_blocks(layer->n);
    uint32_t flip, b, j;
    hyst_sliced_list list;
    list.at = list_at;
    flip = list_fewer(x, layer->k, &list);
    for (b = 0; b < blocks; b++) {
        const hyst_rom at = hyst_sliced_block(layer, group * blocks + b);
        const uint32_t left = layer->n - b * 32u, n = left < 32u ? left : 32u;
        const uint32_t first = group * layer->n + b * 32u;
        int32_t acc[32];
        hyst_xnor_sliced(&list, NULL, at, hyst_rom_at(at, plane), acc);
        for (j = 0; j < n; j++) {
            /* x w = +-(2 (sum over the listed of w) - (sum over all of w)) */
            const uint32_t sum = 2u * (uint32_t)acc[j] - hyst_load32(layer->sums, first + j);
            acc[j] = hyst_i32(flip ? 0u - sum : sum);
        }
        hyst_sink_put(layer->sink, pixel, first, n, acc);
    }
}

/* t + k clamped to 0 .. 2 k + 1: below, every sum passes; above, none does. */
static uint32_t offset_threshold(hyst_rom t, int32_t t_type, uint32_t at, uint32_t k)
{
    const int32_t value = t_type == HYST_I16 ? hyst_rom_i16(t, at) : hyst_rom_i32(t, at);
    if (value <= -(int32_t)k) {
        return 0;
    }
    return value > (int32_t)k ? 2u * k + 1u : (uint32_t)value + k;
}

static void store_lanes(void *to, const uint32_t *lane, uint32_t planes)
{
    uint32_t p, j;
    for (p = 0; p < planes; p++) {
        uint32_t word = 0;
        for (j = 0; j < 32u; j++) {
            word |= ((lane[j] >> p) & 1u) << j;
        }
        hyst_store32(to, p, word);
    }
}

/* The tables of one block, whose first output is first of all. */
static void block_tables(hyst_rom t, int32_t t_type, uint32_t steps, uint32_t k, uint32_t first,
                         uint32_t lanes, uint32_t n, const uint32_t *ones, unsigned char *to)
{
    const uint32_t planes = hyst_sliced_planes(k);
    uint32_t up[32], down[32], s, j;
    for (s = 0; s < steps; s++, to += 8u * planes) {
        for (j = 0; j < 32u; j++) {
            const uint32_t at = s * n + first + j;
            const uint32_t offset = j < lanes ? offset_threshold(t, t_type, at, k) : 0u;
            up[j] = offset + 2u * ones[j];
            down[j] = 2u * k + 1u - offset + 2u * ones[j];
        }
        store_lanes(to, up, planes);
        store_lanes(to + 4u * planes, down, planes);
    }
}

void hyst_sliced_sums(hyst_rom w, hyst_rom t, int32_t t_type, int32_t steps, int32_t k,
                      int32_t n, int32_t groups, int32_t ternary, void *sums)
{
    const uint32_t depth = (uint32_t)k, per_group = (uint32_t)n / (uint32_t)groups;
    const uint32_t blocks = hyst_sliced_blocks(per_group), all = (uint32_t)groups * blocks;
    const uint32_t size = (uint32_t)steps * 8u * hyst_sliced_planes(depth);
    uint32_t block, j;
    for (block = 0; block < all; block++) {
        const uint32_t in_group = block % blocks * 32u, left = per_group - in_group;
        const uint32_t first = block / blocks * per_group + in_group;
        const uint32_t lanes = left < 32u ? left : 32u;
        const hyst_address at = (hyst_address)w + (hyst_address)(block * depth) * 4u;
        uint32_t ones[32], less[32] = {0};
        block_ones(at, depth, ones);
        if (steps != 0) {
            block_tables(t, t_type, (uint32_t)steps, depth, first, lanes, (uint32_t)n, ones,
                         (unsigned char *)sums + block * size);
            continue;
        }
        if (ternary) {
            block_ones(at + (hyst_address)(all * depth) * 4u, depth, less);
        }
        for (j = 0; j < lanes; j++) {
            hyst_store32(sums, first + j, ones[j] - less[j]);
        }
    }
}
