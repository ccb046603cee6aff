/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/op_xnor_conv.h"

#include "hyst/carry_save.h"
#include "hyst/sliced_ct.h"
#include "hyst/xnor_rows.h"
#include "hyst/xnor_sliced_conv.h"
#include "hyst/xnor_tile.h"
#include "hyst/xnor_tiled_conv.h"

#define LANES ((uint32_t)HYST_TILE_LANES)

/* Bytes of patches that leave room for rows of weights in a first-level cache. */
#define CACHED 16384u

typedef hyst_xnor_layer layer;

/* count <= 32 neighbouring positions: rows of weights stay in the cache over all of them. */
HYST_APART void rows(const layer *l, int32_t pixel, int32_t count, int32_t group)
{
    const uint32_t first = (uint32_t)group * l->per_group;
    uint32_t masked = 0, o;
    int32_t i;
    for (i = 0; i < count; i++) {
        unsigned char *sign = l->scratch + (uint32_t)i * 2u * l->patch;
        masked |= (uint32_t)hyst_xnor_gather(l, pixel + i, group, sign, sign + l->patch) << i;
    }
    for (o = 0; o < l->per_group; o += 32u) {
        const uint32_t n = l->per_group - o < 32u ? l->per_group - o : 32u;
        const hyst_rom row = hyst_rom_at(l->w, (first + o) * l->patch);
        const hyst_rom negative =
            l->p->w_type == HYST_T2 ? hyst_rom_at(row, (uint32_t)l->g.out_c * l->patch) : 0;
        for (i = 0; i < count; i++) {
            const unsigned char *sign = l->scratch + (uint32_t)i * 2u * l->patch;
            int32_t acc[32];
            hyst_xnor_rows(sign, ((masked >> i) & 1u) ? sign + l->patch : NULL, row, negative,
                           l->taps, n, acc);
            hyst_sink_put(&l->sink, (uint32_t)(pixel + i), first + o, n, acc);
        }
    }
}

HYST_NEVER_INLINE void sliced(const layer *l, const hyst_sliced_layer *bits, int32_t pixel,
                              int32_t group)
{
    const uint32_t blocks = hyst_sliced_blocks(bits->n);
    const uint32_t plane = (uint32_t)l->g.groups * blocks * l->taps * 4u;
    unsigned char *sign = l->scratch, *mask = sign + l->patch;
    const void *valid = hyst_xnor_gather(l, pixel, group, sign, mask) ? mask : NULL;
    hyst_sliced_list set, clear;
    int32_t acc[32];
    uint32_t b;
    set.at = (uint16_t *)(void *)(mask + l->patch);
    clear.at = set.at + l->taps;
    if (!valid && l->p->w_type == HYST_B1) {
        hyst_sliced_bits(bits, sign, (uint32_t)group, (uint32_t)pixel, set.at);
        return;
    }
    if (!valid && bits->sums) {
        hyst_sliced_ternary(bits, sign, plane, (uint32_t)group, (uint32_t)pixel, set.at);
        return;
    }
    hyst_list_bits(sign, valid, 0, l->taps, &set);
    hyst_list_bits(sign, valid, 0xffffffffu, l->taps, &clear);
    for (b = 0; b < blocks; b++) {
        const uint32_t o = b * 32u, n = bits->n - o < 32u ? bits->n - o : 32u;
        const hyst_rom block = hyst_sliced_block(bits, (uint32_t)group * blocks + b);
        hyst_xnor_sliced(&set, &clear, block,
                         l->p->w_type == HYST_T2 ? hyst_rom_at(block, plane) : 0, acc);
        hyst_sink_put(&l->sink, (uint32_t)pixel, (uint32_t)group * bits->n + o, n, acc);
    }
}

static void all_sliced(const layer *l, const void *sums)
{
    hyst_sliced_layer bits;
    int32_t pixel, group;
    bits.k = l->taps;
    bits.n = l->per_group;
    bits.planes = hyst_sliced_planes(l->taps);
    bits.w = l->w;
    bits.sums = sums;
    bits.sink = &l->sink;
    if (l->p->layout == HYST_SLICED_CT) {
        hyst_sliced_ct_conv(&l->g, &bits, l->x, l->scratch);
        return;
    }
    if (l->p->x_type == HYST_B1 && l->p->w_type == HYST_B1
        && hyst_sliced_conv_fits(&l->g, (uint32_t)l->p->tile)) {
        hyst_xnor_sliced_conv(&l->g, &bits, l->x, (uint32_t)l->p->tile, l->scratch);
        return;
    }
    for (pixel = 0; pixel < l->g.out_h * l->g.out_w; pixel++) {
        for (group = 0; group < l->g.groups; group++) {
            sliced(l, &bits, pixel, group);
        }
    }
}

static int32_t at_once(const layer *l, int32_t tiled)
{
    const int32_t most = tiled ? l->patch > CACHED / 32u ? 16 : HYST_TILED_MOST : 32;
    return l->p->tile < most ? l->p->tile : most;
}

void hyst_xnor_conv(const hyst_xnor_conv_params *p, const void *x, hyst_rom w, hyst_rom t,
                    hyst_rom inv, void *out, void *out1, const void *sums, void *scratch)
{
    const int32_t pixels = p->out_h * p->out_w;
    /* 32-bit targets keep single pixels, so the linker drops the tiled code there. */
    const int32_t tiles_pay =
        HYST_WORD_BITS == 64 && p->tile >= (int32_t)LANES && p->w_type != HYST_T2;
    int32_t pixel, group, tile;
    layer l;
    HYST_GEOMETRY(l.g, p);
    l.p = p;
    l.x = (const unsigned char *)x;
    l.w = w;
    l.scratch = (unsigned char *)scratch;
    l.taps = hyst_geometry_taps(&l.g);
    l.patch = hyst_plane_bytes(l.taps);
    l.per_group = (uint32_t)(p->out_c / p->groups);
    l.sink.out_kind = p->out_kind;
    l.sink.t_type = p->t_type;
    l.sink.flips = (uint32_t)p->flips;
    l.sink.channels = (uint32_t)p->out_c;
    l.sink.size = (uint32_t)pixels * (uint32_t)p->out_c;
    l.sink.t = t;
    l.sink.inv = inv;
    l.sink.out[0] = out;
    l.sink.out[1] = out1;
    hyst_sink_begin(&l.sink);
    if (p->layout != HYST_ROWS) {
        all_sliced(&l, sums);
        return;
    }
    tile = at_once(&l, tiles_pay);
    for (pixel = 0; pixel < pixels; pixel += tile) {
        const int32_t count = pixels - pixel < tile ? pixels - pixel : tile;
        for (group = 0; group < p->groups; group++) {
            if (tiles_pay) {
                hyst_xnor_tiled_conv(&l, pixel, count, group);
            } else {
                rows(&l, pixel, count, group);
            }
        }
    }
}
