/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/float_rows.h"

#include "hyst/op_float_dense.h"

void hyst_float_dense(const hyst_float_dense_params *p, const void *x, hyst_rom w, void *out,
                      void *scratch)
{
    hyst_float_weights q;
    uint32_t o, i, j;
    (void)scratch;
    q.w = w;
    q.type = p->w_type;
    q.n = (uint32_t)p->n;
    q.k = (uint32_t)p->k;
    for (o = 0; o < q.n; o += HYST_LANES) {
        const uint32_t count = q.n - o < HYST_LANES ? q.n - o : HYST_LANES;
        float acc[HYST_LANES] = {0};
        for (i = 0; i < q.k; i++) {
            hyst_float_tap(&q, o, count, i, hyst_get_f32(x, i), acc);
        }
        for (j = 0; j < count; j++) {
            hyst_put_f32(out, o + j, hyst_canonical(acc[j]));
        }
    }
}
