/* SPDX-License-Identifier: Apache-2.0 */
/* Additions of 32 bits at once, one bit of 32 sums each. */
#ifndef HYST_CARRY_SAVE_H
#define HYST_CARRY_SAVE_H

#include "hyst/isa.h"

/* Inlined wherever it is called: planes of counters then stay in registers. */
#if defined(__GNUC__)
#define HYST_ALWAYS_INLINE __attribute__((always_inline)) static inline
#else
#define HYST_ALWAYS_INLINE static inline
#endif

/* Rare work with a large frame stays out of its caller's. */
#if defined(__GNUC__)
#define HYST_NEVER_INLINE __attribute__((noinline)) static
#else
#define HYST_NEVER_INLINE static
#endif

/* The same where SRAM is counted in bytes; elsewhere the compiler decides. */
#if defined(__AVR__)
#define HYST_APART HYST_NEVER_INLINE
#else
#define HYST_APART static
#endif

/* Adds a and b to *sum; returns the carry, of twice the weight. The majority as
 * a ^ ((a ^ sum) & (a ^ b)): fewer moves than and-or in two-operand code. */
HYST_ALWAYS_INLINE uint32_t hyst_full_add(uint32_t *sum, uint32_t a, uint32_t b)
{
    const uint32_t other = *sum ^ a, half = a ^ b;
    *sum ^= half;
    return a ^ (other & half);
}

/* Adds a to *sum; returns the carry. */
HYST_ALWAYS_INLINE uint32_t hyst_half_add(uint32_t *sum, uint32_t a)
{
    const uint32_t carry = *sum & a;
    *sum ^= a;
    return carry;
}

/* Batches of words leave one carry each, of one weight. Like the digits of a binary counter,
 * held[i] keeps a carry of 2^i times that weight until its pair comes, so a batch pays one full
 * addition of them on average instead of a ripple through all planes. planes[0] has that weight. */
HYST_ALWAYS_INLINE void hyst_hold_carry(uint32_t batch, uint32_t carry, uint32_t *held,
                                        uint32_t *planes)
{
    for (; batch & 1u; batch >>= 1) {
        carry = hyst_full_add(planes++, *held++, carry);
    }
    *held = carry;
}

/* Adds carry and what was held after so many batches; returns the carry for planes[*level]. */
HYST_ALWAYS_INLINE uint32_t hyst_release_carries(uint32_t batches, uint32_t carry,
                                                 const uint32_t *held, uint32_t *planes,
                                                 uint32_t *level)
{
    uint32_t digit;
    for (digit = 0; (batches >> digit) != 0u; digit++) {
        const uint32_t kept = ((batches >> digit) & 1u) ? held[digit] : 0u;
        carry = hyst_full_add(&planes[digit], kept, carry);
    }
    *level = digit;
    return carry;
}

#endif
