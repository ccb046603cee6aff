/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/op_xnor_dense.h"

#include "hyst/steps.h"
#include "hyst/xnor_rows.h"
#include "hyst/xnor_sliced.h"

/* Writes which elements of a ternary vector count: positive differs from negative. */
static void ternary_mask(const void *x, uint32_t k, void *mask)
{
    const unsigned char *negative = (const unsigned char *)x + hyst_plane_bytes(k);
    uint32_t i;
    for (i = 0; i < hyst_words(k); i++) {
        hyst_store(mask, i, hyst_load(x, i) ^ hyst_load(negative, i));
    }
}

static void rows(const hyst_xnor_dense_params *p, const void *x, const void *mask, const void *w,
                 const hyst_sink *sink)
{
    const uint32_t k = (uint32_t)p->k, n = (uint32_t)p->n, stride = hyst_plane_bytes(k);
    const unsigned char *row = (const unsigned char *)w;
    int32_t acc[32];
    uint32_t o;
    for (o = 0; o < n; o += 32u) {
        const uint32_t count = n - o < 32u ? n - o : 32u;
        const unsigned char *at = row + o * stride;
        hyst_xnor_rows(x, mask, at, p->w_type == HYST_T2 ? at + n * stride : NULL, k, count, acc);
        hyst_sink_put(sink, 0, o, count, acc);
    }
}

static void sliced(const hyst_xnor_dense_params *p, const void *x, const void *mask, const void *w,
                   const void *sums, void *lists, const hyst_sink *sink)
{
    const uint32_t n = (uint32_t)p->n, block = (uint32_t)p->k * 4u;
    const unsigned char *at = (const unsigned char *)w;
    const uint32_t plane = (n + 31u) / 32u * block;
    hyst_sliced_input input;
    int32_t acc[32];
    uint32_t o;
    input.k = (uint32_t)p->k;
    input.lists = (uint16_t *)lists;
    hyst_sliced_lists(&input, x, mask, sums != NULL && mask == NULL);
    for (o = 0; o < n; o += 32u, at += block) {
        const uint32_t count = n - o < 32u ? n - o : 32u;
        hyst_xnor_sliced(&input, at, p->w_type == HYST_T2 ? at + plane : NULL, sums, o, count, acc);
        hyst_sink_put(sink, 0, o, count, acc);
    }
}

void hyst_xnor_dense(const hyst_xnor_dense_params *p, const void *x, const void *w, const void *t,
                     const void *inv, void *out, void *out1, const void *sums, void *scratch)
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
    if (p->layout == HYST_SLICED) {
        sliced(p, x, p->x_type == HYST_T2 ? mask : NULL, w, sums,
               mask + hyst_plane_bytes((uint32_t)p->k), &sink);
    } else {
        rows(p, x, p->x_type == HYST_T2 ? mask : NULL, w, &sink);
    }
}
