/* SPDX-License-Identifier: Apache-2.0 */
/* Float inputs, dense.
 *
 * x: k binary32; w: n rows of k binary32, or bit rows (b1, t2). Ascending, one
 * accumulator, every multiply and add rounded.
 * Buffers are aligned to 8 bytes (4 on 32-bit targets) and do not overlap. Any bytes in
 * constants are memory-safe and defined. */
#ifndef HYST_OP_FLOAT_DENSE_H
#define HYST_OP_FLOAT_DENSE_H

#include "hyst/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* cffi:begin */
typedef struct hyst_float_dense_params {
    int32_t k;
    int32_t n;
    int32_t w_type;
} hyst_float_dense_params;

void hyst_float_dense(const hyst_float_dense_params *p, const void *x, hyst_rom w, void *out,
                      void *scratch);
/* cffi:end */

#ifdef __cplusplus
}
#endif

#endif
