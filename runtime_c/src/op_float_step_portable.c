/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/op_float_step.h"

#include "hyst/elements.h"

static int32_t bit_of(const hyst_float_step_params *p, float value, hyst_rom t,
                      hyst_rom inv, uint32_t plane, uint32_t c)
{
    const uint32_t channels = (uint32_t)p->channels, flips = (uint32_t)p->flips;
    int32_t bit = (int32_t)hyst_rom_bit(hyst_rom_at(inv, plane * hyst_plane_bytes(channels)), c);
    uint32_t f;
    for (f = 0; f < flips; f++) {
        bit ^= value >= hyst_rom_f32(t, (plane * flips + f) * channels + c);
    }
    return bit;
}

void hyst_float_step(const hyst_float_step_params *p, const void *x, hyst_rom t,
                     hyst_rom inv, void *out, void *out1, void *scratch)
{
    const uint32_t channels = (uint32_t)p->channels, size = (uint32_t)p->pixels * channels;
    const uint32_t planes = p->out_kind == HYST_OUT_B1 ? 1u : 2u;
    uint32_t plane, at;
    (void)scratch;
    for (plane = 0; plane < planes; plane++) {
        unsigned char *to = (unsigned char *)out;
        if (plane == 1u) {
            to = p->out_kind == HYST_OUT_T2 ? to + hyst_plane_bytes(size) : (unsigned char *)out1;
        }
        hyst_clear_bits(to, size);
        for (at = 0; at < size; at++) {
            if (bit_of(p, hyst_get_f32(x, at), t, inv, plane, at % channels)) {
                hyst_set_bit(to, at);
            }
        }
    }
}
