/* SPDX-License-Identifier: Apache-2.0 */
/* binary32 arithmetic that is the same everywhere. Include first in float kernels.
 *
 * Every multiply and add is rounded to binary32: no fast-math, no extended
 * precision, no fused multiply-add. Compilers default to contraction (GCC in gnu
 * modes, clang >= 14), so it is switched off here whatever the command line says. */
#ifndef HYST_FLOAT_GUARD_H
#define HYST_FLOAT_GUARD_H

#include <float.h>
#include <stdint.h>

#if defined(__FAST_MATH__)
#error "hysteron's float kernels need IEEE arithmetic: compile them without -ffast-math"
#endif
#if defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD != 0
#error "hysteron's float kernels need FLT_EVAL_METHOD == 0 (on x86: -msse2 -mfpmath=sse)"
#endif
#if FLT_RADIX != 2 || FLT_MANT_DIG != 24 || FLT_MAX_EXP != 128
#error "hysteron's float kernels need binary32 float"
#endif

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#else
#pragma STDC FP_CONTRACT OFF
#endif

/* after the pragma: GCC inlines only functions of equal options */
#include "hyst/isa.h"

static inline float hyst_float_of(uint32_t bits)
{
    float value;
    HYST_COPY(&value, &bits, sizeof value);
    return value;
}

static inline uint32_t hyst_bits_of(float value)
{
    uint32_t bits;
    HYST_COPY(&bits, &value, sizeof bits);
    return bits;
}

static inline int hyst_is_nan(float value)
{
    return (hyst_bits_of(value) & 0x7fffffffu) > 0x7f800000u;
}

/* The payload of a NaN differs between processors; kernels write this one. */
static inline float hyst_canonical(float value)
{
    return hyst_is_nan(value) ? hyst_float_of(0x7fc00000u) : value;
}

#endif
