/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/op_argmax.h"

#include "hyst/elements.h"

/* 1 where a > b, without a comparison that a compiler may turn into a branch: constant-time
 * programs end here. The borrow of b - a (Warren, Hacker's Delight, 2-12), signs flipped. */
static uint32_t is_larger(int32_t a, int32_t b)
{
    const uint32_t x = (uint32_t)b ^ 0x80000000u, y = (uint32_t)a ^ 0x80000000u;
    return ((~x & y) | ((~x | y) & (x - y))) >> 31;
}

void hyst_argmax(const hyst_argmax_params *p, const void *x, void *out, void *scratch)
{
    const uint32_t count = (uint32_t)p->count;
    uint32_t best = 0, i;
    (void)scratch;
    for (i = 1; i < count; i++) {
        const uint32_t larger =
            p->x_type == HYST_F32 ? (uint32_t)(hyst_get_f32(x, i) > hyst_get_f32(x, best))
                                  : is_larger(hyst_get(x, p->x_type, count, i),
                                              hyst_get(x, p->x_type, count, best));
        best ^= (best ^ i) & (0u - larger);
    }
    hyst_put_i32(out, 0, (int32_t)best);
}
