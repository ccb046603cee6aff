/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/xnor_tiled_conv.h"

#include "hyst/patch_lanes.h"
#include "hyst/tile_fill.h"
#include "hyst/xnor_tile.h"

#define LANES ((uint32_t)HYST_TILE_LANES)

/* Puts one gathered position into lane p of a tile, its mask too where there is one, and returns
 * its counted elements. */
static int32_t spread(const hyst_xnor_layer *l, const unsigned char *sign, const unsigned char *mask,
                      unsigned char *tile, uint32_t p)
{
    const uint32_t words = hyst_words(l->taps);
    unsigned char *valid = tile + LANES * l->patch;
    uint32_t counted = 0, i;
    for (i = 0; i < words; i++) {
        hyst_store(tile, i * LANES + p, hyst_load(sign, i));
    }
    if (!mask) {
        return (int32_t)l->taps;
    }
    for (i = 0; i < words; i++) {
        const hyst_word tail = i + 1u < words ? HYST_ALL_ONES : hyst_tail_mask(l->taps);
        hyst_store(valid, i * LANES + p, hyst_load(mask, i) & tail);
        counted += hyst_popcount(hyst_load(mask, i) & tail);
    }
    return (int32_t)counted;
}

/* The next multiple of 64 bytes: vectors then never cross a cache line. */
static unsigned char *cache_line(unsigned char *p)
{
    return p + (64u - (uint32_t)((uintptr_t)p % 64u)) % 64u;
}

/* Complete positions that share a tile with others need a mask too: all of it. */
static void fill_masks(const hyst_xnor_layer *l, unsigned char *tile, uint32_t lanes)
{
    unsigned char *valid = tile + LANES * l->patch;
    uint32_t i, p;
    for (i = 0; i < hyst_words(l->taps); i++) {
        for (p = 0; p < lanes; p++) {
            hyst_store(valid, i * LANES + p, HYST_ALL_ONES);
        }
    }
}

/* Positions in tiles of eight lanes. Complete patches fill the lanes from the front, those with a
 * mask from the back, so that few tiles need one. Lanes without a position hold anything: nobody
 * reads their sums. */
typedef struct placed {
    unsigned char *tiles;
    uint32_t size, lanes; /* bytes of a tile with its masks; lanes of all tiles */
    uint32_t front, back; /* first free lane, last free lane + 1 */
    uint64_t direct;      /* bits: lanes copied as pieces of the map */
    uint32_t from[HYST_TILED_MOST]; /* where they start, else 0 */
    int32_t counted[HYST_TILED_MOST], pixel_of[HYST_TILED_MOST];
} placed;

static int32_t is_direct(const hyst_xnor_layer *l)
{
    return l->p->x_type == HYST_B1 && hyst_lane_fits(&l->g);
}

/* Gives count <= HYST_TILED_MOST neighbouring positions their lanes. */
static void assign(const hyst_xnor_layer *l, int32_t pixel, int32_t count, placed *to)
{
    const int32_t direct = is_direct(l), ternary = l->p->x_type == HYST_T2;
    uint32_t lane;
    int32_t i;
    to->lanes = ((uint32_t)count + LANES - 1u) / LANES * LANES;
    to->front = 0;
    to->direct = 0;
    to->back = to->lanes;
    for (lane = 0; lane < to->lanes; lane++) {
        to->pixel_of[lane] = -1;
        to->from[lane] = 0;
        to->counted[lane] = 0;
    }
    for (i = pixel; i < pixel + count; i++) {
        const int32_t oy = i / l->g.out_w, ox = i % l->g.out_w;
        const int32_t complete = hyst_lane_complete(&l->g, oy, ox);
        lane = ternary || (l->g.pad_value == 0 && !complete) ? --to->back : to->front++;
        to->pixel_of[lane] = i;
        to->counted[lane] = (int32_t)l->taps;
        if (direct && complete) {
            to->direct |= (uint64_t)1 << lane;
            to->from[lane] = hyst_lane_from(&l->g, oy, ox);
        }
    }
}

/* Gathers one position into its lane, its mask too where it lies at the back. */
static void place(const hyst_xnor_layer *l, uint32_t lane, int32_t group, placed *to)
{
    const int32_t pixel = to->pixel_of[lane], masked = lane >= to->back;
    unsigned char *tile = to->tiles + lane / LANES * to->size;
    unsigned char *sign = l->scratch, *mask = sign + l->patch;
    if (is_direct(l)) {
        unsigned char *bits = tile + lane % LANES * HYST_WORD_BYTES;
        const uint32_t inside = hyst_lane_put(&l->g, l->x, pixel / l->g.out_w, pixel % l->g.out_w,
                                              LANES, l->g.pad_value > 0 ? HYST_ALL_ONES : 0u, bits,
                                              masked ? bits + LANES * l->patch : NULL);
        to->counted[lane] = (int32_t)(masked ? inside : l->taps);
    } else {
        hyst_xnor_gather(l, pixel, group, sign, mask);
        to->counted[lane] = spread(l, sign, masked ? mask : NULL, tile, lane % LANES);
    }
}

static void fill(const hyst_xnor_layer *l, int32_t group, placed *to)
{
    hyst_pieces pieces;
    uint32_t lane;
    hyst_lane_pieces(&l->g, &pieces);
    for (lane = 0; lane < to->lanes; lane += LANES) { /* a whole tile where it has one such lane */
        if ((to->direct >> lane) & (((uint64_t)1 << LANES) - 1u)) {
            hyst_tile_fill(l->x, to->from + lane, &pieces, to->tiles + lane / LANES * to->size);
        }
    }
    for (lane = 0; lane < to->lanes; lane++) {
        if (to->pixel_of[lane] >= 0 && ((to->direct >> lane) & 1u) == 0u) {
            place(l, lane, group, to);
        }
    }
    if (to->back < to->lanes) {
        fill_masks(l, to->tiles + to->back / LANES * to->size, to->back % LANES);
    }
}

void hyst_xnor_tiled_conv(const hyst_xnor_layer *l, int32_t pixel, int32_t count, int32_t group)
{
    const uint32_t first = (uint32_t)group * l->per_group;
    uint32_t o, t;
    placed to;
    to.tiles = cache_line(l->scratch + 2u * l->patch);
    to.size = 2u * LANES * l->patch;
    assign(l, pixel, count, &to);
    fill(l, group, &to);
    for (o = 0; o < l->per_group; o += 32u) {
        const uint32_t n = l->per_group - o < 32u ? l->per_group - o : 32u, c0 = first + o;
        const hyst_limits limits = {l->sink.t, l->sink.t_type, c0};
        const hyst_rom row = hyst_rom_at(l->w, c0 * l->patch);
        for (t = 0; t < to.lanes; t += LANES) {
            const unsigned char *x = to.tiles + t / LANES * to.size;
            /* the mask: where the tile holds a lane from back on */
            const hyst_tile tile = {x, t + LANES > to.back ? x + LANES * l->patch : NULL,
                                    to.counted + t, l->taps, is_direct(l)};
            if (hyst_sink_is_plain(&l->sink)) {
                uint32_t bits[HYST_TILE_LANES];
                hyst_xnor_tile_bits(&tile, row, n, &limits, bits);
                hyst_sink_put_words(&l->sink, to.pixel_of + t, LANES, c0, n, bits);
            } else {
                int32_t acc[HYST_TILE_LANES * 32];
                hyst_xnor_tile(&tile, row, n, acc);
                hyst_sink_put_all(&l->sink, to.pixel_of + t, LANES, c0, n, acc);
            }
        }
    }
}
