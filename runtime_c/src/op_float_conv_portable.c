/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/float_rows.h"

#include "hyst/op_float_conv.h"

/* Adds the taps of one window position for count outputs from o of a group. */
static void window(const hyst_float_conv_params *p, const hyst_float_weights *q, const void *x,
                   int32_t pixel, int32_t group, uint32_t o, uint32_t count, float *acc)
{
    const int32_t top = pixel / p->out_w * p->stride_h - p->pad_top;
    const int32_t left = pixel % p->out_w * p->stride_w - p->pad_left;
    const uint32_t depth = (uint32_t)(p->in_c / p->groups);
    uint32_t at = 0, c;
    int32_t kh, kw;
    for (kh = 0; kh < p->kernel_h; kh++) {
        const int32_t y = top + kh * p->dilation_h;
        for (kw = 0; kw < p->kernel_w; kw++, at += depth) {
            const int32_t column = left + kw * p->dilation_w;
            const int32_t inside = y >= 0 && y < p->in_h && column >= 0 && column < p->in_w;
            const uint32_t from = inside ? ((uint32_t)y * (uint32_t)p->in_w + (uint32_t)column)
                                                   * (uint32_t)p->in_c
                                               + (uint32_t)group * depth
                                         : 0u;
            if (!inside && p->pad_value == 0) {
                continue;
            }
            for (c = 0; c < depth; c++) {
                const float value = inside ? hyst_get_f32(x, from + c) : (float)p->pad_value;
                hyst_float_tap(q, o, count, at + c, value, acc);
            }
        }
    }
}

void hyst_float_conv(const hyst_float_conv_params *p, const void *x, hyst_rom w, void *out,
                     void *scratch)
{
    const uint32_t per_group = (uint32_t)(p->out_c / p->groups);
    hyst_float_weights q;
    int32_t pixel, group;
    uint32_t o, j;
    (void)scratch;
    q.w = w;
    q.type = p->w_type;
    q.n = (uint32_t)p->out_c;
    q.k = (uint32_t)p->kernel_h * (uint32_t)p->kernel_w * (uint32_t)(p->in_c / p->groups);
    for (pixel = 0; pixel < p->out_h * p->out_w; pixel++) {
        for (group = 0; group < p->groups; group++) {
            for (o = 0; o < per_group; o += HYST_LANES) {
                const uint32_t left = per_group - o, first = (uint32_t)group * per_group + o;
                const uint32_t count = left < HYST_LANES ? left : HYST_LANES;
                float acc[HYST_LANES] = {0};
                window(p, &q, x, pixel, group, first, count, acc);
                for (j = 0; j < count; j++) {
                    hyst_put_f32(out, (uint32_t)pixel * q.n + first + j, hyst_canonical(acc[j]));
                }
            }
        }
    }
}
