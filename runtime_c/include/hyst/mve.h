/* SPDX-License-Identifier: Apache-2.0 */
/* Armv8.1-M MVE: additions of four times 32 bits at once, one bit of 128 sums each. */
#ifndef HYST_MVE_H
#define HYST_MVE_H

#include <arm_mve.h>

#include "hyst/carry_save.h"

typedef uint32x4_t hyst_vec;

/* Adds a and b to *sum; returns the carry, of twice the weight (hyst_full_add). */
HYST_ALWAYS_INLINE hyst_vec hyst_full_add4(hyst_vec *sum, hyst_vec a, hyst_vec b)
{
    const hyst_vec other = veorq_u32(*sum, a), half = veorq_u32(a, b);
    *sum = veorq_u32(*sum, half);
    return veorq_u32(a, vandq_u32(other, half));
}

/* Adds a to *sum; returns the carry. */
HYST_ALWAYS_INLINE hyst_vec hyst_half_add4(hyst_vec *sum, hyst_vec a)
{
    const hyst_vec carry = vandq_u32(*sum, a);
    *sum = veorq_u32(*sum, a);
    return carry;
}

/* A batch of 16 vectors leaves a carry of weight 16; those of eight batches are added at once. */
#define HYST_BATCHES 8u
#define HYST_LOW_PLANES 7u

/* A word in the first lane. */
HYST_ALWAYS_INLINE hyst_vec hyst_first_lane(uint32_t word)
{
    return vsetq_lane_u32(word, vdupq_n_u32(0), 0);
}

/* Adds the carries of four batches, of weight 16; returns one of weight 64. */
HYST_ALWAYS_INLINE hyst_vec hyst_add_half(hyst_vec *s, const hyst_vec *carry)
{
    const hyst_vec a = hyst_full_add4(s + 4, carry[0], carry[1]);
    return hyst_full_add4(s + 5, a, hyst_full_add4(s + 4, carry[2], carry[3]));
}

/* The same of eight; returns one of weight 128. */
HYST_ALWAYS_INLINE hyst_vec hyst_add_carries(hyst_vec *s, const hyst_vec *carry)
{
    const hyst_vec a = hyst_add_half(s, carry), b = hyst_add_half(s, carry + 4);
    return hyst_full_add4(s + 6, a, b);
}

/* Planes of the lanes' counts: the lower ones stay in registers. */
typedef struct hyst_counters {
    hyst_vec low[HYST_LOW_PLANES], high[16u - HYST_LOW_PLANES];
    uint32_t top;
} hyst_counters;

/* x in the first lane, 0 in the others. */
HYST_ALWAYS_INLINE void hyst_counters_begin(hyst_counters *c, const uint32_t *x, uint32_t top)
{
    static const uint32_t none[16] = {0};
    uint32_t p;
    x = x ? x : none;
    c->low[0] = hyst_first_lane(x[0]), c->low[1] = hyst_first_lane(x[1]), c->low[2] = hyst_first_lane(x[2]);
    c->low[3] = hyst_first_lane(x[3]), c->low[4] = hyst_first_lane(x[4]), c->low[5] = hyst_first_lane(x[5]);
    c->low[6] = hyst_first_lane(x[6]);
    c->top = top;
    for (p = HYST_LOW_PLANES; p < top; p++) {
        c->high[p - HYST_LOW_PLANES] = hyst_first_lane(x[p]);
    }
}

/* Adds a carry of weight 128. */
HYST_ALWAYS_INLINE void hyst_counters_add(hyst_counters *c, hyst_vec carry)
{
    uint32_t p;
    for (p = HYST_LOW_PLANES; p < c->top; p++) {
        carry = hyst_half_add4(&c->high[p - HYST_LOW_PLANES], carry);
    }
}

/* Stores the lanes of a plane, then moves to the next. */
HYST_ALWAYS_INLINE void hyst_put_plane(uint32_t **to, uint32_t plane, hyst_vec lanes, hyst_vec value)
{
    vstrwq_scatter_offset_u32(*to, lanes, value);
    *to += plane;
}

HYST_ALWAYS_INLINE void hyst_counters_put(const hyst_counters *c, uint32_t *to, uint32_t plane, uint32_t lane)
{
    const hyst_vec lanes = vmulq_n_u32(vidupq_n_u32(0, 4), lane);
    uint32_t p;
    hyst_put_plane(&to, plane, lanes, c->low[0]);
    hyst_put_plane(&to, plane, lanes, c->low[1]);
    hyst_put_plane(&to, plane, lanes, c->low[2]);
    hyst_put_plane(&to, plane, lanes, c->low[3]);
    hyst_put_plane(&to, plane, lanes, c->low[4]);
    hyst_put_plane(&to, plane, lanes, c->low[5]);
    hyst_put_plane(&to, plane, lanes, c->low[6]);
    for (p = HYST_LOW_PLANES; p < c->top; p++) {
        hyst_put_plane(&to, plane, lanes, c->high[p - HYST_LOW_PLANES]);
    }
}

#endif
