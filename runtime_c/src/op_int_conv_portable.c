/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/op_int_conv.h"

#include "hyst/carry_save.h"
#include "hyst/int_rows.h"
#include "hyst/int_sliced.h"
#include "hyst/int_tile.h"
#include "hyst/patch.h"
#include "hyst/steps.h"

#define LANES ((uint32_t)HYST_INT_LANES)

typedef struct layer {
    hyst_geometry g;
    const hyst_int_conv_params *p;
    const void *x;
    hyst_rom w;
    unsigned char *patch, *work; /* gathered elements; planes, sums and list, or tiles */
    uint32_t taps;
    uint32_t per_group; /* outputs of one group */
    hyst_sink sink;
} layer;

HYST_APART void rows(const layer *l, uint32_t pixel, int32_t group)
{
    const uint32_t stride = hyst_plane_bytes(l->taps), first = (uint32_t)group * l->per_group;
    const int32_t total = hyst_int_planes(l->patch, l->p->x_type, l->taps, l->work);
    int32_t acc[32];
    uint32_t o;
    for (o = 0; o < l->per_group; o += 32u) {
        const uint32_t n = l->per_group - o < 32u ? l->per_group - o : 32u;
        const hyst_rom row = hyst_rom_at(l->w, (first + o) * stride);
        const hyst_rom negative =
            l->p->w_type == HYST_T2 ? hyst_rom_at(row, (uint32_t)l->g.out_c * stride) : 0;
        hyst_int_rows(l->work, l->p->x_type, total, row, negative, l->taps, n, acc);
        hyst_sink_put(&l->sink, pixel, first + o, n, acc);
    }
}

/* count <= 64 neighbouring positions, sixteen to a tile; weights are spread once for all. Lanes
 * without a position hold what they held before: nobody reads their sums. */
HYST_APART void tiled(const layer *l, uint32_t pixel, uint32_t count, int32_t group)
{
    const uint32_t bits = hyst_plane_bytes(l->taps), first = (uint32_t)group * l->per_group;
    const uint32_t size = hyst_int_tile_bytes(l->taps);
    unsigned char *tiles = l->work, *weights = tiles + (count + LANES - 1u) / LANES * size;
    int32_t pixel_of[64];
    uint32_t i, o;
    for (i = 0; i < count; i++) {
        const int32_t at = (int32_t)(pixel + i);
        pixel_of[i] = at;
        hyst_patch_ints(&l->g, l->x, l->p->x_type, at / l->p->out_w, at % l->p->out_w, group,
                        l->patch);
        hyst_int_tile_put(l->patch, l->p->x_type, l->taps, i % LANES, tiles + i / LANES * size);
    }
    for (o = 0; o < l->per_group; o += 32u) {
        const uint32_t n = l->per_group - o < 32u ? l->per_group - o : 32u;
        const hyst_rom row = hyst_rom_at(l->w, (first + o) * bits);
        const hyst_limits limits = {l->sink.t, l->sink.t_type, first + o};
        hyst_int_tile_weights(row, l->p->x_type, l->taps, n, weights);
        for (i = 0; i < count; i += LANES) {
            const unsigned char *tile = tiles + i / LANES * size;
            const uint32_t some = count - i < LANES ? count - i : LANES;
            if (hyst_sink_is_plain(&l->sink)) {
                uint32_t found[HYST_INT_LANES];
                hyst_int_tile_bits(tile, weights, l->taps, n, &limits, found);
                hyst_sink_put_words(&l->sink, pixel_of + i, some, first + o, n, found);
            } else {
                int32_t acc[HYST_INT_LANES * 32];
                hyst_int_tile(tile, weights, l->taps, n, acc);
                hyst_sink_put_all(&l->sink, pixel_of + i, some, first + o, n, acc);
            }
        }
    }
}

static void sliced(const layer *l, uint32_t pixel, int32_t group)
{
    const uint32_t first = (uint32_t)group * l->per_group, blocks = (l->per_group + 31u) / 32u;
    const uint32_t plane = (uint32_t)l->g.groups * blocks * l->taps * 4u;
    const int32_t total = hyst_int_total(l->patch, l->p->x_type, l->taps);
    int32_t *acc = (int32_t *)(void *)l->work; /* then the list */
    const uint32_t most = (uint32_t)l->p->shared, shared = blocks < most ? blocks : most;
    uint32_t b, i;
    for (b = 0; b < blocks; b += shared) {
        const uint32_t count = blocks - b < shared ? blocks - b : shared;
        const hyst_rom block =
            hyst_rom_at(l->w, ((uint32_t)group * blocks + b) * l->taps * 4u);
        hyst_int_sliced(l->patch, l->p->x_type, total, l->taps, block,
                        l->p->w_type == HYST_T2 ? hyst_rom_at(block, plane) : 0, count,
                        (uint16_t *)(void *)(acc + 32u * shared), acc);
        for (i = 0; i < count; i++) {
            const uint32_t o = (b + i) * 32u, left = l->per_group - o;
            hyst_sink_put(&l->sink, pixel, first + o, left < 32u ? left : 32u, acc + 32u * i);
        }
    }
}

/* 32-bit targets keep single positions, so the linker drops the tiled code there. */
static int32_t positions_at_once(const hyst_int_conv_params *p)
{
    const uint32_t taps = (uint32_t)p->kernel_h * (uint32_t)p->kernel_w
                          * ((uint32_t)p->in_c / (uint32_t)p->groups);
    const int32_t pays = HYST_WORD_BITS == 64 && p->layout != HYST_SLICED
                         && p->tile >= HYST_INT_LANES && p->x_type != HYST_I16
                         && p->w_type != HYST_T2 && taps <= HYST_INT_TILE_MOST;
    return pays ? p->tile : 1;
}

void hyst_int_conv(const hyst_int_conv_params *p, const void *x, hyst_rom w, hyst_rom t,
                   hyst_rom inv, void *out, void *out1, void *scratch)
{
    const int32_t pixels = p->out_h * p->out_w;
    const int32_t tile = positions_at_once(p);
    int32_t pixel, group;
    layer l;
    HYST_GEOMETRY(l.g, p);
    l.p = p;
    l.x = x;
    l.w = w;
    l.taps = hyst_geometry_taps(&l.g);
    l.patch = (unsigned char *)scratch;
    l.work = l.patch + hyst_plane_bytes(l.taps) * 8u * (p->x_type == HYST_I16 ? 2u : 1u);
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
    for (pixel = 0; pixel < pixels; pixel += tile) {
        for (group = 0; group < p->groups; group++) {
            if (tile > 1) {
                const int32_t count = pixels - pixel < tile ? pixels - pixel : tile;
                tiled(&l, (uint32_t)pixel, (uint32_t)count, group);
                continue;
            }
            hyst_patch_ints(&l.g, l.x, p->x_type, pixel / p->out_w, pixel % p->out_w, group,
                            l.patch);
            if (p->layout == HYST_SLICED) {
                sliced(&l, (uint32_t)pixel, group);
            } else {
                rows(&l, (uint32_t)pixel, group);
            }
        }
    }
}
