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

#endif
