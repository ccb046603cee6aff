/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/op_argmax.h"

#include "hyst/elements.h"

void hyst_argmax(const hyst_argmax_params *p, const void *x, void *out, void *scratch)
{
    const uint32_t count = (uint32_t)p->count;
    uint32_t best = 0, i;
    (void)scratch;
    for (i = 1; i < count; i++) {
        const int32_t larger =
            p->x_type == HYST_F32
                ? hyst_get_f32(x, i) > hyst_get_f32(x, best)
                : hyst_get(x, p->x_type, count, i) > hyst_get(x, p->x_type, count, best);
        if (larger) {
            best = i;
        }
    }
    hyst_put_i32(out, 0, (int32_t)best);
}
