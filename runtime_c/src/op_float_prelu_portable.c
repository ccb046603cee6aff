/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/float_guard.h"

#include "hyst/elements.h"
#include "hyst/op_float_prelu.h"

void hyst_float_prelu(const hyst_float_prelu_params *p, const void *x, hyst_rom slope, void *out,
                      void *scratch)
{
    uint32_t i;
    (void)scratch;
    for (i = 0; i < (uint32_t)p->count; i++) {
        float y = hyst_get_f32(x, i);
        if (y < 0.0f) {
            y = y * hyst_rom_f32(slope, i % (uint32_t)p->period);
        }
        hyst_put_f32(out, i, hyst_canonical(y));
    }
}
