/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/op_sum_pool.h"

#include "hyst/elements.h"

static uint32_t window_sum(const hyst_sum_pool_params *p, const void *x, int32_t oy, int32_t ox,
                           uint32_t c)
{
    const uint32_t size = (uint32_t)p->in_h * (uint32_t)p->in_w * (uint32_t)p->channels;
    const int32_t top = oy * p->stride_h - p->pad_top, left = ox * p->stride_w - p->pad_left;
    uint32_t sum = 0;
    int32_t i, j;
    for (i = 0; i < p->kernel_h; i++) {
        const int32_t iy = top + i * p->dilation_h;
        if (iy < 0 || iy >= p->in_h) {
            continue;
        }
        for (j = 0; j < p->kernel_w; j++) {
            const int32_t ix = left + j * p->dilation_w;
            if (ix >= 0 && ix < p->in_w) {
                const uint32_t pixel = (uint32_t)iy * (uint32_t)p->in_w + (uint32_t)ix;
                sum += (uint32_t)hyst_get(x, p->x_type, size, pixel * (uint32_t)p->channels + c);
            }
        }
    }
    return sum;
}

void hyst_sum_pool(const hyst_sum_pool_params *p, const void *x, void *out, void *scratch)
{
    const uint32_t channels = (uint32_t)p->channels;
    uint32_t at = 0, c;
    int32_t oy, ox;
    (void)scratch;
    for (oy = 0; oy < p->out_h; oy++) {
        for (ox = 0; ox < p->out_w; ox++) {
            for (c = 0; c < channels; c++) {
                hyst_store32(out, at++, window_sum(p, x, oy, ox, c));
            }
        }
    }
}
