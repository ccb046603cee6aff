/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/float_guard.h"

#include "hyst/elements.h"
#include "hyst/op_float_binary.h"

static float combine(int32_t kind, float a, float b)
{
    switch (kind) {
    case 0:
        return a + b;
    case 1:
        return a - b;
    case 2:
        return a * b;
    case 3:
        return a / b;
    case 4:
        return b - a;
    default:
        return b / a;
    }
}

void hyst_float_binary(const hyst_float_binary_params *p, const void *a, hyst_rom b, void *out,
                       void *scratch)
{
    uint32_t i;
    (void)scratch;
    for (i = 0; i < (uint32_t)p->count; i++) {
        const float other = hyst_rom_f32(b, i % (uint32_t)p->period);
        hyst_put_f32(out, i, hyst_canonical(combine(p->kind, hyst_get_f32(a, i), other)));
    }
}
