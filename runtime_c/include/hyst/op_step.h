/* SPDX-License-Identifier: Apache-2.0 */
/* Thresholds on an integer tensor.
 *
 * x: pixels * channels integers of any encoding.
 * t: i16 or i32 (planes, flips, channels); inv: each plane's bits padded to 8 bytes. out1: second
 * output of HYST_OUT_B1X2, else NULL.
 * Buffers are aligned to 8 bytes (4 on 32-bit targets) and do not overlap. Any bytes in
 * constants are memory-safe and defined. */
#ifndef HYST_OP_STEP_H
#define HYST_OP_STEP_H

#include "hyst/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* cffi:begin */
typedef struct hyst_step_params {
    int32_t pixels;
    int32_t channels;
    int32_t x_type;
    int32_t t_type;
    int32_t out_kind;
    int32_t flips;
} hyst_step_params;

void hyst_step(const hyst_step_params *p, const void *x, hyst_rom t, hyst_rom inv, void
               *out, void *out1, void *scratch);
/* cffi:end */

#ifdef __cplusplus
}
#endif

#endif
