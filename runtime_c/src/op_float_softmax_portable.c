/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/float_math.h"

#include "hyst/elements.h"
#include "hyst/op_float_softmax.h"

void hyst_float_softmax(const hyst_float_softmax_params *p, const void *x, void *out, void *scratch)
{
    const uint32_t count = (uint32_t)p->count;
    float top = hyst_float_of(0xff800000u), total = 0.0f;
    uint32_t i;
    (void)scratch;
    for (i = 0; i < count; i++) {
        if (hyst_get_f32(x, i) > top) {
            top = hyst_get_f32(x, i);
        }
    }
    for (i = 0; i < count; i++) {
        total = total + hyst_expf(hyst_get_f32(x, i) - top);
    }
    if (p->log) {
        total = hyst_logf(total);
    }
    for (i = 0; i < count; i++) {
        const float shifted = hyst_get_f32(x, i) - top;
        hyst_put_f32(out, i,
                     hyst_canonical(p->log ? shifted - total : hyst_expf(shifted) / total));
    }
}
