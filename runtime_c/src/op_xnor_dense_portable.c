/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/op_xnor_dense.h"

#include "hyst/carry_save.h"
#include "hyst/sliced_ct.h"
#include "hyst/xnor_rows.h"

/* Writes which elements of a ternary vector count: positive differs from negative. */
static void ternary_mask(const void *x, uint32_t k, void *mask)
{
    const unsigned char *negative = (const unsigned char *)x + hyst_plane_bytes(k);
    uint32_t i;
    for (i = 0; i < hyst_words(k); i++) {
        hyst_store(mask, i, hyst_load(x, i) ^ hyst_load(negative, i));
    }
}

HYST_NEVER_INLINE void rows(const hyst_xnor_dense_params *p, const void *x, const void *mask,
                            hyst_rom w, const hyst_sink *sink)
{
    const uint32_t k = (uint32_t)p->k, n = (uint32_t)p->n, stride = hyst_plane_bytes(k);
    int32_t acc[32];
    uint32_t o;
    for (o = 0; o < n; o += 32u) {
        const uint32_t count = n - o < 32u ? n - o : 32u;
        const hyst_rom at = hyst_rom_at(w, o * stride);
        hyst_xnor_rows(x, mask, at, p->w_type == HYST_T2 ? hyst_rom_at(at, n * stride) : 0, k, count, acc);
        hyst_sink_put(sink, 0, o, count, acc);
    }
}

/* A ternary input, or ternary weights without sums: both lists. */
HYST_NEVER_INLINE void sliced_both(const hyst_sliced_layer *layer,
                                   const hyst_xnor_dense_params *p, const void *x,
                                   const void *mask, uint32_t plane, uint16_t *lists)
{
    hyst_sliced_list set, clear;
    int32_t acc[32];
    uint32_t b;
    set.at = lists;
    clear.at = lists + layer->k;
    hyst_list_bits(x, mask, 0, layer->k, &set);
    hyst_list_bits(x, mask, 0xffffffffu, layer->k, &clear);
    for (b = 0; b < hyst_sliced_blocks(layer->n); b++) {
        const hyst_rom at = hyst_sliced_block(layer, b);
        const uint32_t left = layer->n - b * 32u;
        hyst_xnor_sliced(&set, &clear, at, p->w_type == HYST_T2 ? hyst_rom_at(at, plane) : 0, acc);
        hyst_sink_put(layer->sink, 0, b * 32u, left < 32u ? left : 32u, acc);
    }
}

static void sliced(const hyst_xnor_dense_params *p, const void *x, const void *mask, hyst_rom w,
                   const void *sums, void *lists, const hyst_sink *sink)
{
    uint16_t *const at = (uint16_t *)lists;
    hyst_sliced_layer layer;
    uint32_t plane;
    layer.k = (uint32_t)p->k;
    layer.n = (uint32_t)p->n;
    layer.planes = hyst_sliced_planes(layer.k);
    layer.w = w;
    layer.sums = sums;
    layer.sink = sink;
    plane = hyst_sliced_blocks(layer.n) * layer.k * 4u;
    if (p->layout == HYST_SLICED_CT) {
        hyst_sliced_ct_bits(&layer, x, 0, 0);
    } else if (!mask && p->w_type == HYST_B1) {
        hyst_sliced_bits(&layer, x, 0, 0, at);
    } else if (!mask && sums) {
        hyst_sliced_ternary(&layer, x, plane, 0, 0, at);
    } else {
        sliced_both(&layer, p, x, mask, plane, at);
    }
}

void hyst_xnor_dense(const hyst_xnor_dense_params *p, const void *x, hyst_rom w, hyst_rom t,
                     hyst_rom inv, void *out, void *out1, const void *sums, void *scratch)
{
    unsigned char *mask = (unsigned char *)scratch;
    hyst_sink sink;
    sink.out_kind = p->out_kind;
    sink.t_type = p->t_type;
    sink.flips = (uint32_t)p->flips;
    sink.channels = (uint32_t)p->n;
    sink.size = (uint32_t)p->n;
    sink.t = t;
    sink.inv = inv;
    sink.out[0] = out;
    sink.out[1] = out1;
    hyst_sink_begin(&sink);
    if (p->x_type == HYST_T2) {
        ternary_mask(x, (uint32_t)p->k, mask);
    }
    if (p->layout != HYST_ROWS && p->x_type == HYST_B1) {
        sliced(p, x, NULL, w, sums, scratch, &sink);
    } else if (p->layout != HYST_ROWS) {
        sliced(p, x, mask, w, NULL, mask + hyst_plane_bytes((uint32_t)p->k), &sink);
    } else {
        rows(p, x, p->x_type == HYST_T2 ? mask : NULL, w, &sink);
    }
}
