/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/op_step.h"

#include "hyst/steps.h"

void hyst_step(const hyst_step_params *p, const void *x, hyst_rom t, hyst_rom inv, void *out,
               void *out1, void *scratch)
{
    const uint32_t channels = (uint32_t)p->channels, pixels = (uint32_t)p->pixels;
    const uint32_t size = pixels * channels;
    hyst_sink sink;
    uint32_t pixel, c, j;
    int32_t acc[32];
    (void)scratch;
    sink.out_kind = p->out_kind;
    sink.t_type = p->t_type;
    sink.flips = (uint32_t)p->flips;
    sink.channels = channels;
    sink.size = size;
    sink.t = t;
    sink.inv = inv;
    sink.out[0] = out;
    sink.out[1] = out1;
    hyst_sink_begin(&sink);
    for (pixel = 0; pixel < pixels; pixel++) {
        for (c = 0; c < channels; c += 32u) {
            const uint32_t n = channels - c < 32u ? channels - c : 32u;
            for (j = 0; j < n; j++) {
                acc[j] = hyst_get(x, p->x_type, size, pixel * channels + c + j);
            }
            hyst_sink_put(&sink, pixel, c, n, acc);
        }
    }
}
