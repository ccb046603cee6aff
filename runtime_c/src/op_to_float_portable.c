/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/float_guard.h"

#include "hyst/elements.h"
#include "hyst/op_to_float.h"

void hyst_to_float(const hyst_to_float_params *p, const void *x, hyst_rom scale, hyst_rom zero,
                   void *out, void *scratch)
{
    const uint32_t count = (uint32_t)p->count;
    uint32_t i;
    (void)scratch;
    for (i = 0; i < count; i++) {
        const int32_t n = hyst_get(x, p->x_type, count, i);
        float y;
        if (p->scaled) {
            const uint32_t c = i % (uint32_t)p->channels;
            const int64_t exact = zero ? (int64_t)n - (int64_t)hyst_rom_i32(zero, c) : (int64_t)n;
            y = (float)exact * hyst_rom_f32(scale, c);
        } else {
            /* abs < 2^62 + 2^31 */
            const int64_t exact = (int64_t)p->num * (int64_t)n - (int64_t)p->zero_num;
            y = (float)exact / (float)p->den;
        }
        hyst_put_f32(out, i, hyst_canonical(y));
    }
}
