/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/op_float_pad.h"

#include "hyst/elements.h"

void hyst_float_pad(const hyst_float_pad_params *p, const void *x, hyst_rom value, void *out,
                    void *scratch)
{
    const uint32_t row = (uint32_t)p->out_w * (uint32_t)p->channels;
    const uint32_t used = (uint32_t)p->in_w * (uint32_t)p->channels;
    const uint32_t left = (uint32_t)p->pad_left * (uint32_t)p->channels;
    const uint32_t border = hyst_rom_load32(value, 0);
    int32_t y;
    (void)scratch;
    for (y = 0; y < p->out_h; y++) {
        const int32_t from = y - p->pad_top;
        uint32_t i;
        for (i = 0; i < row; i++) {
            const int inside = from >= 0 && from < p->in_h && i >= left && i - left < used;
            const uint32_t bits =
                inside ? hyst_load32(x, (uint32_t)from * used + (i - left)) : border;
            hyst_store32(out, (uint32_t)y * row + i, bits);
        }
    }
}
