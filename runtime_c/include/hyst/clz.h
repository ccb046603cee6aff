/* SPDX-License-Identifier: Apache-2.0 */
/* Leading zeros, for the cores that count them in one instruction. */
#ifndef HYST_CLZ_H
#define HYST_CLZ_H

#include <stdint.h>

/* 1 where counting leading zeros is an instruction. */
#if defined(__ARM_FEATURE_CLZ) || defined(__riscv_zbb) || defined(__x86_64__) || defined(__aarch64__)
#define HYST_FAST_CLZ 1
#else
#define HYST_FAST_CLZ 0
#endif

/* Zeros above the highest one of x != 0. */
static inline uint32_t hyst_leading_zeros(uint32_t x)
{
#if defined(__GNUC__)
    return (uint32_t)__builtin_clz((unsigned int)x);
#else
    uint32_t zeros = 0;
    for (; !(x >> 31); x <<= 1) {
        zeros++;
    }
    return zeros;
#endif
}

#endif
