"""binary32 arithmetic with a fixed order: what the C of the real tier does.

Every multiply and add is rounded to binary32; sums run over ascending indices
with one accumulator; nothing is fused. A NaN result is always the quiet NaN
0x7fc00000, because its payload differs between processors.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]

#: The one NaN that kernels write.
NAN: Final = np.array([0x7FC00000], dtype=np.uint32).view(np.float32)[0]

# exp: x = n*ln 2 + r, |r| <= ln(2)/2; ln 2 split so that n*LN2_HIGH is exact for |n| < 2^9
# [Cody & Waite 1980, ch. 6]; Taylor coefficients 1/k! of exp(r), error < 2^-26 for k <= 7.
LOG2_E: Final = np.float32(float.fromhex("0x1.715476p+0"))
LN2_HIGH: Final = np.float32(float.fromhex("0x1.62e4p-1"))
LN2_LOW: Final = np.float32(float.fromhex("0x1.7f7d1cp-20"))
EXP_COEFFICIENTS: Final = tuple(
    np.float32(1.0) / np.float32(k) for k in (5040.0, 720.0, 120.0, 24.0, 6.0, 2.0)
)
EXP_LOWEST: Final = np.float32(-104.0)
EXP_HIGHEST: Final = np.float32(89.0)
#: Adding 1.5*2^23 rounds |x| < 2^22 to the nearest integer, ties to even.
ROUNDER: Final = np.float32(12582912.0)

# log: x = 2^e * m, m in [sqrt(1/2), sqrt(2)); log m = 2*atanh(f/(2+f)), f = m - 1, as the odd
# series s + s^3/3 + s^5/5 + ..., |s| < 0.1716, next term < 2^-31.
LOG_COEFFICIENTS: Final = tuple(np.float32(2.0) / np.float32(k) for k in (11.0, 9.0, 7.0, 5.0, 3.0))


def canonical(x: npt.NDArray[Any]) -> F32:
    """Return binary32 with every NaN replaced by ``NAN``."""
    y = x.astype(np.float32, copy=False)
    return np.where(np.isnan(y), NAN, y)


def ordered_dot(x: F32, w: F32, valid: npt.NDArray[np.bool_] | None = None) -> F32:
    """Return sum_k x[n,k]*w[o,k] as (n, o), ascending k, without taps that are not valid[n,k]."""
    acc = np.zeros((x.shape[0], w.shape[0]), dtype=np.float32)
    with np.errstate(all="ignore"):
        for k in range(x.shape[1]):
            product = x[:, k, None] * w[None, :, k]
            following = acc + product
            acc = following if valid is None else np.where(valid[:, k, None], following, acc)
    return canonical(acc)


def ordered_sum(x: F32) -> F32:
    """Return the sum over the last axis, ascending, one accumulator."""
    acc = np.zeros(x.shape[:-1], dtype=np.float32)
    with np.errstate(all="ignore"):
        for index in range(x.shape[-1]):
            acc = acc + x[..., index]
    return acc


def exp(x: F32) -> F32:
    """Return e^x with the roundings of hyst_expf (runtime_c/include/hyst/float_math.h)."""
    with np.errstate(all="ignore"):
        inside = np.clip(np.where(np.isnan(x), np.float32(0), x), EXP_LOWEST, EXP_HIGHEST)
        rounded = inside * LOG2_E + ROUNDER
        n = rounded - ROUNDER
        r = (inside - n * LN2_HIGH) - n * LN2_LOW
        poly = np.full_like(r, EXP_COEFFICIENTS[0])
        for coefficient in EXP_COEFFICIENTS[1:]:
            poly = poly * r + coefficient
        value = (poly * r + np.float32(1)) * r + np.float32(1)
        power = n.astype(np.int32)
        half = power >> 1
        result = value * _power_of_two(half) * _power_of_two(power - half)
    result = np.where(x < EXP_LOWEST, np.float32(0), result)
    result = np.where(x > EXP_HIGHEST, np.float32(np.inf), result)
    return np.where(np.isnan(x), NAN, result)


def log(x: F32) -> F32:
    """Return ln x of a positive normal x with the roundings of hyst_logf; NaN and inf pass."""
    bits = x.astype(np.float32).view(np.int32).astype(np.int64)
    # 0x3f3504f3 is sqrt(1/2): the exponent changes there, so that m lies around 1.
    exponent = (bits - 0x3F3504F3) >> 23
    mantissa = (bits - (exponent << 23)).astype(np.int32).view(np.float32)
    e = exponent.astype(np.float32)
    with np.errstate(all="ignore"):
        f = mantissa - np.float32(1)
        s = f / (np.float32(2) + f)
        z = s * s
        poly = np.full_like(z, LOG_COEFFICIENTS[0])
        for coefficient in LOG_COEFFICIENTS[1:]:
            poly = poly * z + coefficient
        tail = (poly * z) * s + e * LN2_LOW
        result = e * LN2_HIGH + ((s + s) + tail)
    outside = np.isnan(x) | (x == np.inf)
    return np.where(outside, canonical(x), result)


def _power_of_two(n: npt.NDArray[np.int32]) -> F32:
    """Return 2^n for -126 <= n <= 127."""
    return ((n.astype(np.int32) + 127) << 23).astype(np.int32).view(np.float32)
