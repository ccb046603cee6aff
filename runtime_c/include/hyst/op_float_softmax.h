/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax and log-softmax.
 *
 * x: count binary32; log 0 or 1.
 * Buffers are aligned to 8 bytes (4 on 32-bit targets) and do not overlap. Any bytes in
 * constants are memory-safe and defined. */
#ifndef HYST_OP_FLOAT_SOFTMAX_H
#define HYST_OP_FLOAT_SOFTMAX_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* cffi:begin */
typedef struct hyst_float_softmax_params {
    int32_t count;
    int32_t log;
} hyst_float_softmax_params;

void hyst_float_softmax(const hyst_float_softmax_params *p, const void *x, void *out, void
                        *scratch);
/* cffi:end */

#ifdef __cplusplus
}
#endif

#endif
