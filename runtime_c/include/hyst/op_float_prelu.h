/* SPDX-License-Identifier: Apache-2.0 */
/* Leaky rectifier.
 *
 * out = x < 0 ? x * slope : x; slope repeats with the given period.
 * Buffers are aligned to 8 bytes (4 on 32-bit targets) and do not overlap. Any bytes in
 * constants are memory-safe and defined. */
#ifndef HYST_OP_FLOAT_PRELU_H
#define HYST_OP_FLOAT_PRELU_H

#include "hyst/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* cffi:begin */
typedef struct hyst_float_prelu_params {
    int32_t count;
    int32_t period;
} hyst_float_prelu_params;

void hyst_float_prelu(const hyst_float_prelu_params *p, const void *x, hyst_rom slope, void
                      *out, void *scratch);
/* cffi:end */

#ifdef __cplusplus
}
#endif

#endif
