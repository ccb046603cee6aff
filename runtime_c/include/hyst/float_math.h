/* SPDX-License-Identifier: Apache-2.0 */
/* exp and log with fixed roundings: only + - * / and bits, never libm.
 * compiler/hysteron/ops/kernel/_float.py makes the same roundings. */
#ifndef HYST_FLOAT_MATH_H
#define HYST_FLOAT_MATH_H

#include "hyst/float_guard.h"

/* log2(e) and ln 2 in two parts; HIGH has 15 significant bits, so that n * HIGH is
 * exact for abs(n) < 2^9 [Cody & Waite 1980, ch. 6]. */
#define HYST_LOG2_E hyst_float_of(0x3fb8aa3bu)
#define HYST_LN2_HIGH hyst_float_of(0x3f317200u)
#define HYST_LN2_LOW hyst_float_of(0x35bfbe8eu)

/* 2^n for -126 <= n <= 127 */
static inline float hyst_power_of_two(int32_t n)
{
    return hyst_float_of((uint32_t)(n + 127) << 23);
}

/* e^x; 0 below -104, infinite above 89, NaN for NaN. Error below 2 ulp for normal results. */
static inline float hyst_expf(float x)
{
    /* adding 1.5 * 2^23 rounds to the nearest integer, ties to even */
    const float rounder = 12582912.0f;
    float n, r, poly;
    int32_t power, half;
    if (hyst_is_nan(x)) {
        return hyst_float_of(0x7fc00000u);
    }
    if (x < -104.0f) {
        return 0.0f;
    }
    if (x > 89.0f) {
        return hyst_float_of(0x7f800000u);
    }
    n = x * HYST_LOG2_E + rounder;
    n = n - rounder;
    r = (x - n * HYST_LN2_HIGH) - n * HYST_LN2_LOW;
    /* Taylor series of e^r, abs(r) <= ln(2) / 2: the first left-out term is < 2^-27 */
    poly = 1.0f / 5040.0f;
    poly = poly * r + 1.0f / 720.0f;
    poly = poly * r + 1.0f / 120.0f;
    poly = poly * r + 1.0f / 24.0f;
    poly = poly * r + 1.0f / 6.0f;
    poly = poly * r + 0.5f;
    poly = (poly * r + 1.0f) * r + 1.0f;
    power = (int32_t)n; /* abs <= 151 */
    half = (power - (power < 0)) / 2; /* floor: two factors keep both in range */
    return poly * hyst_power_of_two(half) * hyst_power_of_two(power - half);
}

/* ln x of a positive normal x; infinity and NaN pass. Error below 2 ulp. */
static inline float hyst_logf(float x)
{
    const uint32_t bits = hyst_bits_of(x);
    int32_t exponent;
    float e, f, s, z, poly;
    if ((bits & 0x7fffffffu) >= 0x7f800000u) {
        return hyst_canonical(x);
    }
    /* 0x3f3504f3 is sqrt(1/2): m lies in [sqrt(1/2), sqrt(2)); floor of the quotient */
    exponent = (int32_t)((bits + (0x3f800000u - 0x3f3504f3u)) >> 23) - 127;
    f = hyst_float_of(bits - ((uint32_t)exponent << 23)) - 1.0f;
    e = (float)exponent;
    /* 2 atanh(s) = 2s + 2s^3/3 + ..., abs(s) < 0.172 */
    s = f / (2.0f + f);
    z = s * s;
    poly = 2.0f / 11.0f;
    poly = poly * z + 2.0f / 9.0f;
    poly = poly * z + 2.0f / 7.0f;
    poly = poly * z + 2.0f / 5.0f;
    poly = poly * z + 2.0f / 3.0f;
    return e * HYST_LN2_HIGH + ((s + s) + ((poly * z) * s + e * HYST_LN2_LOW));
}

#endif
