/* SPDX-License-Identifier: Apache-2.0 */
/* Joining tensors along an axis.
 *
 * outer times: runI elements of each input xI (0: absent, pointer NULL).
 * Buffers are aligned to 8 bytes (4 on 32-bit targets) and do not overlap. Any bytes in
 * constants are memory-safe and defined. */
#ifndef HYST_OP_CONCAT_H
#define HYST_OP_CONCAT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* cffi:begin */
typedef struct hyst_concat_params {
    int32_t x_type;
    int32_t outer;
    int32_t run0;
    int32_t run1;
    int32_t run2;
    int32_t run3;
    int32_t run4;
    int32_t run5;
    int32_t run6;
    int32_t run7;
} hyst_concat_params;

void hyst_concat(const hyst_concat_params *p, const void *x0, const void *x1, const void *x2,
                 const void *x3, const void *x4, const void *x5, const void *x6, const void *x7,
                 void *out, void *scratch);
/* cffi:end */

#ifdef __cplusplus
}
#endif

#endif
