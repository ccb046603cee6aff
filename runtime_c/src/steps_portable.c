/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/steps.h"

#include "hyst/ge_bits.h"

void hyst_sink_begin(hyst_sink *sink)
{
    if (sink->out_kind == HYST_OUT_I32) {
        return;
    }
    if (sink->out_kind == HYST_OUT_T2) {
        sink->out[1] = (unsigned char *)sink->out[0] + hyst_plane_bytes(sink->size);
    }
    hyst_clear_bits(sink->out[0], sink->size);
    if (sink->out_kind != HYST_OUT_B1) {
        hyst_clear_bits(sink->out[1], sink->size);
    }
}

/* ORs n <= 32 bits in; a whole aligned word is stored directly. */
static void put_bits(void *out, uint32_t at, uint32_t bits, uint32_t n)
{
    if (n == 32u && at % 32u == 0u) {
        hyst_store32(out, at / 32u, bits);
    } else {
        hyst_or_bits(out, at, bits, n);
    }
}

void hyst_sink_bits(const hyst_sink *sink, uint32_t pixel, uint32_t c0, uint32_t n, uint32_t p,
                    uint32_t bits)
{
    const hyst_rom inv = hyst_rom_at(sink->inv, p * hyst_plane_bytes(sink->channels));
    bits = (bits & (0xffffffffu >> (32u - n))) ^ (uint32_t)hyst_rom_bits(inv, c0, n);
    put_bits(sink->out[p], pixel * sink->channels + c0, bits, n);
}

void hyst_sink_put(const hyst_sink *sink, uint32_t pixel, uint32_t c0, uint32_t n,
                   const int32_t *acc)
{
    const uint32_t planes = hyst_sink_planes(sink);
    uint32_t p, f;
    if (planes == 0u) {
        for (p = 0; p < n; p++) {
            hyst_put_i32(sink->out[0], pixel * sink->channels + c0 + p, acc[p]);
        }
        return;
    }
    for (p = 0; p < planes; p++) {
        uint32_t bits = 0;
        for (f = 0; f < sink->flips; f++) {
            bits ^= hyst_ge_bits(acc, sink->t, sink->t_type,
                                 (p * sink->flips + f) * sink->channels + c0, n);
        }
        hyst_sink_bits(sink, pixel, c0, n, p, bits);
    }
}

void hyst_sink_put_words(const hyst_sink *sink, const int32_t *pixel_of, uint32_t count,
                         uint32_t c0, uint32_t n, const uint32_t *bits)
{
    const uint32_t inverted = (uint32_t)hyst_rom_bits(sink->inv, c0, n);
    uint32_t p;
    for (p = 0; p < count; p++) {
        if (pixel_of[p] >= 0) {
            put_bits(sink->out[0], (uint32_t)pixel_of[p] * sink->channels + c0, bits[p] ^ inverted,
                     n);
        }
    }
}

void hyst_sink_put_all(const hyst_sink *sink, const int32_t *pixel_of, uint32_t count, uint32_t c0,
                       uint32_t n, const int32_t *acc)
{
    uint32_t p;
    for (p = 0; p < count; p++) {
        if (pixel_of[p] >= 0) {
            hyst_sink_put(sink, (uint32_t)pixel_of[p], c0, n, acc + 32u * p);
        }
    }
}
