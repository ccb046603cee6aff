/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/op_fixed_head.h"

#include "hyst/elements.h"

/* Two's complement product modulo 2^64. */
static uint64_t product(int32_t a, int32_t b)
{
    return (uint64_t)((int64_t)a * (int64_t)b);
}

/* floor(value / 2^shift) of a two's complement value, saturated to 32 bits. */
static int32_t shift_saturate(uint64_t value, uint32_t shift)
{
    const uint64_t negative = value >> 63;
    uint64_t magnitude = (negative ? ~value : value) >> shift; /* -1 - value, or value */
    if (magnitude > (uint64_t)INT32_MAX) {
        magnitude = (uint64_t)INT32_MAX;
    }
    return negative ? -1 - (int32_t)magnitude : (int32_t)magnitude;
}

void hyst_fixed_head(const hyst_fixed_head_params *p, const void *x, hyst_rom m, hyst_rom d,
                     hyst_rom breaks, void *out, void *scratch)
{
    const uint32_t classes = (uint32_t)p->classes, positions = (uint32_t)p->positions;
    const uint32_t size = positions * classes;
    uint32_t c, s;
    int32_t b;
    (void)scratch;
    for (c = 0; c < classes; c++) {
        uint64_t sum = p->shift ? (uint64_t)1 << (p->shift - 1) : 0u;
        for (s = 0; s < positions; s++) {
            const int32_t n = hyst_get(x, p->x_type, size, s * classes + c);
            uint32_t piece = 0;
            for (b = 0; b + 1 < p->pieces; b++) {
                piece += hyst_rom_i32(breaks, (uint32_t)b * classes + c) <= n;
            }
            sum += product(hyst_rom_i32(m, piece * classes + c), n);
            sum += (uint64_t)(int64_t)hyst_rom_i32(d, piece * classes + c) << p->dshift;
        }
        hyst_put_i32(out, c, shift_saturate(sum, (uint32_t)p->shift));
    }
}
