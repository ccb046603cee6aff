/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/op_bit_pool.h"

#include "hyst/elements.h"

/* OR over the window at (oy, ox) of n <= word channels from c. */
static hyst_word pooled(const hyst_bit_pool_params *p, const void *x, int32_t oy, int32_t ox,
                        uint32_t c, uint32_t n)
{
    const int32_t top = oy * p->stride_h - p->pad_top, left = ox * p->stride_w - p->pad_left;
    hyst_word bits = 0;
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
                bits |= hyst_get_bits(x, pixel * (uint32_t)p->channels + c, n);
            }
        }
    }
    return bits;
}

void hyst_bit_pool(const hyst_bit_pool_params *p, const void *x0, const void *x1, hyst_rom inv,
                   void *out, void *scratch)
{
    const uint32_t channels = (uint32_t)p->channels;
    uint32_t at = 0, c;
    int32_t oy, ox;
    (void)scratch;
    hyst_clear_bits(out, (uint32_t)p->out_h * (uint32_t)p->out_w * channels);
    for (oy = 0; oy < p->out_h; oy++) {
        for (ox = 0; ox < p->out_w; ox++) {
            for (c = 0; c < channels; c += HYST_WORD_BITS) {
                const uint32_t left = channels - c;
                const uint32_t n = left < HYST_WORD_BITS ? left : HYST_WORD_BITS;
                hyst_word bits = hyst_rom_bits(inv, c, n) ^ pooled(p, x0, oy, ox, c, n);
                if (x1) {
                    bits ^= pooled(p, x1, oy, ox, c, n);
                }
                hyst_or_bits(out, at, bits, n);
                at += n;
            }
        }
    }
}
