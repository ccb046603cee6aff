/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/float_guard.h"

#include "hyst/elements.h"
#include "hyst/op_float_clip.h"

void hyst_float_clip(const hyst_float_clip_params *p, const void *x, hyst_rom lohi, void *out,
                     void *scratch)
{
    const float low = hyst_rom_f32(lohi, 0), high = hyst_rom_f32(lohi, 1);
    uint32_t i;
    (void)scratch;
    for (i = 0; i < (uint32_t)p->count; i++) {
        float y = hyst_get_f32(x, i);
        if (y < low) {
            y = low;
        }
        if (y > high) {
            y = high;
        }
        hyst_put_f32(out, i, hyst_canonical(y));
    }
}
