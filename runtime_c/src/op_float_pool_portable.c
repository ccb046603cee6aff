/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/float_guard.h"

#include "hyst/elements.h"
#include "hyst/op_float_pool.h"

enum { KIND_MAX = 0, KIND_SUM = 1, KIND_MEAN = 2 };

static float pooled(const hyst_float_pool_params *p, const void *x, int32_t oy, int32_t ox,
                    uint32_t c)
{
    const int32_t top = oy * p->stride_h - p->pad_top, left = ox * p->stride_w - p->pad_left;
    float acc = p->kind == KIND_MAX ? hyst_float_of(0xff800000u) : 0.0f;
    int32_t taps = 0, i, j;
    for (i = 0; i < p->kernel_h; i++) {
        const int32_t iy = top + i * p->dilation_h;
        if (iy < 0 || iy >= p->in_h) {
            continue;
        }
        for (j = 0; j < p->kernel_w; j++) {
            const int32_t ix = left + j * p->dilation_w;
            if (ix >= 0 && ix < p->in_w) {
                const uint32_t pixel = (uint32_t)iy * (uint32_t)p->in_w + (uint32_t)ix;
                const float value = hyst_get_f32(x, pixel * (uint32_t)p->channels + c);
                taps++;
                if (p->kind != KIND_MAX) {
                    acc = acc + value;
                } else if (value > acc) {
                    acc = value;
                }
            }
        }
    }
    /* no taps: 0 / 0, a NaN, is what a mean over nothing is */
    return hyst_canonical(p->kind == KIND_MEAN ? acc / (float)taps : acc);
}

void hyst_float_pool(const hyst_float_pool_params *p, const void *x, void *out, void *scratch)
{
    uint32_t at = 0, c;
    int32_t oy, ox;
    (void)scratch;
    for (oy = 0; oy < p->out_h; oy++) {
        for (ox = 0; ox < p->out_w; ox++) {
            for (c = 0; c < (uint32_t)p->channels; c++) {
                hyst_put_f32(out, at++, pooled(p, x, oy, ox, c));
            }
        }
    }
}
