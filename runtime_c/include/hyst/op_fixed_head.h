/* SPDX-License-Identifier: Apache-2.0 */
/* Fixed-point output head.
 *
 * x: (positions, classes) integers; m, d: (pieces, classes) i32; breaks: (pieces - 1, classes).
 * out[c] = (sum_s (m[g] * n + d[g] * 2^dshift) + 2^(shift-1)) >> shift, modulo 2^64, then
 * saturated; g = number of breaks <= n. 0 <= shift, dshift <= 62.
 * Buffers are aligned to 8 bytes (4 on 32-bit targets) and do not overlap. Any bytes in
 * constants are memory-safe and defined. */
#ifndef HYST_OP_FIXED_HEAD_H
#define HYST_OP_FIXED_HEAD_H

#include "hyst/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* cffi:begin */
typedef struct hyst_fixed_head_params {
    int32_t positions;
    int32_t classes;
    int32_t pieces;
    int32_t x_type;
    int32_t shift;
    int32_t dshift;
} hyst_fixed_head_params;

void hyst_fixed_head(const hyst_fixed_head_params *p, const void *x, hyst_rom m, hyst_rom d, hyst_rom breaks, void *out, void *scratch);
/* cffi:end */

#ifdef __cplusplus
}
#endif

#endif
