/* SPDX-License-Identifier: Apache-2.0 */
/* Element-wise arithmetic on floats.
 *
 * b repeats with the given period. kind: 0 a+b, 1 a-b, 2 a*b, 3 a/b, 4 b-a, 5 b/a.
 * Buffers are aligned to 8 bytes (4 on 32-bit targets) and do not overlap. Any bytes in
 * constants are memory-safe and defined. */
#ifndef HYST_OP_FLOAT_BINARY_H
#define HYST_OP_FLOAT_BINARY_H

#include "hyst/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* cffi:begin */
typedef struct hyst_float_binary_params {
    int32_t count;
    int32_t period;
    int32_t kind;
} hyst_float_binary_params;

void hyst_float_binary(const hyst_float_binary_params *p, const void *a, hyst_rom b, void
                       *out, void *scratch);
/* cffi:end */

#ifdef __cplusplus
}
#endif

#endif
