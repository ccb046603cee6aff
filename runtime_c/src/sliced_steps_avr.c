/* SPDX-License-Identifier: Apache-2.0 */
/* AVR: the tables of thresholds are added plane by plane as well, so that no array of 32 numbers is needed where
 * SRAM is 2 KB; k <= 65535 and pointers have 16 bits. */
#include "hyst/sliced_steps.h"

#include "hyst/carry_save.h"

/* A table's word: to the compiler the caller's buffer holds other integers. */
typedef uint32_t __attribute__((__may_alias__)) table_word;

uint32_t hyst_sliced_planes(uint32_t k)
{
    uint16_t high = (uint16_t)(k >> 1); /* (4 k + 1) >> 3 */
    unsigned char planes = 3;
    for (; high != 0u; high >>= 1) {
        planes++;
    }
    return planes;
}

void hyst_sliced_start(const hyst_sliced_layer *layer, uint32_t value, uint32_t *x)
{
    unsigned char left = (unsigned char)((layer->planes + 3u) & 0xfcu);
    for (; left != 0u; left--, value >>= 1) {
        *x++ = (value & 1u) ? 0xffffffffu : 0u;
    }
    x[0] = x[1] = 0;
}

/* Bit j = [lane j of x >= lane j of u]: the borrow of x - u, complemented. */
static uint32_t at_least(const uint32_t *x, const table_word *u, unsigned char planes)
{
    uint32_t borrow = 0;
    for (; planes != 0u; planes--) {
        const uint32_t word = *u++;
        borrow ^= (borrow ^ word) & (*x++ ^ word);
    }
    return ~borrow;
}

/* Ones of each of the 32 outputs of a block, as planes[HYST_SLICED_PLANES]. */
static void block_ones(const hyst_sliced_layer *l, uint32_t block, uint32_t *planes)
{
    memset(planes, 0, HYST_SLICED_PLANES * sizeof planes[0]);
    hyst_sliced_add_run(l->k, (hyst_address)hyst_sliced_block(l, block), planes);
}

/* acc[j] = X - k - 2 B, or its opposite; ones: planes of B, NULL where sums hold it. */
HYST_NEVER_INLINE void put_sums(const hyst_sliced_layer *l, uint32_t flip, uint32_t block, uint32_t first,
                     unsigned char n, uint32_t pixel, const uint32_t *x)
{
    int32_t acc[32];
    uint32_t *const values = (uint32_t *)acc; /* the unsigned type of the same objects */
    const table_word *sums = (const table_word *)l->sums;
    unsigned char j;
    hyst_sliced_values(x, l->planes, values);
    for (j = 0; j < n; j++) {
        values[j] -= l->k + (sums ? 2u * sums[first + j] : 0u);
    }
    if (!sums) {
        uint32_t planes[HYST_SLICED_PLANES], ones[32];
        block_ones(l, block, planes);
        hyst_sliced_values(planes, HYST_SLICED_PLANES, ones);
        for (j = 0; j < n; j++) {
            values[j] -= 2u * ones[j];
        }
    }
    for (j = 0; flip && j < n; j++) {
        values[j] = 0u - values[j];
    }
    hyst_sink_put(l->sink, pixel, first, n, acc);
}

void hyst_sliced_put(const hyst_sliced_layer *layer, uint32_t flip, uint32_t group, uint32_t b,
                     uint32_t pixel, const uint32_t *x)
{
    const hyst_sink *sink = layer->sink;
    const uint32_t left = layer->n - b * 32u;
    const unsigned char n = left < 32u ? (unsigned char)left : 32u;
    const uint32_t first = group * layer->n + b * 32u;
    const uint16_t block = (uint16_t)(group * hyst_sliced_blocks(layer->n) + b);
    const unsigned char count = (unsigned char)hyst_sink_planes(sink);
    const unsigned char planes = (unsigned char)layer->planes;
    const table_word *u = (const table_word *)layer->sums;
    unsigned char p, f;
    if (count == 0u || !u) {
        put_sums(layer, flip, block, first, n, pixel, x);
        return;
    }
    u += (uint16_t)(block * (uint16_t)(count * sink->flips * 2u * planes)) + (flip ? planes : 0u);
    for (p = 0; p < count; p++) {
        uint32_t bits = 0;
        for (f = 0; f < sink->flips; f++, u += 2u * planes) {
            bits ^= at_least(x, u, planes) ^ flip;
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
    const uint16_t blocks = (uint16_t)hyst_sliced_blocks(layer->n);
    uint32_t planes[HYST_SLICED_PLANES], listed = 0, flip;
    uint16_t b;
    hyst_sliced_list list;
    list.at = list_at;
    flip = list_fewer(x, layer->k, &list);
    for (b = 0; b < list.parts; b++) {
        listed += list.length[b];
    }
    for (b = 0; b < blocks; b++) {
        hyst_sliced_start(layer, 2u * (layer->k - listed), planes);
        hyst_sliced_add_list(&list, hyst_sliced_block(layer, group * blocks + b), planes + 2);
        hyst_sliced_put(layer, flip, group, b, pixel, planes);
    }
}

void hyst_sliced_ternary(const hyst_sliced_layer *layer, const void *x, uint32_t plane,
                         uint32_t group, uint32_t pixel, uint16_t *list_at)
{
    const uint16_t blocks = (uint16_t)hyst_sliced_blocks(layer->n);
    const table_word *sums = (const table_word *)layer->sums + group * layer->n;
    uint32_t flip;
    uint16_t b;
    unsigned char j;
    hyst_sliced_list list;
    list.at = list_at;
    flip = list_fewer(x, layer->k, &list);
    for (b = 0; b < blocks; b++) {
        const hyst_rom at = hyst_sliced_block(layer, group * blocks + b);
        const uint32_t left = layer->n - b * 32u;
        const unsigned char n = left < 32u ? (unsigned char)left : 32u;
        int32_t acc[32];
        hyst_xnor_sliced(&list, NULL, at, hyst_rom_at(at, plane), acc);
        for (j = 0; j < n; j++) {
            /* x w = +-(2 (sum over the listed of w) - (sum over all of w)) */
            const uint32_t sum = 2u * (uint32_t)acc[j] - *sums++;
            acc[j] = hyst_i32(flip ? 0u - sum : sum);
        }
        hyst_sink_put(layer->sink, pixel, group * layer->n + b * 32u, n, acc);
    }
}

/* t + k clamped to 0 .. 2 k + 1: below, every sum passes; above, none does. */
HYST_NEVER_INLINE uint32_t offset_threshold(hyst_rom t, int32_t t_type, uint32_t at, uint32_t k)
{
    const int32_t value = t_type == HYST_I16 ? hyst_rom_i16(t, at) : hyst_rom_i32(t, at);
    if (value <= -(int32_t)k) {
        return 0;
    }
    return value > (int32_t)k ? 2u * k + 1u : (uint32_t)value + k;
}

/* The two tables of one row of thresholds at first: planes of t' + 2 B and, modulo 2^planes, of
 * (2 k + 2) + (2^planes - 1 - t') + 2 B = 2 k + 1 - t' + 2 B. ones: planes of B. */
HYST_NEVER_INLINE void fill_tables(const hyst_sliced_layer *l, hyst_rom t, int32_t t_type, uint32_t first,
                        unsigned char lanes, const uint32_t *ones, table_word *up)
{
    const unsigned char planes = (unsigned char)l->planes;
    table_word *const down = up + planes;
    uint32_t lane = 1, carry_up = 0, carry_down = 0, high = 0;
    uint32_t constant = 2u * l->k + 2u;
    unsigned char p, j;
    memset(up, 0, planes * sizeof up[0]);
    for (j = 0; j < lanes; j++, lane <<= 1) {
        uint32_t offset = offset_threshold(t, t_type, first + j, l->k);
        for (p = 0; offset != 0u; p++, offset >>= 1) {
            up[p] |= (offset & 1u) ? lane : 0u;
        }
    }
    for (p = 0; p < planes; p++, constant >>= 1) {
        const uint32_t twice = p ? ones[p - 1] : 0u;
        uint32_t sum = ~up[p], carry;
        carry = hyst_full_add(&sum, (constant & 1u) ? 0xffffffffu : 0u, high);
        high = carry;
        carry = hyst_full_add(&sum, twice, carry_down);
        carry_down = carry;
        down[p] = sum;
        sum = up[p];
        carry_up = hyst_full_add(&sum, twice, carry_up);
        up[p] = sum;
    }
}

/* Plain sums of one block: ones, or of ternary weights positive minus negative. */
HYST_NEVER_INLINE void store_ones(const hyst_sliced_layer *l, uint32_t block, uint32_t all, int32_t ternary,
                       unsigned char lanes, uint32_t *planes, table_word *to)
{
    uint32_t values[32];
    unsigned char pass, j;
    for (pass = 0; pass < (ternary ? 2u : 1u); pass++, block += all) {
        block_ones(l, block, planes);
        hyst_sliced_values(planes, HYST_SLICED_PLANES, values);
        for (j = 0; j < lanes; j++) {
            to[j] = pass ? to[j] - values[j] : values[j];
        }
    }
}

void hyst_sliced_sums(hyst_rom w, hyst_rom t, int32_t t_type, int32_t steps, int32_t k,
                      int32_t n, int32_t groups, int32_t ternary, void *sums)
{
    table_word *to = (table_word *)sums;
    uint32_t planes[HYST_SLICED_PLANES];
    uint16_t blocks, block = 0, group, b;
    hyst_sliced_layer l;
    l.k = (uint32_t)k;
    l.n = (uint32_t)n / (uint32_t)groups;
    l.planes = hyst_sliced_planes(l.k);
    l.w = w;
    blocks = (uint16_t)hyst_sliced_blocks(l.n);
    for (group = 0; group < (uint16_t)groups; group++) {
        for (b = 0; b < blocks; b++, block++) {
            const uint32_t first = group * l.n + b * 32u, left = l.n - b * 32u;
            const unsigned char lanes = left < 32u ? (unsigned char)left : 32u;
            unsigned char s;
            if (steps == 0) {
                store_ones(&l, block, (uint32_t)groups * blocks, ternary, lanes, planes, to + first);
                continue;
            }
            block_ones(&l, block, planes);
            for (s = 0; s < steps; s++, to += 2u * l.planes) {
                fill_tables(&l, t, t_type, s * (uint32_t)n + first, lanes, planes, to);
            }
        }
    }
}
