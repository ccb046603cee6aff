/* SPDX-License-Identifier: Apache-2.0 */
/* Weighted sum of two integer tensors.
 *
 * out = p * a + q * b, i32, modulo 2^32.
 * Buffers are aligned to 8 bytes (4 on 32-bit targets) and do not overlap. Any bytes in
 * constants are memory-safe and defined. */
#ifndef HYST_OP_INT_ADD_H
#define HYST_OP_INT_ADD_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* cffi:begin */
typedef struct hyst_int_add_params {
    int32_t count;
    int32_t a_type;
    int32_t b_type;
    int32_t p;
    int32_t q;
} hyst_int_add_params;

void hyst_int_add(const hyst_int_add_params *p, const void *a, const void *b, void *out, void
                  *scratch);
/* cffi:end */

#ifdef __cplusplus
}
#endif

#endif
