/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/op_max_pool_int.h"

#include "hyst/elements.h"

/* What a window without taps gives: the smallest or largest value of the encoding. */
static int32_t identity(int32_t type, int32_t minimum)
{
    switch (type) {
    case HYST_U8:
        return minimum ? 255 : 0;
    case HYST_I8:
        return minimum ? 127 : -128;
    case HYST_I16:
        return minimum ? 32767 : -32768;
    default:
        return minimum ? INT32_MAX : INT32_MIN;
    }
}

static int32_t pooled(const hyst_max_pool_int_params *p, const void *x, int32_t oy, int32_t ox,
                      uint32_t c)
{
    const int32_t top = oy * p->stride_h - p->pad_top, left = ox * p->stride_w - p->pad_left;
    int32_t best = identity(p->x_type, p->minimum), i, j;
    for (i = 0; i < p->kernel_h; i++) {
        const int32_t iy = top + i * p->dilation_h;
        if (iy < 0 || iy >= p->in_h) {
            continue;
        }
        for (j = 0; j < p->kernel_w; j++) {
            const int32_t ix = left + j * p->dilation_w;
            if (ix >= 0 && ix < p->in_w) {
                const uint32_t pixel = (uint32_t)iy * (uint32_t)p->in_w + (uint32_t)ix;
                const int32_t value =
                    hyst_get(x, p->x_type, 0, pixel * (uint32_t)p->channels + c);
                if (p->minimum ? value < best : value > best) {
                    best = value;
                }
            }
        }
    }
    return best;
}

void hyst_max_pool_int(const hyst_max_pool_int_params *p, const void *x, void *out, void *scratch)
{
    const uint32_t channels = (uint32_t)p->channels;
    const uint32_t bytes = hyst_element_bytes(p->x_type);
    unsigned char *to = (unsigned char *)out;
    int32_t oy, ox;
    uint32_t c;
    (void)scratch;
    for (oy = 0; oy < p->out_h; oy++) {
        for (ox = 0; ox < p->out_w; ox++) {
            for (c = 0; c < channels; c++, to += bytes) {
                const uint32_t value = (uint32_t)pooled(p, x, oy, ox, c);
                memcpy(to, &value, (size_t)bytes); /* little-endian: the low bytes come first */
            }
        }
    }
}
