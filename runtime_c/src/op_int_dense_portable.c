/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/op_int_dense.h"

#include "hyst/carry_save.h"
#include "hyst/int_rows.h"
#include "hyst/int_sliced.h"
#include "hyst/steps.h"

HYST_NEVER_INLINE void rows(const hyst_int_dense_params *p, const void *x, hyst_rom w,
                            void *planes, const hyst_sink *sink)
{
    const uint32_t k = (uint32_t)p->k, n = (uint32_t)p->n, stride = hyst_plane_bytes(k);
    const int32_t total = hyst_int_planes(x, p->x_type, k, planes);
    int32_t acc[32];
    uint32_t o;
    for (o = 0; o < n; o += 32u) {
        const uint32_t count = n - o < 32u ? n - o : 32u;
        const hyst_rom row = hyst_rom_at(w, o * stride);
        hyst_int_rows(planes, p->x_type, total, row,
                      p->w_type == HYST_T2 ? hyst_rom_at(row, n * stride) : 0, k, count, acc);
        hyst_sink_put(sink, 0, o, count, acc);
    }
}

HYST_NEVER_INLINE void sliced(const hyst_int_dense_params *p, const void *x, hyst_rom w, void *scratch,
                   const hyst_sink *sink)
{
    const uint32_t k = (uint32_t)p->k, n = (uint32_t)p->n, blocks = (n + 31u) / 32u;
    const uint32_t plane = blocks * k * 4u;
    const uint32_t most = (uint32_t)p->shared, shared = blocks < most ? blocks : most;
    const int32_t total = hyst_int_total(x, p->x_type, k);
    int32_t *acc = (int32_t *)scratch; /* then the list */
    uint32_t first, i;
    for (first = 0; first < blocks; first += shared) {
        const uint32_t left = blocks - first;
        const uint32_t count = left < shared ? left : shared;
        const hyst_rom at = hyst_rom_at(w, first * k * 4u);
        hyst_int_sliced(x, p->x_type, total, k, at,
                        p->w_type == HYST_T2 ? hyst_rom_at(at, plane) : 0, count,
                        (uint16_t *)(void *)(acc + 32u * shared), acc);
        for (i = 0; i < count; i++) {
            const uint32_t o = (first + i) * 32u;
            hyst_sink_put(sink, 0, o, n - o < 32u ? n - o : 32u, acc + 32u * i);
        }
    }
}

void hyst_int_dense(const hyst_int_dense_params *p, const void *x, hyst_rom w, hyst_rom t,
                    hyst_rom inv, void *out, void *out1, void *scratch)
{
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
    if (p->layout == HYST_SLICED) {
        sliced(p, x, w, scratch, &sink);
    } else {
        rows(p, x, w, scratch, &sink);
    }
}
